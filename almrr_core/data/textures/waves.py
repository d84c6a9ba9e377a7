"""Textures made of waves: gratings, Gabor noise, band-passed noise, spots and labyrinths."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from almrr_core.data.fields import Dice, smoothstep
from almrr_core.data.textures.canvas import (
    Canvas,
    TextureFamily,
    by_index,
    colours,
    direction,
    mix,
    noise,
    shades,
)


def _band(dice: Dice, canvas: Canvas, period: Tensor, width: Tensor, angle: Tensor, spread: Tensor) -> Tensor:
    """Return noise (n, 1, H, W), standard normal, of waves about `period` pixels at 256 long.

    `width` is the band's half width as a share of the frequency; `spread` (radians) how far waves turn
    away from `angle`: large for all directions, small for Gabor noise.
    """
    height, side = canvas.height, canvas.width
    fy = torch.fft.fftfreq(height, device=dice.device).view(1, 1, -1, 1) * canvas.unit
    fx = torch.fft.rfftfreq(side, device=dice.device).view(1, 1, 1, -1) * canvas.unit
    radius = torch.hypot(fy, fx).clamp(min=1e-6)
    off = torch.atan2(fy, fx) - angle
    off = (off + math.pi / 2).remainder(math.pi) - math.pi / 2  # a wave has no sign
    weight = (-0.5 * ((radius * period - 1) / width).square() - 0.5 * (off / spread).square()).exp()
    waves: Tensor = torch.fft.irfft2(torch.fft.rfft2(canvas.grain(dice)) * weight, s=(height, side))
    return waves / waves.std((2, 3), keepdim=True).clamp(min=1e-6)


def _gabor(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Gabor noise: wave packets of one or two directions, as on rolled, combed or printed surfaces."""
    first, second = shades(style, 2, 0.6).unbind(1)
    total = torch.zeros(dice.n, 1, canvas.height, canvas.width, device=dice.device)
    for share in (1.0, style.uniform(0.0, 0.9) * style.chance(0.5)):
        period, width = style.log_uniform(4, 24), style.log_uniform(0.08, 0.35)
        total = total + share * _band(dice, canvas, period, width, direction(style), style.uniform(0.05, 0.3))
    contrast = style.log_uniform(0.1, 0.45)
    return mix(first, second, 0.5 + contrast * total) + style.levels(1, 6) * canvas.grain(dice)


def _banded(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Band-passed noise of every direction: coarse bumps with finer ones, lit from one side or flat."""
    anywhere = torch.full_like(style.uniform(0, 1), 99.0)
    period = style.log_uniform(4, 30)
    coarse = _band(dice, canvas, period, style.uniform(0.15, 0.5), style.uniform(0, 1), anywhere)
    fine = _band(
        dice, canvas, period / style.uniform(2, 4), style.uniform(0.2, 0.5), style.uniform(0, 1), anywhere
    )
    height = coarse + style.uniform(0, 0.6) * fine
    light = canvas.lit(height * period / 6, style.uniform(0, 2 * math.pi))
    value = torch.where(style.chance(0.5), light, 0.5 * height)
    first, second = shades(style, 2, 0.5).unbind(1)
    return mix(first, second, 0.5 + style.log_uniform(0.15, 0.6) * value) + 0.01 * canvas.grain(dice)


def _spots(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Turing patterns: spots, holes or a labyrinth of one width, as reaction and diffusion make them."""
    period = style.log_uniform(7, 26)
    anywhere = torch.full_like(period, 99.0)
    waves = _band(dice, canvas, period, style.uniform(0.1, 0.2), period, anywhere)
    level = torch.where(style.chance(0.5), style.uniform(-0.2, 0.2), style.uniform(0.6, 1.1))
    inside = smoothstep((waves - level) * style.uniform(0.8, 3.0) + 0.5)
    ground, spot = colours(style, 2).unbind(1)
    light = canvas.lit(inside * 2, style.uniform(0, 2 * math.pi)) * style.uniform(0.0, 0.4)
    rough = style.uniform(0.01, 0.05) * canvas.field(dice, 3)
    return mix(ground, spot, inside * style.uniform(0.5, 1.0)) * (1 + rough + light)


def _grating(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Ribs or grooves: sine, sharp or stepped, of one pitch, each line slightly its own."""
    u, v = canvas.turned(direction(style))
    u = u / style.log_uniform(4, 28) + style.uniform(0, 0.06) * canvas.field(dice, 60) + dice.uniform(0, 64)
    number = u.floor()
    wave = (2 * math.pi * u).sin()
    steep = style.log_uniform(0.5, 8)
    profile = (steep * (wave + style.uniform(-0.5, 0.5))).tanh() / steep.tanh()
    uneven = style.uniform(0.01, 0.08) * by_index(dice, number) + style.uniform(0, 0.05) * noise(
        dice, u * 2, v / 40
    )
    first, second = shades(style, 2, 0.7).unbind(1)
    value = 0.5 + 0.5 * profile * style.uniform(0.3, 1.0)
    rough = style.uniform(0.01, 0.05) * canvas.field(dice, 2.5)
    return mix(first, second, value) * (1 + uneven + rough) + style.levels(1, 5) * canvas.grain(dice)


FAMILIES = (
    TextureFamily("gabor", _gabor),
    TextureFamily("banded", _banded),
    TextureFamily("spots", _spots),
    TextureFamily("grating", _grating),
)
