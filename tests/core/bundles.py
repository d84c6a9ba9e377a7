"""Small models and bundles for tests: random weights that look trained, written in a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from almrr_core.errors import StationError
from almrr_core.judge import calibrate, default_limits
from almrr_core.models.almrr import Almrr, Form, Profile, Widths
from almrr_core.models.backbone import IMAGENET_MEAN, IMAGENET_STD, build_backbone
from almrr_core.models.bundle import FORMAT, Card, round_to_stored, write_bundle
from almrr_core.models.weights import weights_hash
from almrr_core.runtime.engine import golden_of
from almrr_core.types import Geometry

TINY = Widths(reduced=8, dim=16, depth=1, decoder=(8, 8, 8), refinement=4, feature_maps=4)
SIDE = 128
FILES = ("card.json", "weights.safetensors", "golden.npz", "backbone.safetensors")


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Tiny models gain nothing from more threads, and lose much where other processes compute too."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def fault_of(act: Callable[[], object]) -> StationError:
    """Return the fault of `act`, which must have a sentence and a remedy."""
    with pytest.raises(StationError) as caught:
        act()
    assert caught.value.sentence.endswith(".")
    assert caught.value.remedy.endswith(".")
    return caught.value


def tiny_model(form: Form = Form.HYBRID, seed: int = 0, backbone: str = "resnet18") -> Almrr:
    """A small ALMRR at 128 pixels on the first two stages, in eval mode, all of it off its initial values."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Almrr(build_backbone(backbone, (1, 2), seed), form, TINY, SIDE)
    look_trained(model, seed)
    return model


@torch.no_grad()
def look_trained(model: Almrr, seed: int) -> None:
    """Move norms, zero starts and closed form off their initial values; the model is left in eval mode."""
    random = torch.Generator().manual_seed(seed)

    def draw(tensor: torch.Tensor, low: float, high: float) -> None:
        tensor.copy_(low + (high - low) * torch.rand(tensor.shape, generator=random))

    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0  # the refinement's statistics become those of the pictures below
            draw(module.weight, 0.7, 1.3)
            draw(module.bias, -0.2, 0.2)
            assert module.running_mean is not None
            assert module.running_var is not None
            draw(module.running_mean, -0.2, 0.2)
            draw(module.running_var, 0.6, 1.4)
    draw(model.refinement.out.weight, -0.3, 0.3)
    images = torch.rand(8, 3, model.input_size, model.input_size, generator=random)
    if model.form is Form.HYBRID:
        model.closed_form.fit(model.backbone(images), torch.arange(8) % 4)
        draw(model.closed_form.weight, -0.2, 0.3)
        draw(model.closed_form.bias, -0.5, -0.3)
    model.train()
    model(images)
    model.eval()
    for module in model.refinement.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_var is not None
            module.running_var.clamp_(min=0.3)  # channels that hardly vary would amplify rounding


def pictures_of(seed: int, count: int = 3, gray: bool = False, side: int = SIDE) -> NDArray[np.uint8]:
    """Random (count, side, side, 3) RGB pictures, smooth enough to be pictures."""
    random = np.random.default_rng(seed)
    channels = 1 if gray else 3
    coarse = random.integers(0, 256, (count, side // 8, side // 8, channels), dtype=np.uint8)
    fine = coarse.repeat(8, axis=1).repeat(8, axis=2)
    return np.broadcast_to(fine, (count, side, side, 3)).copy()


def card_of(model: Almrr, geometry: Geometry | None = None) -> Card:
    """A card that fits the model, with invented facts."""
    calibration = calibrate(np.random.default_rng(0).normal(size=30), None)
    return Card(
        format=FORMAT,
        method="almrr",
        profile=Profile.COMPACT,
        form=model.form,
        widths=model.widths,
        geometry=geometry or Geometry(input_size=model.input_size),
        backbone=model.backbone.name,
        stages=model.backbone.stages,
        backbone_hash=weights_hash(model.backbone),
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        calibration=calibration,
        limits=default_limits(calibration),
        training_files=("a" * 64, "b" * 64),
        held_out_files=("c" * 64,),
        steps=12,
        seconds=3.5,
        seed=7,
        batch=8,
        trained=True,
        metrics={"image_auroc": 0.98765432109876543, "pixel_ap": None},
        versions={"python": "3.11.9", "torch": torch.__version__},
        created="2026-01-02T03:04:05+00:00",
    )


def make_bundle(
    folder: Path, model: Almrr, geometry: Geometry | None = None, packed: bool = True, gray: bool = False
) -> Card:
    """Round the model, make golden pictures and write it."""
    round_to_stored(model)
    golden = golden_of(model, pictures_of(1, gray=gray, side=model.input_size))
    return write_bundle(folder, model, card_of(model, geometry), golden, packed)
