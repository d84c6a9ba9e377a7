"""Weight files: where they are looked for, what is shipped, how they are checked and loaded."""

from __future__ import annotations

import hashlib
import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from platformdirs import user_data_path
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from almrr_core.errors import ErrorCode, StationError
from almrr_core.files import resources
from almrr_core.models.backbone import Backbone
from almrr_core.models.download import FOLDER_VARIABLE, Progress, download

APP = "almrr-line-inspector"
ADDRESS = "https://download.pytorch.org/models/"
# the eight digits before the suffix are the start of the file's SHA-256
OFFICIAL = {"resnet18": "resnet18-f37072fd.pth", "resnet50": "resnet50-0676ba61.pth"}
SHIPPED = "texture18"  # our own, from generated textures alone: needs no download and no licence but ours
SEES = "sees"  # in a .safetensors file's metadata: what its backbone is shown; without it the plain picture
SUFFIXES = (".safetensors", ".pth", ".pt")  # in this order where a folder holds several


def user_weights_folder() -> Path:
    """Return the folder for weights in the user's data folder; it need not exist."""
    return user_data_path(APP, appauthor=False) / "weights"


def shipped_weights(name: str) -> Path | None:
    """Return the file of backbone `name` that came with the program, None where there is none."""
    path = resources() / "backbones" / f"{name}.safetensors"
    return path if name == SHIPPED and path.is_file() else None


def weights_here(name: str) -> Path | None:
    """Return the weight file of backbone `name` on this machine, None where it would have to be fetched."""
    return shipped_weights(name) or user_weights(name)


def user_weights(name: str) -> Path | None:
    """Return the file of backbone `name` in the folder of `ALMRR_WEIGHTS` or the user's data folder."""
    found = (_in_folder(name, folder) for folder in _usual_folders())
    return next((path for path in found if path is not None), None)


def default_backbone(where: Path | None = None) -> str:
    """Return "resnet18" where its ImageNet weights are on this machine, else the backbone that is shipped.

    With `where`, a file or folder, what lies there decides: what `almrr pretrain` wrote is the shipped kind.
    """
    if where is None:
        ours = weights_here("resnet18") is None and shipped_weights(SHIPPED) is not None
    elif where.is_dir():
        ours = _in_folder("resnet18", where) is None and _in_folder(SHIPPED, where) is not None
    else:
        ours = bool(_seen_by(where))
    return SHIPPED if ours else "resnet18"


def _seen_by(path: Path) -> str:
    """Return what the backbone of a weight file is shown, as the file says; "" (the plain picture) else."""
    if path.suffix.lower() != ".safetensors" or not path.is_file():
        return ""
    try:
        with safe_open(path, "pt") as file:
            return str((file.metadata() or {}).get(SEES, ""))
    except (OSError, SafetensorError):  # reading the tensors says what is wrong with it
        return ""


def find_weights(name: str, where: Path | None = None, progress: Progress | None = None) -> Path:
    """Return the weight file of backbone `name`, fetching the official one at most once.

    With `where` (a file, or a folder that holds `<name>*.safetensors`, `.pth` or `.pt`) only that is looked
    at, or what is shipped where a folder has none. Else in turn: what is shipped, the folder in
    `ALMRR_WEIGHTS`, the user's data folder, the official address, from which it goes there. Raises
    WEIGHTS_MISSING, DOWNLOAD_FAILED or WRITE_FAILED.
    """
    found = _in_folder(name, where) if where is not None else weights_here(name)
    if found is None and where is not None and where.is_dir():
        found = shipped_weights(name)
    if found is not None:
        return found
    if where is not None or name not in OFFICIAL:
        raise _missing(name, [where] if where is not None else _usual_folders())
    return download(ADDRESS + OFFICIAL[name], user_weights_folder(), progress)


def _usual_folders() -> list[Path]:
    named = os.environ.get(FOLDER_VARIABLE)
    return [*([Path(named).expanduser()] if named else []), user_weights_folder()]


def _in_folder(name: str, place: Path) -> Path | None:
    if place.is_file():
        return place
    if not place.is_dir():
        return None
    # resnet50 must not take resnet50v2's file: after the name comes anything but a letter or digit
    fits = re.compile(rf"{re.escape(name)}(?![a-z0-9]).*", re.IGNORECASE)
    files = [p for p in place.iterdir() if fits.fullmatch(p.name) and p.suffix.lower() in SUFFIXES]
    return min(
        (p for p in files if p.is_file()),
        key=lambda p: (SUFFIXES.index(p.suffix.lower()), p.name),
        default=None,
    )


def _missing(name: str, folders: list[Path]) -> StationError:
    places = " or ".join(str(folder) for folder in folders)
    last = folders[-1].parent if folders[-1].suffix.lower() in SUFFIXES else folders[-1]
    wanted = OFFICIAL.get(name, f"{name}*.safetensors")
    source = f" from {ADDRESS}{wanted}" if name in OFFICIAL else " (there is no official address for it)"
    return StationError(
        ErrorCode.WEIGHTS_MISSING,
        f"There are no weights for {name} in {places}.",
        f"Put {wanted}{source} into {last}, or name another file or folder.",
        name=name,
    )


