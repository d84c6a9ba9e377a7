"""Woven cloth: one loom, many bindings; and cloth knitted of loops."""

from __future__ import annotations

from collections.abc import Callable

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

Binding = Callable[[Tensor, Tensor], Tensor]  # warp and weft numbers → whether the warp lies on top


def _loom(
    style: Dice,
    dice: Dice,
    canvas: Canvas,
    over: Binding,
    period: tuple[float, float] = (4.5, 16),
    filling: tuple[float, float] = (0.85, 1.1),
) -> Tensor:
    """Weave yarns of uneven thickness, tone and twist; each bends down where it passes under another.

    `filling` is the share of the period that a yarn takes; what is left is a dark gap.
    """
    width = style.log_uniform(*period)
    u, v = canvas.turned(direction(style))
    bend = style.uniform(0.02, 0.1)
    u = u / width + bend * canvas.field(dice, 30) + dice.uniform(0, 64)
    v = v / (width * style.uniform(0.8, 1.3)) + bend * canvas.field(dice, 30) + dice.uniform(0, 64)
    i, j = u.floor(), v.floor()
    fu, fv = 2 * (u - i) - 1, 2 * (v - j) - 1  # −1..1 across a yarn
    number_i, number_j = by_index(dice, i), by_index(dice, j)
    slub_i, slub_j = noise(dice, i * 7.3, v / 5), noise(dice, u / 5, j * 7.3)
    thick, uneven, swell = style.uniform(*filling), style.uniform(0.0, 0.06), style.uniform(0.0, 0.1)
    fu = fu / (thick * (1 + uneven * number_i + swell * slub_i))
    fv = fv / (thick * (1 + uneven * number_j + swell * slub_j))
    above = over(i, j)
    top = torch.where(above, (fu.abs() < 1) | (fv.abs() >= 1), (fv.abs() >= 1) & (fu.abs() < 1))
    ends_v = above & ~torch.where(fv > 0, over(i, j + 1), over(i, j - 1))
    ends_u = ~above & torch.where(fu > 0, over(i + 1, j), over(i - 1, j))
    across, along = torch.where(top, fu, fv), torch.where(top, fv, fu)
    number, slub = torch.where(top, number_i, number_j), torch.where(top, slub_i, slub_j)
    shade = (1 - across.square() * style.uniform(0.3, 0.8)).clamp(min=0)
    dip = (ends_u | ends_v) * (along * thick).square() * style.uniform(0.25, 0.6)
    shade = shade * (1 - torch.where(top == above, dip, 0.45))
    shade = shade * (1 + style.uniform(-0.15, 0.15) * across)  # light from one side
    strands = noise(dice, torch.where(top, u * 5, u * 1.2), torch.where(top, v * 1.2, v * 5))
    twist = (6.28 * (along * style.uniform(0.5, 1.5) + across * style.uniform(0.6, 1.2))).sin()
    shade = shade * (1 + style.uniform(0.02, 0.12) * strands + style.uniform(0.0, 0.08) * twist)
    shade = shade * (1 + style.uniform(0.01, 0.07) * number + style.uniform(0.01, 0.05) * slub)
    return _dye(style, i, j, top, shade * smoothstep((1 - across.abs()) * 4 + 0.4))


def _dye(style: Dice, i: Tensor, j: Tensor, top: Tensor, shade: Tensor) -> Tensor:
    """Colour warp and weft: alike, different, or with a stripe of another shade every few yarns."""
    warp, weft, stripe = shades(style, 3, 0.5).unbind(1)
    weft = torch.where(style.chance(0.6), warp, weft)
    every = 4 + style.choice(12).view(-1, 1, 1, 1)
    wide = (every * style.uniform(0.2, 0.5)).ceil()
    striped = torch.where(top, i, j).remainder(every) < wide
    colour = torch.where(top, warp, weft)
    colour = torch.where(striped & style.chance(0.15), stripe, colour)
    return colour * mix(style.uniform(0.08, 0.35), 1.15, shade)


