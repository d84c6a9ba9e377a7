"""Stone and wood: granite, marble, concrete, wood."""

from __future__ import annotations

import torch
from torch import Tensor

from almrr_core.data.fields import Dice, smoothstep
from almrr_core.data.textures.canvas import (
    Canvas,
    TextureFamily,
    direction,
    mix,
    natural,
    noise,
)
from almrr_core.data.textures.cells import nearest_cells


def _granite(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Granite: interlocked crystals of three minerals that gather in clouds, flecked with mica."""
    width = style.log_uniform(3, 7.5)
    u, v = canvas.turned(dice.uniform(0, 3.14))
    u = u / width + 0.15 * canvas.field(dice, 5) + dice.uniform(2, 60)
    v = v / width + 0.15 * canvas.field(dice, 5) + dice.uniform(2, 60)
    near, second, tone = nearest_cells(dice, u, v, style.uniform(0.9, 1.0))
    kind = tone + style.uniform(0.1, 0.4) * noise(dice, u / 3, v / 3, 2)
    quartz = natural(style, (0.45, 0.44, 0.42), (0.75, 0.75, 0.76))
    spar = natural(style, (0.55, 0.4, 0.35), (0.85, 0.78, 0.72))
    dark = natural(style, (0.08, 0.08, 0.08), (0.3, 0.29, 0.28))
    result = torch.where(kind > style.uniform(-0.1, 0.3), spar, quartz)
    result = torch.where(kind < style.uniform(-0.95, -0.5), dark, result)
    face = 0.1 * (tone * 53).sin() + 0.05 * canvas.field(dice, 3) - 0.08 * near
    edge = smoothstep((second - near) / 0.12) * 0.12 + 0.88
    mica = smoothstep((canvas.field(dice, 2.6) - style.uniform(1.6, 2.6)) * 3) * style.uniform(0.3, 0.9)
    return mix(result * (1 + face) * edge, 0.5 * dark, mica) + style.levels(1, 5) * canvas.grain(dice)


def _marble(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Marble: clouds and branching veins, sharp on one side, in two sizes."""
    scale = style.log_uniform(50, 160)
    u, v = canvas.turned(style.uniform(0, 3.14))
    u, v = u / scale, v / (scale * style.uniform(0.4, 1.0))
    push = style.uniform(0.3, 0.8)
    u = u + push * noise(dice, u, v, 4)
    v = v + push * noise(dice, u, v, 4)
    clouds = noise(dice, u * 0.7, v * 0.7, 4)
    base = natural(style, (0.35, 0.38, 0.36), (0.85, 0.83, 0.8))
    light = base * style.uniform(0.75, 1.15)
    vein = torch.where(style.chance(0.25), 1.2, 0.4) * natural(style, (0.5, 0.42, 0.32), (0.8, 0.8, 0.8))
    result = mix(base, light, smoothstep(0.5 + 0.3 * clouds))
    for zoom, strength in ((1.0, style.uniform(0.6, 1.0)), (2.3, style.uniform(0.2, 0.7))):
        ridge = noise(dice, u * zoom, v * zoom, 2).abs() / style.uniform(0.06, 0.22)
        amount = torch.exp(-ridge) * smoothstep(0.6 + 0.5 * clouds)
        result = mix(result, vein, amount * strength)
    return result * (1 + 0.015 * canvas.field(dice, 3)) + 0.006 * canvas.grain(dice)


def _concrete(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Concrete or plaster: stains, sand grains and pores under light from one side."""
    base = natural(style, (0.35, 0.34, 0.32), (0.78, 0.76, 0.72))
    stains = canvas.field(dice, 70) + 0.6 * canvas.field(dice, 24)
    sand = (
        canvas.field(dice, 2.4) + 0.5 * canvas.field(dice, 6) * style.uniform(0, 1) + 0.5 * canvas.grain(dice)
    )
    pores = smoothstep((canvas.field(dice, 5.5) - style.uniform(1.9, 2.6)) * 4)
    relief = sand * style.uniform(0.2, 0.8) - 2.0 * pores
    light = canvas.lit(relief, style.uniform(0, 6.28))
    shade = 1 + style.uniform(0.02, 0.07) * stains + style.uniform(0.08, 0.25) * light
    return base * shade * (1 - 0.55 * pores)


def _wood(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """A sawn board: growth rings cut along the trunk, fibres, and pores as fine dark dashes."""
    u, v = canvas.turned(direction(style))
    spacing = style.log_uniform(7, 26)
    wave = style.uniform(5, 22) * noise(dice, u / 260, v / 70, 2)
    distance = torch.hypot(v + wave - 128 + dice.uniform(-120, 120), style.uniform(6, 90) + 0.05 * u)
    rings = distance / spacing + 0.12 * noise(dice, u / 60, v / 12)
    phase = rings - rings.floor()
    late = smoothstep(phase / 0.8) * smoothstep((1 - phase) / 0.12)  # slow rise, quick fall
    fibre = noise(dice, u / 45, v / 1.3, 2)
    pores = smoothstep((noise(dice, u / 13, v / 1.2) - style.uniform(1.0, 1.9)) * 2.5)
    light = natural(style, (0.62, 0.42, 0.24), (0.93, 0.8, 0.6))
    dark = light * natural(style, (0.5, 0.42, 0.34), (0.8, 0.72, 0.62))
    amount = (
        late * style.uniform(0.35, 0.9)
        + style.uniform(0.04, 0.12) * fibre
        + 0.1 * noise(dice, u / 120, v / 9)
    )
    return mix(light, dark, amount) * (1 - style.uniform(0.1, 0.4) * pores) + 0.008 * canvas.grain(dice)


FAMILIES = (
    TextureFamily("granite", _granite),
    TextureFamily("marble", _marble),
    TextureFamily("concrete", _concrete),
    TextureFamily("wood", _wood),
)
