"""Planted defects: exact masks, seen by an eye, repeatable, and never near a training."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import Tensor

from almrr_core.data.families import HELD_OUT_FAMILIES, TRAIN_FAMILIES
from almrr_core.data.textures import TEXTURES, make_textures
from almrr_core.data.textures.defects import DEFECTS, Defect, plant_defects

CPU = torch.device("cpu")
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
WANTED = {
    *("scratch", "stain", "hole", "missing_yarn", "double_yarn", "crack", "dent", "stray_fibre"),
    *("foreign_texture", "tone", "orientation"),
}
EACH = pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
IMPORTS = """
import importlib, pkgutil, sys
for name in {packages}:
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, name + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
print([name for name in sys.modules if name in {forbidden}])
"""


def seeded(seed: int, device: str = "cpu") -> torch.Generator:
    return torch.Generator(device).manual_seed(seed)


def surfaces(n: int, size: int, device: str = "cpu", family: str | None = None) -> Tensor:
    chosen = (TEXTURES[family],) if family else tuple(TEXTURES.values())
    return make_textures(n, size, seeded(1, device), torch.device(device), chosen).images


def test_the_defects_asked_for_are_there() -> None:
    assert {defect.name for defect in DEFECTS} == WANTED
    taken = {family.change for family in (*TRAIN_FAMILIES, *HELD_OUT_FAMILIES)}
    assert not taken & {defect.change for defect in DEFECTS}


@pytest.mark.parametrize("device", DEVICES)
@EACH
def test_a_mask_is_where_the_picture_changed_and_nowhere_else(defect: Defect, device: str) -> None:
    images = surfaces(10, 96, device)
    before = images.clone()
    made = plant_defects(images, seeded(3, device), (defect,))
    assert torch.equal(images, before)
    assert made.masks.shape == (10, 1, 96, 96)
    assert set(made.masks.unique().tolist()) == {0.0, 1.0}
    assert (made.masks.sum((1, 2, 3)) > 0).all()
    outside = (made.masks == 0).expand_as(images)
    assert torch.equal(made.images[outside], images[outside])
    moved = (made.images - images).abs().amax(1, keepdim=True)
    if not defect.reach:
        assert (moved[made.masks == 1] > defect.visible).all()
    assert made.images.min() >= 0
    assert made.images.max() <= 1
    gray = ((images.amax(1) - images.amin(1)).flatten(1).amax(1) < 1e-6).nonzero().squeeze(1)
    assert len(gray)
    assert ((made.images.amax(1) - made.images.amin(1))[gray] < 1e-6).all()


@EACH
def test_most_defects_are_large_and_strong_enough_to_see(defect: Defect) -> None:
    images = surfaces(24, 256, family="weave")
    made = plant_defects(images, seeded(4), (defect,))
    area = made.masks.sum((1, 2, 3))
    moved = (made.images - images).abs().amax(1, keepdim=True)
    change = (moved * made.masks).sum((1, 2, 3)) / area
    assert ((area >= 30) & (change >= 6 / 255)).float().mean() >= 0.75
    assert area.max() < 0.5 * 256 * 256


@EACH
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_flat_pictures_get_a_defect_too(defect: Defect, level: float) -> None:
    images = torch.full((3, 3, 64, 64), level)
    made = plant_defects(images, seeded(5), (defect,))
    assert (made.masks.sum((1, 2, 3)) > 0).all()
    assert made.images.isfinite().all()


@pytest.mark.parametrize("device", DEVICES)
def test_the_same_seed_plants_the_same(device: str) -> None:
    images = surfaces(16, 64, device)
    first, again, other = (plant_defects(images, seeded(seed, device)) for seed in (6, 6, 7))
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.masks, again.masks)
    assert torch.equal(first.kinds, again.kinds)
    assert not torch.equal(first.images, other.images)
    assert first.kinds.dtype == torch.int64
    assert int(first.kinds.max()) < len(DEFECTS)


def test_a_missing_yarn_runs_along_the_yarns() -> None:
    """On vertical stripes its gap is vertical: every row it crosses, it crosses in the same few columns."""
    x = torch.arange(128.0)
    stripes = (0.5 + 0.3 * (x * (2 * torch.pi / 8)).sin()).expand(6, 3, 128, 128).contiguous()
    yarns = tuple(defect for defect in DEFECTS if defect.name in ("missing_yarn", "double_yarn"))
    made = plant_defects(stripes, seeded(8), yarns)
    touched = made.masks.amax(2).squeeze(1).sum(1)
    assert (touched < 32).all()


def test_no_training_loads_the_planted_defects() -> None:
    forbidden = ["almrr_core.data.textures.defects", "almrr_core.data.line_pictures"]
    code = IMPORTS.format(packages=["almrr_core.train", "almrr_core.pretrain"], forbidden=forbidden)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