def _plain(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    return _loom(style, dice, canvas, lambda i, j: (i + j).remainder(2) < 1)


def _twill(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    repeat = 3.0 + style.choice(3).view(-1, 1, 1, 1)
    over = 1.0 + style.choice(2).view(-1, 1, 1, 1)
    slope = torch.where(style.chance(0.5), 1.0, -1.0)
    return _loom(style, dice, canvas, lambda i, j: (i + slope * j).remainder(repeat) < over, (4, 11))


def _satin(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    repeat = torch.where(style.chance(0.5), 5.0, 8.0)
    step = torch.where(repeat == 5, 2.0, 3.0)
    return _loom(style, dice, canvas, lambda i, j: (step * i + j).remainder(repeat) >= 1, (4, 9), (1.0, 1.2))


def _basket(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    group = 2.0 + style.choice(3).view(-1, 1, 1, 1)
    return _loom(
        style,
        dice,
        canvas,
        lambda i, j: ((i / group).floor() + (j / group).floor()).remainder(2) < 1,
        (4, 10),
    )


def _herringbone(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    half = 6.0 + style.choice(8).view(-1, 1, 1, 1)

    def over(i: Tensor, j: Tensor) -> Tensor:
        return ((half - (i.remainder(2 * half) - half).abs()).floor() + j).remainder(4) < 2

    return _loom(style, dice, canvas, over, (3.5, 8))


def _gauze(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    return _loom(style, dice, canvas, lambda i, j: (i + j).remainder(2) < 1, (7, 18), (0.3, 0.6))


def _knit(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Stocking stitch: columns of V-shaped loops, two twisted legs each."""
    width = style.log_uniform(9, 26)
    u, v = canvas.turned(direction(style))
    bend = style.uniform(0.02, 0.1)
    u = u / width + bend * canvas.field(dice, 40) + dice.uniform(0, 64)
    v = v / (width * style.uniform(0.6, 0.95)) + bend * canvas.field(dice, 40) + dice.uniform(0, 64)
    column = u.floor()
    side = 2 * (u - column) - 1
    leg = side.abs()
    lifted = v - style.uniform(0.7, 1.1) * leg + 0.12 * by_index(dice, column, 64)
    row = lifted.floor()
    across = 2 * (lifted - row) - 1
    round_leg = (1 - across.square() * style.uniform(0.6, 0.9)) * (1 - (2 * leg - 1).square() * 0.75)
    twist = (6.28 * (leg * style.uniform(1.5, 3.0) + across * style.uniform(0.3, 0.8))).sin()
    strands = noise(dice, u * 4, lifted * 6)
    loop = by_index(dice, row * 37 + column)
    shade = round_leg.clamp(min=0) * (
        1 + style.uniform(0.03, 0.1) * twist + style.uniform(0.04, 0.14) * strands
    )
    shade = shade * (1 + style.uniform(0.01, 0.06) * loop + 0.08 * side.sign() * style.uniform(-1, 1))
    first, second = shades(style, 2, 0.6).unbind(1)
    striped = (row.remainder(8 + style.choice(9).view(-1, 1, 1, 1)) < 3) & style.chance(0.2)
    return torch.where(striped, second, first) * mix(style.uniform(0.1, 0.3), 1.2, shade)


def _ribs(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Corduroy: soft ribs of pile, combed along the rib."""
    width = style.log_uniform(7, 24)
    u, v = canvas.turned(direction(style))
    u = u / width + 0.06 * canvas.field(dice, 50) + dice.uniform(0, 64)
    number = u.floor()
    across = 2 * (u - number) - 1
    pile = noise(dice, u * 5 + 0.3 * canvas.field(dice, 12), v / (width * style.uniform(0.3, 0.8)), 2)
    shade = (1 - across.abs().pow(style.uniform(1.6, 3.5))) * (1 + style.uniform(0.08, 0.2) * pile)
    shade = shade * (1 + 0.04 * by_index(dice, number)) + style.uniform(-0.15, 0.15) * across
    ground, colour, _ = colours(style, 3).unbind(1)
    colour = torch.where(style.chance(0.7), shades(style, 1, 0.1)[:, 0], colour)
    return mix(0.25 * (ground + colour) / 2, colour, shade)


FAMILIES = (
    TextureFamily("weave", _plain),
    TextureFamily("twill", _twill),
    TextureFamily("satin", _satin),
    TextureFamily("basket", _basket),
    TextureFamily("herringbone", _herringbone),
    TextureFamily("gauze", _gauze),
    TextureFamily("knit", _knit),
    TextureFamily("corduroy", _ribs),
)
