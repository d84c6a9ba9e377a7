"""The ten picture changes that turn a texture into an anomaly source (method.md §1), batched in torch.

Ranges are those of DRAEM's imgaug list. All take and give (n, 3, S, S) float32 in 0..1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from almrr_core.data.fields import Dice, affine

Augment = Callable[[Tensor, Dice], Tensor]


def gamma(images: Tensor, dice: Dice) -> Tensor:
    """Raise each channel to a power of 0.5..2."""
    return images.pow(dice.uniform(0.5, 2.0, 3))


def brightness(images: Tensor, dice: Dice) -> Tensor:
    """Multiply by 0.8..1.2 and add ±30 gray levels."""
    return images * dice.uniform(0.8, 1.2) + dice.uniform(-30 / 255, 30 / 255)


def sharpness(images: Tensor, dice: Dice) -> Tensor:
    """Move away from (or to) a 3×3 smoothed copy, factor 0..3, as Pillow's ImageEnhance.Sharpness."""
    mean = F.avg_pool2d(images, 3, 1, 1, count_include_pad=False)
    smooth = (9 * mean + 4 * images) / 13
    return torch.lerp(smooth, images, dice.uniform(0.0, 3.0))


def hue_saturation(images: Tensor, dice: Dice) -> Tensor:
    """Add ±50 of 255 to hue (that is ±70°) and to saturation, in HSV."""
    value, chroma = images.amax(1, keepdim=True), images.amax(1, keepdim=True) - images.amin(1, keepdim=True)
    red, green, blue = images.unsqueeze(2).unbind(1)
    safe = chroma.clamp(min=1e-6)
    hue = torch.where(value == red, (green - blue) / safe, 2 + (blue - red) / safe)
    hue = torch.where((value == blue) & (value != red) & (value != green), 4 + (red - green) / safe, hue)
    hue = hue + dice.uniform(-50 / 255, 50 / 255) * 6
    saturation = (chroma / value.clamp(min=1e-6) + dice.uniform(-50 / 255, 50 / 255)).clamp_(0, 1)
    turn = (hue + torch.tensor([5.0, 3.0, 1.0], device=images.device).view(1, 3, 1, 1)).remainder_(6)
    return value - value * saturation * torch.minimum(turn, 4 - turn).clamp_(0, 1)


def solarize(images: Tensor, dice: Dice) -> Tensor:
    """Invert what is brighter than 32..128 of 255."""
    return torch.where(images >= dice.uniform(32 / 255, 128 / 255), 1 - images, images)


def posterize(images: Tensor, dice: Dice) -> Tensor:
    """Keep 1..7 bits of 8."""
    step = 2.0 ** (1 + dice.choice(7)).view(-1, 1, 1, 1)
    return ((images * 255) / step).floor_() * step / 255


def invert(images: Tensor, dice: Dice) -> Tensor:
    """Return the negative."""
    return 1 - images


def autocontrast(images: Tensor, dice: Dice) -> Tensor:
    """Stretch each channel to 0..1; a flat channel stays as it is."""
    low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    return torch.where(high - low > 1 / 255, (images - low) / (high - low).clamp(min=1e-6), images)


def equalize(images: Tensor, dice: Dice) -> Tensor:
    """Equalise the 256-bin histogram of each channel; a flat channel stays as it is."""
    level = (images * 255).round_().long().flatten(2)  # (n, 3, S·S)
    histogram = torch.zeros(*level.shape[:2], 256, dtype=torch.int64, device=images.device)
    histogram.scatter_add_(2, level, torch.ones_like(level))
    total = histogram.cumsum(2)
    least = total.gather(2, level.amin(2, keepdim=True))
    spread = (level.shape[2] - least).clamp(min=1)
    table = (total - least).clamp(min=0) / spread
    equal = table.gather(2, level).view_as(images)
    return torch.where((least == level.shape[2]).unsqueeze(3), images, equal)


def rotate(images: Tensor, dice: Dice) -> Tensor:
    """Turn by an angle in ±45°, mirrored at the border."""
    return affine(images, dice.uniform(-math.pi / 4, math.pi / 4))


AUGMENTS: tuple[Augment, ...] = (
    gamma,
    brightness,
    sharpness,
    hue_saturation,
    solarize,
    posterize,
    invert,
    autocontrast,
    equalize,
    rotate,
)


def augment(images: Tensor, dice: Dice, count: int = 3, kinds: Sequence[Augment] = AUGMENTS) -> Tensor:
    """Apply `count` random ones of `kinds` to each picture (n, 3, S, S) in 0..1; the result is in 0..1.

    Which ones differs per picture; their order is drawn per batch, so each kind runs once.
    """
    rank = dice.rand(len(kinds)).argsort(1).argsort(1)
    order = torch.randperm(len(kinds), generator=dice.generator, device=dice.device)
    result = images.clone()
    for number in order.tolist():
        where = (rank[:, number] < count).nonzero().squeeze(1)
        if len(where):
            result[where] = kinds[number](result[where], Dice(len(where), dice.generator)).clamp_(0, 1)
    return result
