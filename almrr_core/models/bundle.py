"""A trained model on disk: card.json, weights.safetensors, golden.npz and, when packed, backbone.safetensors.

No pickle anywhere. What is trained is stored in half precision where that does no harm, and a backbone's
convolutions always count in half precision, packed or not (`round_to_stored`), so that one bundle gives one
set of scores wherever its backbone's weights come from.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from almrr_core.errors import ErrorCode, StationError
from almrr_core.files import folder_in_one_step, read_json, write_json
from almrr_core.models.almrr import Almrr
from almrr_core.models.backbone import Backbone, build_backbone, has_former
from almrr_core.models.card import FORMAT, Card, damaged, sealed
from almrr_core.models.golden import Golden, golden_bytes, read_golden
from almrr_core.models.weights import (
    find_weights,
    load_tensors,
    pack,
    read_weights,
    user_weights,
    weights_hash,
)

__all__ = [
    "FORMAT",
    "Card",
    "Golden",
    "Stored",
    "build_model",
    "read_bundle",
    "read_card",
    "round_backbone",
    "round_to_stored",
    "stored_tensors",
    "write_bundle",
]

CARD, WEIGHTS, GOLDEN, BACKBONE = "card.json", "weights.safetensors", "golden.npz", "backbone.safetensors"
MOST_BYTES = {CARD: 64 << 20, WEIGHTS: 1 << 30, GOLDEN: 256 << 20, BACKBONE: 1 << 30}
HALF_ERROR = 1e-3  # relative; above it (too large or too small for float16) a tensor stays float32
# rates and whitenings span many decades, and the former stand in an exponent
ALWAYS_WHOLE = ("A_log", "A_b_log", "whitening")  # parts of a name


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """What a bundle's folder holds, checked; `backbone` is None where it is not packed."""

    card: Card
    tensors: dict[str, Tensor]
    golden: Golden
    backbone: dict[str, Tensor] | None


def stored_tensors(model: Almrr) -> dict[str, Tensor]:
    """Return all the model is but its backbone, by name, on the CPU, as stored: float16 or float32.

    Vectors (norms, biases, rates), `ALWAYS_WHOLE` and what half precision would harm stay float32.
    """
    return {name: _as_stored(name, tensor) for name, tensor in _own_tensors(model).items()}


def _own_tensors(model: Almrr) -> dict[str, Tensor]:
    state = model.state_dict()  # num_batches_tracked only counts training steps
    return {
        name: state[name]
        for name in sorted(state)
        if not name.startswith("backbone.") and not name.endswith("num_batches_tracked")
    }


def _as_stored(name: str, tensor: Tensor) -> Tensor:
    whole = tensor.detach().float().cpu().contiguous()
    if whole.dim() < 2 or set(name.split(".")) & set(ALWAYS_WHOLE):
        return whole
    half = whole.half()
    # an overflow makes the error infinite; a NaN fails the comparison too and is refused by name later
    harmless = bool((whole - half.float()).norm() <= HALF_ERROR * whole.norm())
    return half if harmless else whole


@torch.no_grad()
def round_to_stored(model: Almrr) -> None:
    """Round the model in place to what a bundle keeps of it, backbone included; idempotent.

    Calibration and golden logits are computed after it.
    """
    round_backbone(model.backbone)
    own = _own_tensors(model)
    for name, tensor in stored_tensors(model).items():
        own[name].copy_(tensor)


def round_backbone(backbone: Backbone) -> None:
    """Round the convolutions in place to half precision; the hash does not change; idempotent."""
    load_tensors(backbone, pack(backbone), "The backbone in memory")


def write_bundle(folder: Path, model: Almrr, card: Card, golden: Golden, pack_backbone: bool) -> Card:
    """Write the bundle whole or not at all; return its card with `files` and `seal`, odd metrics as None.

    An older bundle in `folder` is replaced at the very end. Raises WRITE_FAILED, and TRAINING_DIVERGED for
    values that are not finite. `model` is rounded (`round_to_stored`) before `golden` is made.
    """
    tensors = stored_tensors(model)
    _refuse_not_finite(tensors | {"golden logits": torch.from_numpy(golden.logits)})
    contents = {WEIGHTS: safetensors.torch.save(tensors), GOLDEN: golden_bytes(golden)}
    if pack_backbone:
        contents[BACKBONE] = safetensors.torch.save(pack(model.backbone))
    files = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    metrics = {k: v if v is not None and math.isfinite(v) else None for k, v in card.metrics.items()}
    card = sealed(dataclasses.replace(card, files=files, metrics=metrics))
    Card.from_json(card.to_json(), folder / CARD)  # what could not be read again is not written,
    read_golden(contents[GOLDEN], card.geometry.input_size)  # and that would be a bug
    with folder_in_one_step(folder) as partial:
        for name, content in contents.items():
            (partial / name).write_bytes(content)
        write_json(partial / CARD, card.to_json())
    return card


