"""Perlin noise masks of a whole batch at once (DRAEM, Zavrtanik et al., ICCV 2021, arXiv 2108.07610).

On a regular lattice Perlin noise is two matrix products. With d = p − i the distance of a pixel from
lattice line i and A = fade(max(0, 1 − |d|)) its weight, the sum over the four corners of
weight · (gradient · offset) is  (A_y∘d_y) G_y A_xᵀ + A_y G_x (A_x∘d_x)ᵀ.  No index ever appears, so
every sample can have its own lattice.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from almrr_core.data.fields import Dice, affine

MAX_POWER = 5  # lattices of 2⁰ … 2⁵ cells a side
THRESHOLD = 0.5


def perlin_noise(gradients: Tensor, cells: Tensor, size: int) -> Tensor:
    """Return Perlin noise (n, 1, size, size), about −1..1.

    `gradients` (n, 2, m, m) holds the (y, x) parts at lattice points [row, column]; `cells` (n, 2) int64
    the number of cells along y and x, at most m − 1. Pixel i lies at i · cells / size.
    """
    weight_y, slope_y = _axis(cells[:, 0], gradients.shape[-1], size)
    weight_x, slope_x = _axis(cells[:, 1], gradients.shape[-1], size)
    along_y = slope_y @ gradients[:, 0] @ weight_x.mT
    along_x = weight_y @ gradients[:, 1] @ slope_x.mT
    return (along_y + along_x).mul_(math.sqrt(2)).unsqueeze(1)


def _axis(cells: Tensor, points: int, size: int) -> tuple[Tensor, Tensor]:
    """Return weights and weighted offsets (n, size, points) of the pixels to the lattice lines."""
    pixel = torch.arange(size, device=cells.device, dtype=torch.float32) / size
    line = torch.arange(points, device=cells.device, dtype=torch.float32)
    offset = (pixel * cells.view(-1, 1)).unsqueeze(2) - line
    t = (1 - offset.abs()).clamp_(min=0)
    weight = t * t * t * (t * (t * 6 - 15) + 10)
    return weight, weight * offset


def perlin_field(dice: Dice, size: int) -> Tensor:
    """Return noise (n, 1, size, size): lattice 2⁰…2⁵ per axis and sample, turned by an angle in ±90°.

    The turned corners are filled with 0, as DRAEM does.
    """
    power = torch.randint(0, MAX_POWER + 1, (dice.n, 2), generator=dice.generator, device=dice.device)
    points = 2**MAX_POWER + 1
    angle = dice.rand(points, points) * (2 * math.pi)
    noise = perlin_noise(torch.stack([angle.sin(), angle.cos()], 1), 2**power, size)
    return affine(noise, dice.uniform(-math.pi / 2, math.pi / 2), zeros=True)


def perlin_masks(dice: Dice, size: int) -> Tensor:
    """Return masks (n, 1, size, size), float 0/1: the noise over 0.5, never empty.

    Where the noise stays below 0.5 (coarse lattices), the top tenth of its larger side is taken: that
    keeps the draw free of retries, whose number would differ from batch to batch.
    """
    noise = perlin_field(dice, size)
    top = noise.amax((2, 3), keepdim=True)
    bottom = noise.amin((2, 3), keepdim=True)
    low = top <= THRESHOLD
    noise = torch.where(low & (-bottom > top), -noise, noise)
    limit = torch.where(low, 0.9 * torch.maximum(top, -bottom), THRESHOLD)
    return (noise > limit).float()
