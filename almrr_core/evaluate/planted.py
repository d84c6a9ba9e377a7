"""A data set of one generated surface with planted defects, for the demonstration and the tests.

The defects are of the held-out families, which no training uses.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from almrr_core.data.anomalies import AnomalyOptions, Simulated, simulate
from almrr_core.data.families import HELD_OUT_FAMILIES
from almrr_core.data.textures import ProceduralTextures, procedural_textures
from almrr_core.imaging import write_png

SIZE = 256  # pixels
SURFACE = "weave"  # of the procedural textures: the one most like what lines make
TRIES = 3  # pieces per wanted defect
LEAST_AREA, LEAST_CHANGE = 100, 8 / 255  # pixels, and mean change there: what an eye can find


@dataclass(frozen=True, slots=True)
class Counts:
    """How many pictures a data set gets: normals to train on, fresh good ones, and defects per family."""

    normals: int = 60
    good: int = 12
    per_family: int = 3


@torch.no_grad()
def plant(folder: Path, seed: int, counts: Counts | None = None, surface: str = SURFACE) -> None:
    """Write train/good, test/good, test/<family> and their ground_truth as PNG files of 256×256 pixels.

    All pictures are pieces of one `surface` (a procedural texture), which `seed` varies. Defects no eye
    would find are drawn again where that helps. Raises WRITE_FAILED.
    """
    counts = counts or Counts()
    device = torch.device("cpu")
    generator = torch.Generator(device)
    generator.manual_seed(seed)
    tries = TRIES * counts.per_family
    sizes = [counts.normals, counts.good, *[tries] * len(HELD_OUT_FAMILIES)]
    pieces = procedural_textures(sum(sizes), SIZE, generator, device, surface, alike=True)
    normals, good, *clean = torch.split(pieces, sizes)
    _write(folder / "train" / "good", normals)
    _write(folder / "test" / "good", good)
    textures = ProceduralTextures(device, pool=12, seed=seed + 1)
    for family, images in zip(HELD_OUT_FAMILIES, clean, strict=True):
        made = simulate(images, textures, generator, AnomalyOptions((family,), fraction=1.0))
        chosen = _visible_first(images, made)[: counts.per_family]
        _write(folder / "test" / family.name, made.images[chosen])
        _write(folder / "ground_truth" / family.name, made.masks[chosen], "_mask")


def _visible_first(images: Tensor, made: Simulated) -> Tensor:
    """Return the indices (n,), those of visible defects first, else in the order drawn."""
    area = made.masks.sum((1, 2, 3))
    change = ((made.images - images).abs().amax(1, keepdim=True) * made.masks).sum((1, 2, 3)) / area
    visible = (area >= LEAST_AREA) & (change >= LEAST_CHANGE)
    return torch.argsort(~visible, stable=True)


def _write(folder: Path, images: Tensor, ending: str = "") -> None:
    for number, picture in enumerate(_as_bytes(images)):
        write_png(folder / f"{number:03}{ending}.png", picture)


def _as_bytes(images: Tensor) -> NDArray[np.uint8]:
    """Return (n, H, W, 3), or (n, H, W) for one channel, as uint8."""
    scaled = images.mul(255).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(scaled.permute(0, 2, 3, 1).squeeze(-1).numpy())