def _refuse_not_finite(tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise StationError(
                ErrorCode.TRAINING_DIVERGED,
                f"The model cannot be saved: '{name}' has values that are not finite.",
                "Train again, with another seed or more normal pictures.",
            )


def read_bundle(folder: Path) -> Stored:
    """Read a bundle and check everything but the logits: seal, hashes, types and shapes.

    Raises BUNDLE_MISSING, BUNDLE_FOREIGN, BUNDLE_NEWER, BUNDLE_DAMAGED. Memory: twice the files' sizes.
    """
    card = read_card(folder)
    golden = _read_golden(_checked_bytes(folder, GOLDEN, card), card, folder / GOLDEN)
    tensors = _read_tensors(_checked_bytes(folder, WEIGHTS, card), folder / WEIGHTS)
    backbone = None
    if BACKBONE in card.files:
        backbone = _read_tensors(_checked_bytes(folder, BACKBONE, card), folder / BACKBONE)
    return Stored(card, tensors, golden, backbone)


def read_card(folder: Path) -> Card:
    """Read a bundle's card alone, seal checked; raises as `read_bundle`."""
    path = folder / CARD
    if not path.is_file():
        raise StationError(
            ErrorCode.BUNDLE_MISSING,
            f"{folder} is not a bundle: there is no {CARD}.",
            "Choose a folder that 'almrr train' has made.",
            path=str(folder),
        )
    try:
        _refuse_size(path)
        value = read_json(path)
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(path, f"it cannot be read ({error})") from error
    card = Card.from_json(value, path)
    if sealed(card).seal != card.seal:
        raise damaged(path, "its content is not what its seal says")
    if not {WEIGHTS, GOLDEN} <= set(card.files) <= {WEIGHTS, GOLDEN, BACKBONE}:
        raise damaged(path, "it does not name the files of a bundle")
    return card


def _checked_bytes(folder: Path, name: str, card: Card) -> bytes:
    path = folder / name
    try:
        _refuse_size(path)
        content = path.read_bytes()  # not mapped: on Windows a mapped file could not be replaced
    except (OSError, ValueError) as error:
        raise damaged(path, f"it cannot be read ({error})") from error
    if hashlib.sha256(content).hexdigest() != card.files[name]:
        raise damaged(path, "its content is not what the card says")
    return content


def _refuse_size(path: Path) -> None:
    if path.stat().st_size > MOST_BYTES[path.name]:
        raise ValueError(f"it is larger than {MOST_BYTES[path.name] >> 20} MB")


def _read_tensors(content: bytes, path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load(content)
    except Exception as error:  # whatever the parser raises, it is the file's fault
        raise damaged(path, "it does not hold plain tensors") from error


def _read_golden(content: bytes, card: Card, path: Path) -> Golden:
    try:
        return read_golden(content, card.geometry.input_size)
    except Exception as error:  # whatever zip and npy parsers raise, it is the file's fault
        raise damaged(path, f"it does not hold golden pictures ({error})") from error


def build_model(stored: Stored, weights: Path | None = None) -> Almrr:
    """Return the model of a bundle, in eval mode on the CPU.

    The backbone comes from the pack, else from `weights` or the usual places (`find_weights`, whose faults
    pass through). Raises WEIGHTS_WRONG where those are not the weights the bundle was trained with, and
    BUNDLE_DAMAGED for tensors that do not fit. torch's global generator is left as it was.
    """
    card = stored.card
    backbone = _packed(stored) if stored.backbone is not None else _found(card, weights)
    with torch.random.fork_rng(devices=[]):
        model = Almrr(backbone, card.form, card.widths, card.geometry.input_size)
    _load_own(model, stored.tensors)
    round_backbone(backbone)
    return model.eval()


def _packed(stored: Stored) -> Backbone:
    try:
        backbone = _named(stored.card, stored.backbone or {}, BACKBONE)
    except StationError as error:
        raise damaged("The bundle's packed backbone", error.sentence) from error
    if backbone is None:
        raise damaged("The bundle's packed backbone", "it is not the one the card names")
    return backbone


def _found(card: Card, weights: Path | None) -> Backbone:
    """Return the backbone from where weights are looked for, in the end from the user's own file."""
    found = find_weights(card.backbone, weights)
    own = user_weights(card.backbone) if weights is None else None
    for path in dict.fromkeys((found, own or found)):
        backbone = _named(card, read_weights(path), str(path))
        if backbone is not None:
            return backbone
    raise StationError(
        ErrorCode.WEIGHTS_WRONG,
        f"{own or found} holds other weights than the {card.backbone} this bundle was trained with "
        f"(hash {card.backbone_hash[:12]}).",
        "Name the weight file used in training, or train the model anew with almrr train.",
        path=str(own or found),
    )


def _named(card: Card, tensors: Mapping[str, object], source: str) -> Backbone | None:
    """Return the backbone with these tensors if it is the one whose hash the card names."""
    for former in (False, True) if has_former(card.backbone) else (False,):
        backbone = build_backbone(card.backbone, card.stages, former=former)
        load_tensors(backbone, tensors, source)
        if weights_hash(backbone) == card.backbone_hash:
            return backbone
    return None


@torch.no_grad()
def _load_own(model: Almrr, tensors: Mapping[str, Tensor]) -> None:
    """Copy the stored tensors into the model; every one is checked before the first is copied."""
    own = _own_tensors(model)
    for name in sorted(own.keys() ^ tensors.keys()):
        what = "missing" if name in own else "unknown"
        raise damaged("The bundle", f"the tensor '{name}' is {what}")
    for name, tensor in tensors.items():
        if tensor.shape != own[name].shape or tensor.dtype not in (torch.float16, torch.float32):
            raise damaged("The bundle", f"'{name}' has shape {tuple(tensor.shape)} and type {tensor.dtype}")
        if not bool(torch.isfinite(tensor).all()):
            raise damaged("The bundle", f"'{name}' has values that are not finite")
    for name, tensor in tensors.items():
        own[name].copy_(tensor)
