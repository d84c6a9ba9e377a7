"""Worked metal: brushed, ground, turned, blasted, painted, tread plate, perforated sheet."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from almrr_core.data.fields import Dice, smoothstep
from almrr_core.data.textures.canvas import (
    Canvas,
    TextureFamily,
    by_index,
    direction,
    mix,
    natural,
    noise,
    shades,
)

STEEL = ((0.3, 0.3, 0.31), (0.72, 0.72, 0.73))
BRASS = ((0.45, 0.3, 0.18), (0.8, 0.66, 0.4))


def _metal(style: Dice) -> Tensor:
    return torch.where(style.chance(0.75), natural(style, *STEEL), natural(style, *BRASS))


def _brushed(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Brushed metal: hair-fine parallel streaks of many lengths and a soft sheen across them."""
    u, v = canvas.turned(direction(style))
    streaks = (
        noise(dice, u / 220, v / 1.1) + 0.8 * noise(dice, u / 70, v / 1.6) + 0.6 * noise(dice, u / 400, v / 6)
    )
    fine = noise(dice, u / 30, v / 1.0)
    sheen = noise(dice, u / 900, v / 130)
    shade = 1 + style.log_uniform(0.03, 0.1) * streaks + style.uniform(0.01, 0.05) * fine
    return _metal(style) * (shade + style.uniform(0.02, 0.1) * sheen) + 0.006 * canvas.grain(dice)


