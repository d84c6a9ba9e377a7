from __future__ import annotations

import contextlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from almrr_core.errors import ErrorCode, StationError
from almrr_core.files import sha256_of
from almrr_core.models import bundle
from almrr_core.models.almrr import Almrr
from almrr_core.models.backbone import build_backbone
from almrr_core.models.bundle import Card, build_model, read_bundle, read_card
from almrr_core.models.card import sealed
from almrr_core.models.weights import pack
from tests.core.bundles import FILES, SIDE, fault_of, make_bundle, one_thread, tiny_model

pytestmark = pytest.mark.usefixtures(one_thread.__name__)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The content of a good packed bundle."""
    folder = tmp_path_factory.mktemp("pristine") / "good"
    make_bundle(folder, tiny_model())
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def good(pristine: dict[str, bytes], tmp_path: Path) -> Path:
    """A good packed bundle of one's own."""
    folder = tmp_path / "good"
    folder.mkdir()
    for name, content in pristine.items():
        (folder / name).write_bytes(content)
    return folder


def load(folder: Path) -> Almrr:
    return build_model(read_bundle(folder))


def reseal(folder: Path, change: Callable[[dict[str, Any]], object] | None = None) -> None:
    """Let the card name the files as they are now: what somebody would do who changes a bundle by hand."""
    value = json.loads((folder / "card.json").read_text())
    value["files"] = {name: sha256_of(folder / name) for name in value["files"]}
    if change is not None:
        change(value)
    with contextlib.suppress(StationError):  # a card that cannot be read needs no seal
        value["seal"] = sealed(Card.from_json(value)).seal
    (folder / "card.json").write_text(json.dumps(value))


@pytest.mark.parametrize("name", FILES)
def test_every_flipped_byte_is_noticed(good: Path, name: str) -> None:
    random = np.random.default_rng()
    content = (good / name).read_bytes()
    wanted = read_card(good)
    for at in [0, len(content) - 2, *random.integers(0, len(content), 12).tolist()]:
        flipped = bytearray(content)
        flipped[at] ^= 1 << int(random.integers(8))
        (good / name).write_bytes(flipped)
        try:
            card = read_bundle(good).card
        except StationError as fault:
            # the card's own first words decide what it is
            kinds = {ErrorCode.BUNDLE_DAMAGED, ErrorCode.BUNDLE_FOREIGN, ErrorCode.BUNDLE_NEWER}
            assert fault.code in (kinds if name == "card.json" else {ErrorCode.BUNDLE_DAMAGED})
            assert name in fault.sentence
        else:
            # white space, or the case of a digit in \\u.. or e-05
            assert name == "card.json", f"byte {at} of {name}"
            assert card == wanted, f"byte {at} of {name}"


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.999])
def test_a_truncated_file_is_noticed(good: Path, name: str, kept: float) -> None:
    content = (good / name).read_bytes()
    (good / name).write_bytes(content[: int(len(content) * kept) - (kept > 0.9)])
    fault = fault_of(lambda: read_bundle(good))
    assert fault.code is ErrorCode.BUNDLE_DAMAGED
    assert str(good / name) in fault.sentence


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_noticed(good: Path, name: str) -> None:
    (good / name).unlink()
    fault = fault_of(lambda: read_bundle(good))
    missing = ErrorCode.BUNDLE_MISSING if name == "card.json" else ErrorCode.BUNDLE_DAMAGED
    assert fault.code is missing


@pytest.mark.parametrize("name", FILES[1:])
def test_a_folder_in_place_of_a_file_is_noticed(good: Path, name: str) -> None:
    (good / name).unlink()
    (good / name).mkdir()
    assert fault_of(lambda: read_bundle(good)).code is ErrorCode.BUNDLE_DAMAGED


def test_a_folder_that_is_none_or_a_file_is_missing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "nowhere", tmp_path, tmp_path / "file"):
        fault = fault_of(lambda place=place: read_bundle(place))
        assert fault.code is ErrorCode.BUNDLE_MISSING
        assert str(place) in fault.sentence


def test_a_newer_format_says_so(good: Path) -> None:
    reseal(good, lambda value: value.update(format=2, something_new=[1]))
    fault = fault_of(lambda: read_bundle(good))
    assert fault.code is ErrorCode.BUNDLE_NEWER
    assert "format 2" in fault.sentence


@pytest.mark.parametrize(
    "content", ["[]", "3", "null", '{"name": "x"}', '{"format": true, "method": "almrr"}', '{"format": 1}']
)
def test_somebody_elses_json_is_foreign(good: Path, content: str) -> None:
    (good / "card.json").write_text(content)
    assert fault_of(lambda: read_bundle(good)).code is ErrorCode.BUNDLE_FOREIGN


