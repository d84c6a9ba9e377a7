from __future__ import annotations

import dataclasses
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from almrr_core.errors import ErrorCode
from almrr_core.models import bundle
from almrr_core.models.almrr import Form, Profile, compact
from almrr_core.models.backbone import build_backbone
from almrr_core.models.bundle import (
    Card,
    build_model,
    read_bundle,
    read_card,
    round_to_stored,
    stored_tensors,
    write_bundle,
)
from almrr_core.models.golden import Golden
from almrr_core.models.weights import pack
from almrr_core.runtime.engine import golden_of
from almrr_core.types import Box, Geometry
from tests.core.bundles import (
    FILES,
    SIDE,
    card_of,
    fault_of,
    look_trained,
    make_bundle,
    one_thread,
    pictures_of,
    tiny_model,
)

pytestmark = pytest.mark.usefixtures(one_thread.__name__)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A good packed bundle."""
    make_bundle(tmp_path / "home" / "good", tiny_model())
    return tmp_path / "home" / "good"


# What goes in comes out.


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("packed", [True, False])
def test_a_round_trip_gives_the_same_logits_and_card(tmp_path: Path, form: Form, packed: bool) -> None:
    model = tiny_model(form, seed=3)
    folder = tmp_path / "bündle 1"
    card = make_bundle(folder, model, packed=packed)
    save_file(pack(model.backbone), tmp_path / "resnet18.safetensors")

    stored = read_bundle(folder)
    again = build_model(stored, None if packed else tmp_path)

    assert stored.card == card
    assert not again.training
    images = torch.rand(2, 3, SIDE, SIDE)
    with torch.no_grad():
        assert torch.equal(again(images), model(images))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bündle 1", "resnet18.safetensors"]
    assert {p.name for p in folder.iterdir()} == set(FILES[: 4 if packed else 3])


@pytest.mark.parametrize("gray", [True, False])
def test_golden_pictures_and_logits_come_back_exactly(tmp_path: Path, gray: bool) -> None:
    model = tiny_model()
    random = np.random.default_rng()
    pictures = random.integers(0, 256, (5, SIDE, SIDE, 1 if gray else 3), dtype=np.uint8)
    pictures = np.ascontiguousarray(np.broadcast_to(pictures, (5, SIDE, SIDE, 3)))
    logits = random.normal(size=(5, SIDE // 4, SIDE // 4)).astype(np.float32)
    write_bundle(tmp_path / "b", model, card_of(model), Golden(pictures, logits), False)
    golden = read_bundle(tmp_path / "b").golden
    assert golden.pictures.dtype == np.uint8
    assert np.array_equal(golden.pictures, pictures)
    assert np.array_equal(golden.logits, logits)
    with zipfile.ZipFile(tmp_path / "b" / "golden.npz") as archive:
        stored = np.load(io.BytesIO(archive.read("steps.npy")), allow_pickle=False)
    assert stored.ndim == (3 if gray else 4)


def test_a_card_with_everything_set_survives_json() -> None:
    geometry = Geometry(input_size=SIDE, tile=200, overlap=30, scale=0.5, roi=Box(1, 2, 300, 400))
    card = card_of(tiny_model(), geometry)
    pixel = card.calibration.fail
    card = dataclasses.replace(card, calibration=dataclasses.replace(card.calibration, pixel=pixel))
    card = dataclasses.replace(card, widths=dataclasses.replace(card.widths, reduced=None))
    again = Card.from_json(json.loads(json.dumps(card.to_json())))
    assert again == card
    assert isinstance(again.profile, Profile)
    assert isinstance(again.calibration.scores, tuple)


def test_figures_that_are_not_finite_are_written_as_null(tmp_path: Path) -> None:
    model = tiny_model()
    card = dataclasses.replace(card_of(model), metrics={"a": float("nan"), "b": 0.5})
    write_bundle(tmp_path / "b", model, card, golden_of(model, pictures_of(1)), False)
    assert read_card(tmp_path / "b").metrics == {"a": None, "b": 0.5}


def test_the_seal_names_the_content(tmp_path: Path) -> None:
    first = make_bundle(tmp_path / "a", tiny_model())
    again = make_bundle(tmp_path / "b", tiny_model())
    other = make_bundle(tmp_path / "c", tiny_model(seed=1))
    assert first.seal == again.seal != other.seal
    assert len(first.seal) == 64


def test_compact_without_its_backbone_stays_under_eight_megabytes(tmp_path: Path) -> None:
    model = compact(build_backbone("resnet18"))
    look_trained(model, 0)
    round_to_stored(model)
    random = np.random.default_rng(0)
    coloured = pictures_of(1, count=8, side=256).astype(np.int16)
    noisy = coloured + random.integers(-12, 13, (8, 256, 256, 1)) + random.integers(-2, 3, coloured.shape)
    golden = golden_of(model, noisy.clip(0, 255).astype(np.uint8))
    write_bundle(tmp_path / "b", model, card_of(model), golden, False)
    assert sum(path.stat().st_size for path in (tmp_path / "b").iterdir()) <= 8_000_000


# Rounding.


@pytest.mark.parametrize("form", list(Form))
def test_rounding_twice_changes_nothing_more(form: Form) -> None:
    model = tiny_model(form)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    round_to_stored(model)
    once = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    round_to_stored(model)
    assert all(torch.equal(once[name], tensor) for name, tensor in model.state_dict().items())
    for name, tensor in once.items():
        difference = (tensor.float() - before[name].float()).norm()
        assert difference <= 1e-3 * before[name].float().norm(), name
    assert not torch.equal(once["reconstruction.tokens.weight"], before["reconstruction.tokens.weight"])
    assert not torch.equal(once["backbone.conv1.weight"], before["backbone.conv1.weight"])


def test_what_half_precision_would_spoil_stays_whole() -> None:
    model = tiny_model()
    with torch.no_grad():
        model.reconstruction.tokens.weight.mul_(1e6)  # overflows
        model.reconstruction.expansion.weight.mul_(1e-7)  # sinks to nothing
    tensors = stored_tensors(model)
    whole = ("tokens.weight", "expansion.weight", "A_log", "A_b_log", "running_var", "dt_proj.bias", "matrix")
    for name, tensor in tensors.items():
        if name.endswith(whole):
            assert tensor.dtype == torch.float32, name
            assert torch.equal(tensor, model.state_dict()[name]), name
    assert tensors["reconstruction.position"].dtype == torch.float16
    assert not any(name.startswith("backbone.") or "num_batches" in name for name in tensors)


def test_a_model_that_is_not_finite_is_not_written(tmp_path: Path) -> None:
    model = tiny_model()
    golden = golden_of(model, pictures_of(1))
    spoilt = Golden(golden.pictures, golden.logits + np.float32(np.nan))
    fault = fault_of(lambda: write_bundle(tmp_path / "b", model, card_of(model), spoilt, False))
    assert fault.code is ErrorCode.TRAINING_DIVERGED
    with torch.no_grad():
        model.reconstruction.tokens.weight[0, 0, 0, 0] = float("nan")
    fault = fault_of(lambda: write_bundle(tmp_path / "b", model, card_of(model), golden, False))
    assert fault.code is ErrorCode.TRAINING_DIVERGED
    assert "reconstruction.tokens.weight" in fault.sentence
    assert not (tmp_path / "b").exists()


# The backbone's weights.


def test_other_backbone_weights_are_refused_by_name(tmp_path: Path) -> None:
    make_bundle(tmp_path / "b", tiny_model(), packed=False)
    save_file(pack(build_backbone("resnet18", (1, 2), seed=5)), tmp_path / "resnet18.safetensors")
    fault = fault_of(lambda: build_model(read_bundle(tmp_path / "b"), tmp_path))
    assert fault.code is ErrorCode.WEIGHTS_WRONG
    assert "resnet18" in fault.sentence


def test_missing_backbone_weights_are_named(tmp_path: Path) -> None:
    make_bundle(tmp_path / "b", tiny_model(), packed=False)
    fault = fault_of(lambda: build_model(read_bundle(tmp_path / "b"), tmp_path / "empty"))
    assert fault.code is ErrorCode.WEIGHTS_MISSING


def test_building_leaves_the_random_numbers_of_a_training_alone(good: Path) -> None:
    stored = read_bundle(good)
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    build_model(stored)
    assert torch.equal(torch.rand(3), wanted)


# Whole or not at all.


def test_a_fault_while_writing_leaves_the_older_bundle(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    older = read_card(good)

    def full(path: Path, value: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bundle, "write_json", full)
    fault = fault_of(lambda: make_bundle(good, tiny_model(seed=8)))
    assert fault.code is ErrorCode.WRITE_FAILED
    assert read_bundle(good).card == older
    assert [path.name for path in good.parent.iterdir()] == ["good"]


def test_what_a_killed_writer_left_is_no_bundle_and_in_nobodys_way(good: Path) -> None:
    partial = good.with_name(".good.almrr-partial")
    partial.mkdir()
    (partial / "weights.safetensors").write_bytes(b"half")
    assert fault_of(lambda: read_bundle(partial)).code is ErrorCode.BUNDLE_MISSING
    older = read_bundle(good).card
    newer = make_bundle(good, tiny_model(seed=8))
    assert read_bundle(good).card == newer != older
    assert [path.name for path in good.parent.iterdir()] == ["good"]
