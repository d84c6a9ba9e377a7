"""Defects to plant into pictures of a surface, for demonstrations and tests; no training may import this.

They are drawn to be seen: a careful eye finds each. Where they share a shape with the held-out families of
simulated anomalies (crack, dent) that shape is taken from there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from almrr_core.data.anomalies import AnomalyOptions, simulate
from almrr_core.data.fields import (
    Dice,
    affine,
    blur,
    displace,
    is_gray,
    luma,
    smoothstep,
    strokes,
    turned_axes,
    unit,
)
from almrr_core.data.held_out_families import crack, dent
from almrr_core.data.retouch import Family, Sources, blobs, signed
from almrr_core.data.textures.catalogue import make_textures

POINTS = 448  # along a line; at a side of 256 they lie under a pixel apart
MARGIN = 0.15  # sides of the picture that the middle of a defect keeps from its border
LEAST_DENT = 40 / 255
YARNS = (3.5, 26.0)  # periods in pixels at 256 among which yarns are looked for

Defect = Family


@dataclass(frozen=True, slots=True, eq=False)
class Planted:
    """Pictures with one defect each: images (n, 3, S, S), masks (n, 1, S, S) float 0/1, kinds (n,) int64.

    `kinds` is the index into the defects they were drawn from. No mask is empty, and outside its mask a
    picture is bit for bit what it was.
    """

    images: Tensor
    masks: Tensor
    kinds: Tensor


class _FreshTextures:
    """A texture source that paints anew at each call."""

    def sample(self, n: int, size: int, generator: torch.Generator) -> Tensor:
        """See `TextureSource`."""
        return make_textures(n, size, generator, generator.device, camera=False).images


def _line(
    dice: Dice, size: int, length: tuple[float, float], bow: float, curl: float
) -> tuple[Tensor, Tensor]:
    """Return x, y (n, 1, POINTS) of a line through the picture: bowed as a whole, curling along the way."""
    t = torch.linspace(-0.5, 0.5, POINTS, device=dice.device)
    scale = dice.log_uniform(*length).view(-1, 1, 1) * unit(size)
    angle = dice.uniform(0, 2 * math.pi).view(-1, 1, 1)
    wave = torch.tensor([3.0, 6.0, 10.0], device=dice.device).view(1, 3, 1)
    waves = (wave * t + 2 * math.pi * dice.rand(2, 3, 1)).sin() / wave * dice.normal(2, 3, 1)
    aside, ahead = waves.sum(2, keepdim=True).unbind(1)
    u = scale * (t + 0.6 * curl * ahead)
    v = scale * (bow * dice.normal(1, 1) * (t.square() - 0.08) + curl * aside)
    x0, y0 = (dice.uniform(0.2 * size, 0.8 * size).view(-1, 1, 1) for _ in range(2))
    return x0 + u * angle.cos() - v * angle.sin(), y0 + u * angle.sin() + v * angle.cos()


def _drawn(x: Tensor, y: Tensor, width: Tensor, strength: Tensor, size: int, dice: Dice) -> Tensor:
    """Return the strokes (n, 1, S, S) in 0..1 with soft edges."""
    line = strokes(x, y, width.expand_as(x) * unit(size), strength.expand_as(x), size)
    return (blur(line, dice.uniform(0.45, 0.8) * max(unit(size), 0.5)) * 1.4).clamp(max=1)


def _scratch(images: Tensor, dice: Dice, sources: Sources) -> tuple[Tensor, Tensor]:
    """A nearly straight groove: one bright flank, one dark."""
    size = images.shape[-1]
    x, y = _line(dice, size, (60, 260), 0.15, 0.0)
    width = dice.log_uniform(1.2, 2.6).view(-1, 1, 1)
    strength = (0.85 + 0.3 * dice.curve(POINTS, 9)).clamp(0.35, 1)
    bright = _drawn(x, y, width, strength, size, dice)
    aside = (0.8 * width + 0.5) * unit(size)
    dark = _drawn(x + aside, y + aside, 0.8 * width, strength, size, dice)
    depth = dice.levels(35, 110)
    sign = signed(images, bright, dice)
    return images + depth * sign * (bright - 0.6 * dark * (1 - bright)), bright + dark


def _stain(images: Tensor, dice: Dice, sources: Sources) -> tuple[Tensor, Tensor]:
    """A dried liquid: it darkens, most at its rim, or leaves a pale film."""
    size = images.shape[-1]
    inside = blobs(dice, size, 14, 46, (0.15, 0.4), MARGIN)
    rim = inside * (1 - smoothstep((inside - 0.3) / 0.7))
    tint = torch.where(is_gray(images), 1.0, 1 + 0.35 * dice.normal(3, 1, 1).clamp(-1.5, 1.5))
    clouds = 1 + 0.25 * dice.field(size, 9)
    amount = (dice.uniform(0.18, 0.45) * inside * clouds + dice.uniform(0.1, 0.35) * rim) * tint
    pale = dice.chance(0.25)
    return torch.where(pale, images + 0.7 * amount * (0.9 - images), images * (1 - amount)), inside


def _hole(images: Tensor, dice: Dice, sources: Sources) -> tuple[Tensor, Tensor]:
    """A hole or burn through: dark inside (on a light table bright), a torn edge, a lit lip around."""
    size = images.shape[-1]
    where = blobs(dice, size, 7, 20, (0.5, 0.9), MARGIN)
    torn = where + 0.12 * dice.field(size, min(64, size)) * (where > 0.02)
    inside = smoothstep((torn - 0.35) / 0.12)
    lip = smoothstep((torn - 0.08) / 0.15) * (1 - inside)
    dark = luma(images).mean((2, 3), keepdim=True) > 0.22
    bottom = torch.where(dark, 0.1, 0.85) * torch.ones_like(images) * dice.uniform(0.5, 1.1)
    bottom = bottom + 0.12 * (1 - torn.clamp(0, 1))
    return torch.lerp(images * (1 + dice.uniform(-0.35, 0.3) * lip), bottom, inside), where


def _yarn(images: Tensor, dice: Dice) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Find the strongest wave of each picture and choose one of its crests, near the middle.

    Returns the distance from it (n, 1, S, S) in periods, the period (n, 1, 1, 1) in pixels, the angle
    across it and how much of the crest is taken: it may end within the picture.
    """
    size = images.shape[-1]
    gray = luma(images)
    waves = torch.fft.fft2((gray - gray.mean((2, 3), keepdim=True)).squeeze(1))
    f = torch.fft.fftfreq(size, device=images.device)
    radius = torch.hypot(f.view(-1, 1), f) * unit(size)
    low, high = 1 / YARNS[1], min(1 / YARNS[0], 0.4 * unit(size))
    usable = (radius > low) & (radius < max(high, 2 * low)) & (f >= 0)
    at = (waves.abs() * usable).flatten(1).argmax(1)
    fy, fx = (f[k].view(-1, 1, 1, 1) for k in (at // size, at % size))
    phase = waves.flatten(1).gather(1, at.view(-1, 1)).angle().view(-1, 1, 1, 1)
    period = 1 / torch.hypot(fy, fx)
    angle = torch.atan2(fy, fx)
    middle = (dice.uniform(0.25, 0.75) * size * fx + dice.uniform(0.25, 0.75) * size * fy).round()
    u, v = turned_axes(size, angle, 0.0, 0.0)
    distance = u / period + phase / (2 * math.pi) - middle + 0.05 * dice.field(size, 5)
    along = (v - v.mean((2, 3), keepdim=True)) / size
    end, turn = dice.uniform(-0.3, 0.7), torch.where(dice.chance(0.5), 1.0, -1.0)
    return distance, period, angle, smoothstep((end - along * turn) / 0.02)


def _missing_yarn(images: Tensor, dice: Dice, sources: Sources) -> tuple[Tensor, Tensor]:
    """A yarn is gone: a dark gap of its width, its neighbours a little nearer."""
    distance, period, angle, taken = _yarn(images, dice)
    offset = distance.abs()
    pull = (
        0.22 * period * distance.sign() * smoothstep((1.6 - offset) / 1.2) * smoothstep(offset / 0.4) * taken
    )
    moved = displace(images, pull * angle.cos(), pull * angle.sin())
    gap = smoothstep((0.62 - offset) / 0.35) * (1 + 0.2 * dice.field(images.shape[-1], 40)) * taken
    return moved * (1 - dice.uniform(0.4, 0.65) * gap), taken * (offset < 1.6)


def _double_yarn(images: Tensor, dice: Dice, sources: Sources) -> tuple[Tensor, Tensor]:
    """Two yarns lie in one place: it is twice as wide, stands out and catches the light."""
    distance, period, angle, taken = _yarn(images, dice)
    offset = distance.abs()
    read = torch.where(offset < 0.7, 0.5 * offset, 0.35 + (offset - 0.7) * 1.7)
    shift = (read - offset) * distance.sign() * (offset < 1.2) * taken * period
    moved = displace(images, shift * angle.cos(), shift * angle.sin())
    crown = smoothstep((1.0 - offset) / 0.5) * taken
    return moved * (1 + signed(images, crown, dice) * dice.uniform(0.14, 0.3) * crown), taken * (offset < 1.2)


def _crack(images: Tensor, dice: Dice, sources: Sources) -> tuple[Tensor, Tensor]:
    """A branching dark crack, deep enough to be seen."""
    _, where = crack(images, dice, sources)
    depth = dice.uniform(0.5, 0.85) * where.clamp(0, 1)
    bright = luma(images).mean((2, 3), keepdim=True) < 0.25
    return torch.where(bright, images + depth * (0.7 - images), images * (1 - depth)), where


def _dent(images: Tensor, dice: Dice, sources: Sources) -> tuple[Tensor, Tensor]:
    """A bump or dent under light from one side, never too shallow to be seen."""
    changed, where = dent(images, dice, sources)
    relief = changed - images
    peak = relief.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-6)
    return images + relief * (LEAST_DENT / peak).clamp(min=1), where


def _stray_fibre(images: Tensor, dice: Dice, sources: Sources) -> tuple[Tensor, Tensor]:
    """A loose fibre or hair on the surface: curling, round in its shading, with a shadow beside it."""
    size = images.shape[-1]
    x, y = _line(dice, size, (60, 180), 0.5, 1.0)
    width = dice.log_uniform(1.4, 3.2).view(-1, 1, 1)
    full = torch.ones_like(x)
    body = _drawn(x, y, width, full, size, dice)
    core = _drawn(x - 0.3 * width * unit(size), y - 0.3 * width * unit(size), 0.4 * width, full, size, dice)
    away = (0.8 * width + 1.2) * unit(size)
    shadow = blur(
        _drawn(x + away, y + away, 1.2 * width, full, size, dice), dice.uniform(0.8, 1.4) * unit(size)
    )
    dark = signed(images, body, dice) < 0
    colour = torch.where(dark, dice.uniform(0.04, 0.2), dice.uniform(0.75, 0.95)).expand(-1, 3, -1, -1)
    tint = torch.where(dice.chance(0.4), 0.25 * dice.normal(3, 1, 1), 0.0)
    shaded = images * (1 - 0.35 * shadow)
    return torch.lerp(shaded, (colour + tint).clamp(0, 1) + 0.15 * (core - 0.5), 0.95 * body), body + shadow


def _foreign_texture(images: Tensor, dice: Dice, sources: Sources) -> tuple[Tensor, Tensor]:
    """A flat scrap of another material on the surface, with a thin shadow around it."""
    size = images.shape[-1]
    half = max(size // 2, 8)
    piece = sources.textures.sample(dice.n, half, dice.generator)
    left = (size - half) // 2
    scrap = F.pad(piece, (left, size - half - left, left, size - half - left), mode="reflect")
    apart = scrap.mean((1, 2, 3)) - images.mean((1, 2, 3))
    apart = apart.view(-1, 1, 1, 1)
    scrap = scrap + apart.sign() * (0.12 - apart.abs()).clamp(min=0)
    where = blobs(dice, size, 13, 36, (0.3, 0.5), MARGIN)
    cover = smoothstep((where - 0.3) / 0.1)
    return torch.lerp(images * (1 - 0.3 * smoothstep(where / 0.3)), scrap, cover), where


def _tone(images: Tensor, dice: Dice, sources: Sources) -> tuple[Tensor, Tensor]:
    """A slight change of tone, 10 to 20 gray levels, over a wide patch with a soft edge."""
    where = blobs(dice, images.shape[-1], 24, 64, (0.15, 0.45), MARGIN)
    tint = torch.where(is_gray(images), 1.0, 1 + 0.4 * dice.normal(3, 1, 1).clamp(-1, 1))
    return images + signed(images, where, dice) * dice.levels(10, 20) * tint * where, where


def _orientation(images: Tensor, dice: Dice, sources: Sources) -> tuple[Tensor, Tensor]:
    """The surface's own texture, turned by 15 to 40 degrees within a patch."""
    size = images.shape[-1]
    where = blobs(dice, size, 18, 52, (0.05, 0.15), MARGIN)
    angle = torch.where(dice.chance(0.5), 1.0, -1.0) * dice.uniform(0.26, 0.7)
    return torch.lerp(images, affine(images, angle), where), where


DEFECTS: tuple[Defect, ...] = (
    Defect("scratch", _scratch),
    Defect("stain", _stain),
    Defect("hole", _hole),
    Defect("missing_yarn", _missing_yarn),
    Defect("double_yarn", _double_yarn),
    Defect("crack", _crack),
    Defect("dent", _dent),
    Defect("stray_fibre", _stray_fibre),
    Defect("foreign_texture", _foreign_texture),
    Defect("tone", _tone),
    Defect("orientation", _orientation, visible=4 / 255, reach=2),
)


def plant_defects(images: Tensor, generator: torch.Generator, defects: Sequence[Defect] = DEFECTS) -> Planted:
    """Return a copy of pictures (n, 3, S, S), float32 in 0..1, each with one of `defects`, evenly drawn.

    All on the generator's device; the same generator state gives the same defects.
    """
    made = simulate(images, _FreshTextures(), generator, AnomalyOptions(tuple(defects), fraction=1.0))
    return Planted(made.images, made.masks, made.families)
