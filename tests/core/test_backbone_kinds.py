"""Two networks have ResNet-18's tensors, and `texture18` meant the other one before 0.4: none is mistaken."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from almrr_core.errors import ErrorCode
from almrr_core.files import resources
from almrr_core.models import weights
from almrr_core.models.almrr import Almrr, Form
from almrr_core.models.backbone import Backbone, build_backbone, restaged
from almrr_core.models.bundle import build_model, read_bundle
from almrr_core.models.weights import SEES, default_backbone, find_weights, load_weights, pack, weights_hash
from almrr_core.train.job import TrainJob
from tests.core.bundles import (
    SIDE,
    TINY,
    fault_of,
    look_trained,
    make_bundle,
    one_thread,
    tiny_model,
)

pytestmark = pytest.mark.usefixtures(one_thread.__name__)
SHIPPED = resources() / "backbones" / "texture18.safetensors"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that ALMRR_WEIGHTS names; the user's own is empty."""
    monkeypatch.setattr(weights, "user_weights_folder", lambda: tmp_path / "user")
    monkeypatch.setenv("ALMRR_WEIGHTS", str(tmp_path / "weights"))
    (tmp_path / "weights").mkdir()
    return tmp_path / "weights"


def build_shipped() -> Backbone:
    backbone = build_backbone("texture18")
    load_weights(backbone, SHIPPED)
    return backbone


def former_model() -> Almrr:
    model = Almrr(build_backbone("texture18", (1, 2), 5, former=True), Form.HYBRID, TINY, SIDE)
    look_trained(model, 5)
    return model


@pytest.mark.parametrize("packed", [True, False], ids=["packed", "its file named by the variable"])
def test_a_model_of_the_former_texture18_gives_the_same_logits(
    packed: bool, folder: Path, tmp_path: Path
) -> None:
    model = former_model()
    make_bundle(tmp_path / "old", model, packed=packed)
    if not packed:
        save_file(
            pack(model.backbone), folder / "texture18.safetensors"
        )  # without metadata, as 0.3 shipped it
    again = build_model(read_bundle(tmp_path / "old"))
    images = torch.rand(2, 3, SIDE, SIDE)
    with torch.no_grad():
        assert torch.equal(again(images), model(images))
        twin = restaged(again.backbone, (2,))  # what a full retraining goes on with
        assert torch.equal(twin(images)[0], model.backbone(images)[1])


def test_a_model_of_the_former_texture18_without_its_weights_is_refused(folder: Path, tmp_path: Path) -> None:
    make_bundle(tmp_path / "old", former_model(), packed=False)
    fault = fault_of(lambda: build_model(read_bundle(tmp_path / "old")))
    assert fault.code is ErrorCode.WEIGHTS_WRONG and str(SHIPPED) in str(fault)
    assert folder.is_dir()


def test_the_shipped_weights_serve_although_others_of_that_name_lie_in_the_folder(
    folder: Path, tmp_path: Path
) -> None:
    model = tiny_model(backbone="texture18")
    load_weights(model.backbone, SHIPPED)
    make_bundle(tmp_path / "new", model, packed=False)
    save_file(pack(former_model().backbone), folder / "texture18.safetensors")
    assert weights_hash(build_model(read_bundle(tmp_path / "new")).backbone) == weights_hash(model.backbone)
    backbone = build_backbone("texture18")
    load_weights(backbone, find_weights("texture18"))  # as a new training does
    assert weights_hash(backbone) == weights_hash(build_shipped())


def test_weights_of_one_network_are_refused_by_the_other(tmp_path: Path) -> None:
    plain, ours = build_backbone("resnet18"), build_backbone("texture18")
    torch.save(plain.state_dict(), tmp_path / "resnet18.pth")
    save_file(pack(ours), tmp_path / "texture18.safetensors", {SEES: ours.sees})
    load_weights(plain, tmp_path / "resnet18.pth")
    load_weights(ours, tmp_path / "texture18.safetensors")
    for backbone, file in ((plain, "texture18.safetensors"), (ours, "resnet18.pth")):
        before = weights_hash(backbone)
        fault = fault_of(lambda backbone=backbone, file=file: load_weights(backbone, tmp_path / file))
        assert fault.code is ErrorCode.WEIGHTS_WRONG and file in str(fault) and "local contrast" in str(fault)
        assert weights_hash(backbone) == before


def test_what_pretrain_made_is_used_as_what_it_is(tmp_path: Path) -> None:
    ours = build_backbone("texture18", seed=4)
    save_file(pack(ours), tmp_path / "texture18.safetensors", {SEES: ours.sees})
    for place in (tmp_path, tmp_path / "texture18.safetensors"):
        assert default_backbone(place) == TrainJob(tmp_path, tmp_path, weights=place).chosen_backbone
        assert default_backbone(place) == "texture18"
    torch.save(build_backbone("resnet18").state_dict(), tmp_path / "resnet18.pth")
    assert default_backbone(tmp_path) == default_backbone(tmp_path / "resnet18.pth") == "resnet18"
    (tmp_path / "damaged.safetensors").write_bytes(b"nothing")
    assert default_backbone(tmp_path / "damaged.safetensors") == "resnet18"