def test_another_method_is_foreign_and_named(good: Path) -> None:
    reseal(good, lambda value: value.update(method="dfm"))
    fault = fault_of(lambda: read_bundle(good))
    assert fault.code is ErrorCode.BUNDLE_FOREIGN
    assert "dfm" in fault.sentence


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v.pop("steps"),
        lambda v: v.update(extra=1),
        lambda v: v.update(steps="12"),
        lambda v: v.update(steps=1.5),
        lambda v: v.update(trained=1),
        lambda v: v.update(seconds=float("nan")),
        lambda v: v.update(seconds=10**400),
        lambda v: v.update(form="other"),
        lambda v: v.update(backbone="vgg"),
        lambda v: v.update(stages=[1, 9]),
        lambda v: v.update(stages=[]),
        lambda v: v.update(std=[1.0, 1.0, 1.0]),
        lambda v: v["widths"].update(dim=10**9),
        lambda v: v["widths"].update(depth=10**9),
        lambda v: v["widths"].update(decoder=[1, 2]),
        lambda v: v["geometry"].update(input_size=32 * 10**6),
        lambda v: v["geometry"].update(input_size=100),
        lambda v: v["limits"].update(review=99.0),
        lambda v: v["calibration"].pop("fail"),
        lambda v: v["calibration"].update(scores=["1"]),
        lambda v: v["metrics"].update(image_auroc="good"),
    ],
)
def test_a_card_with_wrong_fields_is_damaged_before_anything_is_built(
    good: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    reseal(good, change)
    assert fault_of(lambda: read_bundle(good)).code is ErrorCode.BUNDLE_DAMAGED


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000, b"NaN?"])
def test_a_card_that_is_no_json_is_damaged(good: Path, content: bytes) -> None:
    (good / "card.json").write_bytes(content)
    assert fault_of(lambda: read_bundle(good)).code is ErrorCode.BUNDLE_DAMAGED


def test_files_outside_the_bundle_are_never_named(good: Path) -> None:
    for name in ("../secret", "/etc/passwd", "weights2.safetensors"):
        value = json.loads((good / "card.json").read_text())
        value["files"][name] = "0" * 64
        value["seal"] = sealed(Card.from_json(value)).seal
        (good / "card.json").write_text(json.dumps(value))
        assert fault_of(lambda: read_bundle(good)).code is ErrorCode.BUNDLE_DAMAGED


def test_an_over_large_file_is_refused_unread(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bundle.MOST_BYTES, "weights.safetensors", 1000)
    fault = fault_of(lambda: read_bundle(good))
    assert fault.code is ErrorCode.BUNDLE_DAMAGED
    assert "larger" in fault.sentence


# Changed by hand, with hashes that fit: shapes and values are still checked.


def bad_shape(tensors: dict[str, torch.Tensor], name: str) -> None:
    tensors[name] = torch.cat([tensors[name], tensors[name]])


def bad_value(tensors: dict[str, torch.Tensor], name: str) -> None:
    tensors[name].view(-1)[-1] = float("nan")


def bad_type(tensors: dict[str, torch.Tensor], name: str) -> None:
    tensors[name] = tensors[name].to(torch.int32)


def bad_name(tensors: dict[str, torch.Tensor], name: str) -> None:
    tensors[name + "x"] = tensors.pop(name)


def bad_surplus(tensors: dict[str, torch.Tensor], name: str) -> None:
    tensors[name + "x"] = tensors[name].clone()


@pytest.mark.parametrize("spoil", [bad_shape, bad_value, bad_type, bad_name, bad_surplus])
@pytest.mark.parametrize(
    ("file", "tensor"),
    [("weights.safetensors", "reconstruction.tokens.weight"), ("backbone.safetensors", "conv1.weight")],
)
def test_tensors_that_do_not_fit_are_refused(
    good: Path, file: str, tensor: str, spoil: Callable[[dict[str, torch.Tensor], str], None]
) -> None:
    tensors = load_file(good / file)
    tensors = {name: value.clone() for name, value in tensors.items()}
    spoil(tensors, tensor)
    save_file(tensors, good / file)
    reseal(good)
    if file.startswith("backbone") and spoil is bad_surplus:
        load(good)  # layers beyond those in use are not looked at
        return
    fault = fault_of(lambda: load(good))
    assert fault.code is ErrorCode.BUNDLE_DAMAGED
    assert tensor in fault.sentence


def test_a_packed_backbone_that_is_another_is_refused(good: Path) -> None:
    save_file(pack(build_backbone("resnet18", (1, 2), seed=99)), good / "backbone.safetensors")
    reseal(good)
    assert fault_of(lambda: load(good)).code is ErrorCode.BUNDLE_DAMAGED


def npz(**arrays: np.ndarray[Any, Any]) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def golden_bomb() -> bytes:
    """A few kilobytes that claim, and unpack to, far more than golden pictures have."""
    return npz(steps=np.zeros((1, 6000, 6000), np.uint8), logits=np.zeros((1, 32, 32), np.float32))


def golden_lie() -> bytes:
    """The header claims terabytes."""
    header = io.BytesIO()
    shape = (10**9, SIDE, SIDE)
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("steps.npy", header.getvalue())
        archive.writestr("logits.npy", header.getvalue())
    return stream.getvalue()


GRAY = np.zeros((2, SIDE, SIDE), np.uint8)
LOGITS = np.zeros((2, SIDE // 4, SIDE // 4), np.float32)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK no archive",
        golden_bomb(),
        golden_lie(),
        npz(steps=GRAY),
        npz(steps=GRAY, logits=LOGITS[:1]),
        npz(steps=GRAY, logits=LOGITS.astype(np.float64)),
        npz(steps=GRAY, logits=LOGITS[:, :, :5]),
        npz(steps=GRAY[:0], logits=LOGITS[:0]),
        npz(steps=GRAY, logits=LOGITS * np.float32(np.nan)),
        npz(steps=np.array([{"a": 1}], dtype=object), logits=LOGITS),
    ],
    ids=["empty", "zip", "bomb", "lie", "half", "count", "type", "shape", "none", "nan", "pickle"],
)
def test_golden_pictures_that_are_none_are_refused(good: Path, content: bytes) -> None:
    (good / "golden.npz").write_bytes(content)
    reseal(good)
    fault = fault_of(lambda: read_bundle(good))
    assert fault.code is ErrorCode.BUNDLE_DAMAGED
    assert "golden" in fault.sentence