def _ground(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Ground metal: short scratches in one to three directions, over each other, bright and dark."""
    main = style.uniform(0, math.pi)
    cross = style.uniform(0.3, 1.4) * style.chance(0.6)
    total = torch.zeros(dice.n, 1, canvas.height, canvas.width, device=dice.device)
    length = style.log_uniform(25, 120)
    for layer in range(9):
        angle = main + cross * (layer % 3 - 1) + 0.07 * dice.normal(1, 1, 1)
        u, v = canvas.turned(angle)
        scratch = noise(
            dice, u / length, (v + u.square() * 2e-4 * dice.normal(1, 1, 1)) / style.uniform(1.2, 2.4)
        )
        total = total + scratch.sign() * (scratch.abs() - 1.1).clamp(min=0)
    shade = 1 + style.uniform(0.06, 0.22) * total + 0.03 * canvas.field(dice, 60) + 0.02 * canvas.grain(dice)
    return _metal(style) * shade


def _turned(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Turned or milled metal: concentric tool marks of one feed, with chatter."""
    y, x = canvas.axes(dice.device)
    far = style.log_uniform(60, 900)
    aim = style.uniform(0, 2 * math.pi)
    dx, dy = far * aim.cos() + 128 - x, far * aim.sin() + 128 - y
    radius = torch.hypot(dx, dy) + 0.5 * canvas.field(dice, 60) + dice.uniform(-20, 20)
    turn = torch.atan2(dy * aim.cos() - dx * aim.sin(), dx * aim.cos() + dy * aim.sin()) * far / 40
    feed = style.log_uniform(2.5, 12)
    number = (radius / feed).floor()
    phase = radius / feed - number
    groove = (phase - 0.5).abs() * 2
    marks = noise(dice, radius / 1.2, turn / 3) * 0.5 + by_index(dice, number)
    shade = 1 + style.uniform(0.05, 0.25) * (groove - 0.5) + style.uniform(0.02, 0.08) * marks
    glint = noise(dice, turn * 0.6, radius / 300)
    return _metal(style) * (shade + style.uniform(0.02, 0.08) * glint) + 0.008 * canvas.grain(dice)


def _blasted(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Sand-blasted or cast metal: a fine even relief under light from one side, with a few pits."""
    period = style.log_uniform(2.2, 9)
    u, v = canvas.turned(dice.uniform(0, math.pi))
    relief = noise(dice, u / period, v / period, 2, 0.7) * period
    light = canvas.lit(relief, style.uniform(0, 2 * math.pi))
    pits = smoothstep((noise(dice, u / (2 * period), v / (2 * period)) - style.uniform(1.8, 3)) * 3)
    shade = 1 + style.uniform(0.04, 0.13) * light - 0.4 * pits + 0.03 * canvas.field(dice, 60)
    return _metal(style) * shade + 0.012 * canvas.grain(dice)


def _painted(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Powder coat: orange peel, small glints on one flank of each bump, maybe metal flakes."""
    period = style.log_uniform(5, 18)
    u, v = canvas.turned(dice.uniform(0, math.pi))
    light = canvas.lit(noise(dice, u / period, v / period, 2) * period, style.uniform(0, 2 * math.pi))
    glint = (light - style.uniform(0.8, 1.6)).clamp(min=0)
    flakes = (canvas.field(dice, 2.0) - 1.8).clamp(min=0) * style.uniform(0, 0.25) * style.chance(0.4)
    colour = shades(style, 1, 0.1)[:, 0]
    return colour * (1 + style.uniform(0.02, 0.07) * light) + style.uniform(0.02, 0.12) * glint + flakes


def _tread(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Tread plate: raised lozenges, turned by a right angle from one to the next."""
    pitch = style.log_uniform(26, 64)
    u, v = canvas.turned(direction(style) + math.pi / 4)
    u, v = u / pitch + dice.uniform(0, 64), v / pitch + dice.uniform(0, 64)
    swap = (u.floor() + v.floor()).remainder(2) < 1
    fu, fv = (u - u.floor()) * 2 - 1, (v - v.floor()) * 2 - 1
    a, b = torch.where(swap, fu, fv), torch.where(swap, fv, fu)
    slim = style.uniform(0.2, 0.34)
    bar = 1 - torch.maximum(a.abs() / 0.85, b.abs() / (slim * (1.05 - a.square()).clamp(min=0.05)))
    height = smoothstep(bar * 2.2) * pitch * 0.1
    wear = smoothstep(bar * 1.2) * (0.5 + 0.3 * canvas.field(dice, 20))
    light = canvas.lit(height + 0.25 * canvas.field(dice, 4), style.uniform(0, 2 * math.pi))
    scuffs = noise(dice, u * pitch / 60, v * pitch / 1.5)
    shade = (
        0.9 + style.uniform(0.4, 0.9) * light + 0.22 * wear + 0.03 * scuffs + 0.04 * canvas.field(dice, 30)
    )
    return _metal(style) * shade + 0.01 * canvas.grain(dice)


def _perforated(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Perforated sheet: round or square holes in rows, straight or staggered, with a lit rim."""
    pitch = style.log_uniform(9, 36)
    u, v = canvas.turned(direction(style))
    u, v = u / pitch + dice.uniform(0, 64), v / pitch + dice.uniform(0, 64)
    u = u + torch.where(style.chance(0.5), 0.5, 0.0) * v.floor()
    fu, fv = u - u.floor() - 0.5, v - v.floor() - 0.5
    distance = torch.where(style.chance(0.7), torch.hypot(fu, fv), torch.maximum(fu.abs(), fv.abs()))
    uneven = 1 + 0.02 * by_index(dice, u.floor() * 31 + v.floor())
    gap = (distance - style.uniform(0.24, 0.38) * uneven) * pitch
    inside = smoothstep(0.5 - gap * canvas.unit / 1.5)
    rim = canvas.lit(smoothstep(gap / 2.2 + 0.5) * 2, style.uniform(0, 2 * math.pi))
    sheet = (
        1
        + style.uniform(0.1, 0.3) * rim
        + style.uniform(0.01, 0.05) * noise(dice, u * pitch / 90, v * pitch / 1.5)
    )
    hole = style.uniform(0.03, 0.25) + 0.1 * smoothstep(0.5 + fv)
    return mix(_metal(style) * sheet, hole.expand(-1, 3, -1, -1), inside) + 0.01 * canvas.grain(dice)


FAMILIES = (
    TextureFamily("brushed", _brushed),
    TextureFamily("ground", _ground),
    TextureFamily("turned", _turned),
    TextureFamily("blasted", _blasted),
    TextureFamily("painted", _painted),
    TextureFamily("tread", _tread),
    TextureFamily("perforated", _perforated),
)