def load_weights(backbone: Backbone, path: Path) -> None:
    """Load a `.safetensors`, `.pth` or `.pt` file into `backbone`, whole or not at all; no code in it is run.

    Raises WEIGHTS_WRONG, naming the file and the first tensor that does not fit, and WEIGHTS_MISSING.
    """
    if not path.is_file():
        raise _missing(backbone.name, [path])
    tensors, shown = read_weights(path), _seen_by(path)
    if shown != backbone.sees:
        problem = f"it is for a network that is shown {shown}"
        if not shown:
            problem = f"it does not say that it is for a network that is shown {backbone.sees}"
        raise _wrong(str(path), problem, f"Choose a file made for {backbone.name}, or another backbone.")
    load_tensors(backbone, tensors, str(path))


def load_tensors(backbone: Backbone, tensors: Mapping[str, object], source: str) -> None:
    """Copy tensors by name into `backbone` as float32; names it does not have are ignored.

    Every value is checked before the first is copied. `source` names their origin in the fault. Raises
    WEIGHTS_WRONG for a missing name, a wrong shape or type, and values that are not finite.
    """
    own = _used(backbone)
    for name, target in own.items():
        problem = _problem(name, tensors.get(name), target)
        if problem:
            made_for = f"{backbone.name} with stages {list(backbone.stages)}"
            raise _wrong(source, problem, f"Choose a file made for {made_for}.")
    with torch.no_grad():
        for name, target in own.items():
            value = tensors[name]
            assert isinstance(value, Tensor)
            target.copy_(value)


def _problem(name: str, value: object, target: Tensor) -> str:
    if value is None:
        return f"'{name}' is missing"
    if not isinstance(value, Tensor) or value.layout != torch.strided or value.device.type != "cpu":
        return f"'{name}' is not an ordinary tensor"
    if not value.is_floating_point():
        return f"'{name}' has type {value.dtype}, expected floating point"
    if value.shape != target.shape:
        return f"'{name}' has shape {tuple(value.shape)}, expected {tuple(target.shape)}"
    if not bool(torch.isfinite(value.float()).all()):
        return f"'{name}' has values that are not finite"
    return ""


def read_weights(path: Path) -> Mapping[str, object]:
    """Return the tensors by name of a `.safetensors`, `.pth` or `.pt` file; raises WEIGHTS_WRONG."""
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise _wrong(str(path), f"'{kind}' is not a known kind of file", f"Use {', '.join(SUFFIXES)}.")
    content: object
    try:
        content = load_file(path) if kind == ".safetensors" else _read_pth(path)
    except OSError as error:
        raise _wrong(str(path), f"it cannot be read ({error})", "Check the file's permissions.") from error
    except Exception as error:  # whatever a foreign file makes the parsers raise, it is the file's fault
        raise _wrong(str(path), f"it is not a whole, plain {kind} file", "Get the file again.") from error
    if not isinstance(content, Mapping):
        raise _wrong(str(path), "it does not hold tensors by name", "Choose a file with a state dict.")
    return content


def _read_pth(path: Path) -> object:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > path.stat().st_size:  # torch.save never compresses; a zip bomb does
            raise ValueError("the archive unpacks to more than it holds")
    return torch.load(path, map_location="cpu", weights_only=True)


def _wrong(source: str, problem: str, remedy: str) -> StationError:
    return StationError(ErrorCode.WEIGHTS_WRONG, f"{source} cannot be used: {problem}.", remedy, path=source)


def _used(backbone: Backbone) -> dict[str, Tensor]:
    state = backbone.state_dict()  # num_batches_tracked only counts training steps
    return {name: state[name] for name in sorted(state) if not name.endswith("num_batches_tracked")}


def pack(backbone: Backbone) -> dict[str, Tensor]:
    """Return the tensors of a bundle's packed backbone, on the CPU: convolutions float16, the rest float32.

    `load_tensors` takes them back. Convolution weights are rounded to half precision by it.
    """
    halves = {name: t.half() if t.dim() == 4 else t.float() for name, t in _used(backbone).items()}
    return {name: t.detach().cpu().contiguous() for name, t in halves.items()}


def weights_hash(backbone: Backbone) -> str:
    """Return 64 hex digits that name the weights in use and what they are shown, for a bundle's card.

    SHA-256 over `sees`, then name, shape and little-endian bytes of every tensor of `pack(backbone)`, sorted by
    name. So the container (`.pth`, `.safetensors`), unused layers, the device, the memory format and a round
    trip through half precision do not change it; other stages or other weights do.
    """
    digest = hashlib.sha256(backbone.sees.encode())
    for name, tensor in pack(backbone).items():
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()
