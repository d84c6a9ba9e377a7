"""The anomaly families of training: the paper's, and five closer to what surfaces really suffer.

Each takes pictures (n, 3, S, S) and gives changed ones and where they may differ; see `Family`. Contrast
is log-uniform from about 6 gray levels up, so faint ones are as frequent as strong ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from almrr_core.data.augment import AUGMENTS, Augment, augment
from almrr_core.data.fields import (
    Dice,
    affine,
    blur,
    by_choice,
    displace,
    ellipse,
    smoothstep,
    strokes,
    turned_axes,
    unit,
)
from almrr_core.data.perlin import perlin_masks
from almrr_core.data.retouch import Family, Sources, blend, blobs, signed, tone

POINTS = 384  # along a curve; at a side of 256 they lie under a pixel apart


def perlin(
    images: Tensor,
    dice: Dice,
    sources: Sources,
    opacity: tuple[float, float] = (0.0, 0.8),
    kinds: Sequence[Augment] = AUGMENTS,
) -> tuple[Tensor, Tensor]:
    """Blend in an augmented texture under a Perlin mask: the paper's equation 1.

    `opacity` is the range of the weight 1 − α that the original keeps inside the mask.
    """
    size = images.shape[-1]
    masks = perlin_masks(dice, size)
    texture = augment(sources.textures.sample(dice.n, size, dice.generator), dice, 3, kinds)
    return blend(images, texture, masks, 1 - dice.uniform(*opacity)), masks


def itself(images: Tensor, dice: Dice, sources: Sources) -> tuple[Tensor, Tensor]:
    """Blend in another piece of normal surface: turned, mirrored, moved, magnified, other contrast."""
    size = images.shape[-1]
    source = sources.normals[Dice(dice.n, dice.generator).choice(len(sources.normals))]
    source = torch.where(dice.chance(0.5), source.flip(3), source)
    angle = torch.where(dice.chance(0.5), dice.uniform(-math.pi, math.pi), 0.0)
    shift = torch.cat([dice.uniform(-0.8, 0.8), dice.uniform(-0.8, 0.8)], 1)
    source = affine(source, angle, dice.log_uniform(0.6, 1.8), shift)
    mean = source.mean((2, 3), keepdim=True)
    source = mean + (source - mean) * dice.log_uniform(0.6, 1.7) + dice.uniform(-0.12, 0.12)
    masks = _patches(dice, size)
    return blend(images, source.clamp(0, 1), masks, dice.uniform(0.3, 1.0)), masks


def _patches(dice: Dice, size: int) -> Tensor:
    """Return a Perlin mask, a blob with a hard or soft edge or a turned rectangle for each sample."""
    kinds = (
        lambda _, part: perlin_masks(part, size),
        lambda _, part: blobs(part, size, 5, 60, (0.02, 0.6)),
        lambda _, part: _rectangles(part, size),
    )
    return by_choice(torch.empty(dice.n, 1, size, size, device=dice.device), dice, kinds)


def _rectangles(dice: Dice, size: int) -> Tensor:
    x0, y0 = dice.uniform(0, size), dice.uniform(0, size)
    u, v = turned_axes(size, dice.uniform(0, math.pi), x0, y0)
    a, b = dice.log_uniform(2, 60), dice.log_uniform(2, 60)
    return ((u.abs() < a * unit(size)) & (v.abs() < b * unit(size))).float()


def tonal(images: Tensor, dice: Dice, sources: Sources) -> tuple[Tensor, Tensor]:
    """Brighten, darken or change the contrast smoothly in a blob, a streak or a side of the picture."""
    size = images.shape[-1]
    kinds = (
        lambda _, part: blobs(part, size, 8, 90, (0.2, 1.0)),
        lambda _, part: _streaks(part, size),
        lambda _, part: _sides(part, size),
    )
    where = by_choice(torch.empty(dice.n, 1, size, size, device=dice.device), dice, kinds)
    amount = signed(images, where, dice) * dice.levels(6, 60)
    changed = tone(images, where, amount, dice)
    mean = (images * where).sum((2, 3), keepdim=True) / where.sum((2, 3), keepdim=True).clamp(min=1)
    contrast = torch.where(dice.chance(0.35), dice.log_uniform(0.4, 2.0), 1.0) - 1
    return changed + where * contrast * (images - mean), where


def _streaks(dice: Dice, size: int) -> Tensor:
    """Return long soft bands (n, 1, S, S), slightly bent."""
    x0, y0 = dice.uniform(0, size), dice.uniform(0, size)
    u, v = turned_axes(size, dice.uniform(0, math.pi), x0, y0)
    v = v + 8 * unit(size) * dice.uniform(0.0, 1.0) * dice.field(size, 5)
    half, length = dice.log_uniform(3, 30) * unit(size), dice.log_uniform(40, 400) * unit(size)
    return smoothstep((1 - v.abs() / half) * dice.uniform(1, 3)) * smoothstep((1 - u.abs() / length) * 2)


def _sides(dice: Dice, size: int) -> Tensor:
    """Return half planes (n, 1, S, S) with a soft wavy edge that reach at most the middle."""
    angle = dice.uniform(0, 2 * math.pi)
    u, _ = turned_axes(size, angle, size / 2, size / 2)
    u = u / size + dice.uniform(0.0, 0.06) * dice.field(size, 5)
    return smoothstep((u - dice.uniform(0.0, 0.35)) / dice.log_uniform(0.02, 0.5))


def line(images: Tensor, dice: Dice, sources: Sources) -> tuple[Tensor, Tensor]:
    """Draw one to three thin curved scratches, 1..4 pixels wide, fading and swelling along the way."""
    size, k = images.shape[-1], 3
    x, y = _bezier(dice, size, k)
    width = dice.log_uniform(1, 4, k).view(-1, k, 1) * unit(size)
    width = (width * (1 + 0.35 * dice.curve(POINTS, 8, k))).clamp_(min=0.8)
    used = torch.arange(k, device=dice.device).view(1, k, 1) <= dice.choice(k).view(-1, 1, 1)
    strength = (0.85 + 0.3 * dice.curve(POINTS, 6, k)).clamp_(0.0, 1.0) * used
    where = (blur(strokes(x, y, width, strength, size), dice.uniform(0.4, 0.9) * unit(size)) * 1.3).clamp_(
        max=1
    )
    amount = signed(images, where, dice) * dice.levels(8, 110)
    return tone(images, where, amount, dice, flatten=0.6), where


def _bezier(dice: Dice, size: int, k: int) -> tuple[Tensor, Tensor]:
    """Return x, y (n, k, POINTS) of cubic curves with a little tremor, 15..200 pixels long at 256."""
    n = dice.n
    t = torch.linspace(0, 1, POINTS, device=dice.device)
    basis = torch.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3])  # (4, POINTS)
    length = dice.log_uniform(15, 200, k).view(n, k, 1) * unit(size)
    angle = dice.uniform(0, 2 * math.pi, k).view(n, k, 1)
    along = torch.tensor([-0.5, -0.17, 0.17, 0.5], device=dice.device) + 0.08 * dice.normal(k, 4)
    aside = 0.15 * dice.normal(k, 4)
    u = (length * along) @ basis
    v = (length * aside) @ basis + 0.8 * unit(size) * dice.curve(POINTS, 24, k)
    x0, y0 = (dice.uniform(0, size, k).view(n, k, 1) for _ in range(2))
    return x0 + u * angle.cos() - v * angle.sin(), y0 + u * angle.sin() + v * angle.cos()


def spot(images: Tensor, dice: Dice, sources: Sources) -> tuple[Tensor, Tensor]:
    """Put in one to six small elliptical pits or grains, 3..25 pixels across, with soft edges."""
    size, k = images.shape[-1], 6
    a = dice.log_uniform(1.5, 12.5, k) * unit(size)
    x0, y0 = dice.uniform(0, size, k), dice.uniform(0, size, k)
    distance = ellipse(size, (x0, y0), (a, a * dice.uniform(0.4, 1.0, k)), dice.uniform(0, math.pi, k))
    used = torch.arange(k, device=dice.device).view(1, k, 1, 1) <= dice.choice(k).view(-1, 1, 1, 1)
    depth = dice.uniform(0.5, 1.0, k) * used
    soft = smoothstep((1.25 - distance) / dice.log_uniform(0.15, 1.2, k)) * depth
    where = soft.amax(1, keepdim=True) * (1 + dice.uniform(0.0, 0.25) * dice.field(size, min(96, size)))
    amount = signed(images, where, dice) * dice.levels(8, 130)
    return tone(images, where, amount, dice, flatten=0.8), where


def noise(images: Tensor, dice: Dice, sources: Sources) -> tuple[Tensor, Tensor]:
    """Disturb the texture in a Perlin or blob area: blurred, noisy, shuffled or smeared."""
    size = images.shape[-1]
    where = torch.where(dice.chance(0.5), perlin_masks(dice, size), blobs(dice, size, 6, 60, (0.02, 0.6)))
    return blend(
        images, by_choice(images, dice, (_blurred, _noisy, _shuffled, _smeared)), where, dice.uniform(0.5, 1)
    ), where


def _blurred(images: Tensor, dice: Dice) -> Tensor:
    return blur(images, dice.log_uniform(1.2, 10) * unit(images.shape[-1]))


def _noisy(images: Tensor, dice: Dice) -> Tensor:
    size = images.shape[-1]
    grain = blur(dice.normal(1, size, size), dice.log_uniform(0.25, 2.5) * unit(size))
    grain = grain / grain.std((2, 3), keepdim=True)
    return images + dice.levels(8, 60) * (grain + 0.5 * dice.normal(3, 1, 1) * grain * dice.chance(0.3))


def _shuffled(images: Tensor, dice: Dice) -> Tensor:
    size = images.shape[-1]
    reach = dice.log_uniform(2, 14) * unit(size)
    return displace(images, reach * dice.normal(1, size, size), reach * dice.normal(1, size, size), "nearest")


def _smeared(images: Tensor, dice: Dice) -> Tensor:
    """Read every pixel where the nearest line across the smear is: streaks of one value."""
    size = images.shape[-1]
    angle = dice.uniform(0, math.pi)
    u, _ = turned_axes(size, angle, dice.uniform(0, size), dice.uniform(0, size))
    step = dice.log_uniform(6, 40) * unit(size)
    back = (u / step).round() * step - u
    return displace(images, back * angle.cos(), back * angle.sin())


# A texture hardly differs from the picture where equation 1 leaves under one gray level: not labelled.
PERLIN = Family("perlin", perlin, visible=1 / 255)
SELF = Family("self", itself, visible=4 / 255, reach=2)
TONE = Family("tone", tonal)
LINE = Family("line", line)
SPOT = Family("spot", spot)
NOISE = Family("noise", noise, visible=4 / 255, reach=4)
