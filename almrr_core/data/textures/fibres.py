"""Materials of strands laid over each other: fleece, electron-microscope fibres, chipboard."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from almrr_core.data.fields import Dice, smoothstep
from almrr_core.data.textures.canvas import Canvas, TextureFamily, mix, natural, noise, shades


def _strands(
    dice: Dice, canvas: Canvas, spacing: Tensor, radius: Tensor, curl: Tensor, angle: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return one layer of strands: |place| across a strand (1 at its edge), its number's tone, its side.

    The strands lie about `spacing` apart, some are missing; all lengths are in pixels at 256. Sizes
    differ from strand to strand.
    """
    u, v = canvas.turned(angle)
    v = (v + curl * noise(dice, u / 90, v / 90)) / spacing + dice.uniform(0, 64)
    number = v.floor()
    entries = dice.rand(4, 128)
    at = number.long().remainder(128).flatten(1)
    place, size, tone, there = (entries[:, k].gather(1, at).view(v.shape) for k in range(4))
    reach = radius * (0.5 + size.square() * 1.2) / spacing
    centre = 0.5 + (place - 0.5) * (1 - 2 * reach).clamp(min=0)
    side = (v - number - centre) / reach.clamp(max=0.5)
    return torch.where(there < 0.75, side.abs(), 9.0), tone, side


def _nanofibres(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Electro-spun fibres under the electron microscope: deep layers dark, edges bright, few beads."""
    radius = style.log_uniform(1.6, 4.5)
    layers = 12
    curl = style.uniform(2, 16)
    ground = style.uniform(0.05, 0.22)
    gray = ground + 0.04 * canvas.field(dice, 30)
    edge, contrast = style.uniform(0.2, 0.6), style.uniform(0.4, 0.85)
    for layer in range(layers):
        depth = (layer + 1) / layers
        spacing = radius * style.uniform(5, 12)
        inside, tone, side = _strands(dice, canvas, spacing, radius, curl, dice.uniform(0, math.pi))
        body = (1 - inside.square()).clamp(min=0).sqrt()
        shade = (depth**1.3) * contrast * (1 - edge * body + 0.12 * side.clamp(-1, 1)) * (0.75 + 0.4 * tone)
        gray = gray * (1 - 0.4 * smoothstep((2.2 - inside) / 1.4))  # the shadow beside a strand
        gray = mix(gray, ground + shade, smoothstep((1.05 - inside) * radius * canvas.unit / 1.2))
    return (gray + style.levels(3, 12) * canvas.grain(dice)).expand(-1, 3, -1, -1)


def _fleece(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Non-woven fleece: pale, half transparent fibres in every direction, clouds of thickness."""
    radius = style.log_uniform(0.7, 1.6)
    curl = style.uniform(5, 45)
    main, spread = style.uniform(0, math.pi), style.uniform(0.3, 1.6)
    sheet = 0.5 + style.uniform(0.03, 0.12) * canvas.field(dice, 24)
    for _ in range(10):
        inside, tone, _ = _strands(
            dice, canvas, radius * style.uniform(5, 9), radius, curl, main + spread * dice.normal(1, 1, 1)
        )
        cover = smoothstep((1.3 - inside) * 1.2) * (0.25 + 0.5 * tone)
        sheet = mix(sheet, 0.55 + 0.5 * tone, cover) - 0.05 * smoothstep((2.4 - inside) / 1.2) * (1 - cover)
    base, light = shades(style, 2, 0.3).unbind(1)
    sheet = sheet + style.uniform(0.01, 0.03) * canvas.grain(dice)
    return mix(base * 0.6, 0.5 + 0.5 * light, sheet * style.uniform(0.7, 1.0))


def _felt(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Felt or paper: matted fibres too fine to follow, seen as short curved streaks and clouds."""
    x_bend, y_bend = canvas.field(dice, 20), canvas.field(dice, 20)
    total = style.uniform(0.1, 0.5) * canvas.field(dice, 40)
    for _ in range(4):
        u, v = canvas.turned(dice.uniform(0, math.pi))
        streak = noise(
            dice, u / style.uniform(9, 22) + 0.25 * x_bend, v / style.uniform(1.6, 3) + 0.8 * y_bend
        )
        total = total + 0.5 * streak.abs()
    first, second = shades(style, 2, 0.3).unbind(1)
    contrast = style.log_uniform(0.2, 0.7)
    return mix(first, second, 0.5 + contrast * (total - 1.4)) + 0.06 * contrast * canvas.grain(dice)


def _flakes(
    style: Dice,
    dice: Dice,
    canvas: Canvas,
    size: Tensor,
    stretch: Tensor,
    layers: int,
    paint: Callable[[Tensor, Tensor, Tensor], Tensor],
    ground: Tensor,
) -> Tensor:
    """Lay turned rectangles with ragged ends over `ground`; `paint(u, v, tone)` gives each its face."""
    for _ in range(layers):
        u, v = canvas.turned(dice.uniform(0, math.pi))
        u = u / (size * stretch) + dice.uniform(0, 64)
        v = v / size + dice.uniform(0, 64)
        shifted = u + 0.5 * (v.floor() % 2)
        number = (shifted.floor() * 57 + v.floor()).long().remainder(1024).flatten(1)
        tone, there, lean = (dice.rand(1024).gather(1, number).view(u.shape) for _ in range(3))
        fu, fv = (shifted - shifted.floor()) * 2 - 1, (v - v.floor()) * 2 - 1
        outline = 1 - torch.maximum(
            fu.abs() + 0.1 * noise(dice, v * 6, u * 2), fv.abs() + 0.3 * (lean - 0.5) * fu
        )
        cover = smoothstep(outline * size * canvas.unit * 0.8) * (there < 0.6)
        shadow = smoothstep((outline + 0.15) * 4) * (there < 0.6)
        ground = mix(ground * (1 - 0.25 * shadow), paint(u, v, tone), cover)
    return ground


def _chipboard(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Chipboard: wooden flakes in every direction, each with its own grain."""
    size, stretch = style.log_uniform(6, 22), style.uniform(1.5, 3.5)
    dark = natural(style, (0.35, 0.22, 0.12), (0.6, 0.45, 0.3))
    light = natural(style, (0.7, 0.55, 0.36), (0.9, 0.8, 0.62))

    def paint(u: Tensor, v: Tensor, tone: Tensor) -> Tensor:
        grain = noise(dice, u * 1.2 + 31 * tone, v * 7, 2)
        return mix(dark, light, tone * 0.7 + 0.2 + 0.12 * grain)

    ground = 0.7 * dark + 0.02 * canvas.grain(dice)
    return _flakes(style, dice, canvas, size, stretch, 8, paint, ground)


FAMILIES = (
    TextureFamily("nanofibres", _nanofibres),
    TextureFamily("fleece", _fleece),
    TextureFamily("felt", _felt),
    TextureFamily("chipboard", _chipboard),
)
