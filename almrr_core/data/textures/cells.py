"""Surfaces of cells and pieces: Voronoi stones, leather, foam, spangles, pebbles, terrazzo, tiles."""

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
    natural,
    noise,
    shades,
)

LATTICE = 64


def nearest_cells(dice: Dice, x: Tensor, y: Tensor, jitter: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the distances to the nearest and second cell point and the nearest one's random tone.

    A cell is one unit of x and y wide; `jitter` (0..1) is how far its point may be from the middle.
    """
    x, y = torch.broadcast_tensors(x, y)
    table = dice.rand(3, LATTICE * LATTICE)
    nearest = torch.full_like(x, 9.0)
    second = torch.full_like(x, 9.0)
    tone = torch.zeros_like(x)
    for step in range(9):
        column, row = x.floor() + step % 3 - 1, y.floor() + step // 3 - 1
        index = (row.long() % LATTICE * LATTICE + column.long() % LATTICE).flatten(1)
        dx, dy, value = (table[:, k].gather(1, index).view(x.shape) for k in range(3))
        distance = torch.hypot(column + 0.5 + jitter * (dx - 0.5) - x, row + 0.5 + jitter * (dy - 0.5) - y)
        second = torch.minimum(second, torch.maximum(nearest, distance))
        tone = torch.where(distance < nearest, 2 * value - 1, tone)
        nearest = torch.minimum(nearest, distance)
    return nearest, second, tone


def _cells(
    style: Dice, dice: Dice, canvas: Canvas, width: Tensor, stretch: Tensor, jitter: Tensor, bend: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return `nearest_cells` of cells about `width` pixels at 256 wide, with wavy borders."""
    u, v = canvas.turned(direction(style))
    u = u / (width * stretch) + bend * canvas.field(dice, 14) + dice.uniform(2, 60)
    v = v / width + bend * canvas.field(dice, 14) + dice.uniform(2, 60)
    return nearest_cells(dice, u, v, jitter)


def _stones(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Grains or stones with a joint between them, each with its tone and a rough face."""
    width = style.log_uniform(9, 44)
    near, second, tone = _cells(
        style, dice, canvas, width, style.uniform(0.8, 1.5), style.uniform(0.6, 1.0), 0.12
    )
    joint = smoothstep((second - near - style.uniform(0.0, 0.08)) / style.uniform(0.06, 0.35))
    rough = canvas.lit(canvas.field(dice, 6) + canvas.field(dice, 3), style.uniform(0, 6.28))
    stone = (
        1
        + style.uniform(0.05, 0.3) * tone
        - style.uniform(0.0, 0.3) * near
        + style.uniform(0.02, 0.09) * rough
    )
    ground, mortar = colours(style, 2).unbind(1)
    return mix(mortar * (1 + 0.05 * rough), ground * stone, joint * style.uniform(0.6, 1.0))


def _leather(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Leather: a relief of small pebbles between fine folds, under light from one side."""
    width = style.log_uniform(6, 15)
    stretch = style.uniform(0.9, 1.6)
    near, second, tone = _cells(style, dice, canvas, width, stretch, style.uniform(0.8, 1.0), 0.25)
    fold = smoothstep((second - near) / style.uniform(0.25, 0.6))
    height = (
        fold * (1 - 0.25 * near) * width * 0.1 + 0.35 * canvas.field(dice, 4) + 0.8 * canvas.field(dice, 26)
    )
    light = canvas.lit(height, style.uniform(0, 6.28))
    base = natural(style, (0.12, 0.07, 0.05), (0.72, 0.48, 0.3))
    shade = 0.55 + 0.45 * fold + 0.05 * tone * fold + style.uniform(0.25, 0.6) * light
    gloss = style.uniform(0.0, 0.25) * (light * 1.6 - 0.25).clamp(min=0)
    return base * shade + gloss + 0.012 * canvas.grain(dice)


def _foam(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Foam or sponge: bubbles of two sizes between thin bright walls, dark where they are open."""
    width = style.log_uniform(9, 30)
    base = shades(style, 1, 0.1)[:, 0]
    result = torch.zeros_like(base)
    for scale, share in ((0.45, 1.0), (1.0, 0.55)):
        near, second, tone = _cells(
            style, dice, canvas, width * scale, style.uniform(0.9, 1.3), style.uniform(0.7, 1), 0.1
        )
        wall = 1 - smoothstep((second - near) / style.uniform(0.2, 0.45))
        open_cell = smoothstep((tone - style.uniform(-0.4, 0.4)) * 6)
        shade = mix(0.75 - 0.5 * open_cell * smoothstep(1.1 - near), torch.ones_like(near) * 1.15, wall)
        hide = open_cell if scale == 1.0 else torch.ones_like(near)
        result = mix(result, base * shade, hide * share + (1 - share) * wall if scale == 1.0 else hide)
    return result + 0.015 * canvas.grain(dice)


def _spangles(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Galvanised sheet: crystals that mirror the light differently, each with feathery streaks."""
    width = style.log_uniform(16, 60)
    near, second, tone = _cells(
        style, dice, canvas, width, style.uniform(0.9, 1.2), style.uniform(0.8, 1), 0.2
    )
    u, v = canvas.turned(tone * 3.1)
    feather = noise(dice, u / 14, v / 2.2, 2)
    border = smoothstep((second - near) / 0.08)
    base = natural(style, (0.42, 0.44, 0.47), (0.7, 0.72, 0.75))
    shade = 1 + style.uniform(0.08, 0.25) * tone + style.uniform(0.02, 0.07) * feather - 0.12 * near
    return base * shade * mix(style.uniform(0.85, 1.1), 1.0, border) + 0.012 * canvas.grain(dice)


def _scattered(
    dice: Dice, canvas: Canvas, size: Tensor, angle: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return one layer of pieces, one per cell of a turned lattice: place (u, v) in it and two numbers."""
    u, v = canvas.turned(angle)
    u, v = u / size + dice.uniform(0, 64), v / size + dice.uniform(0, 64)
    index = (v.floor() * 61 + u.floor()).long().remainder(2048).flatten(1)
    table = dice.rand(4, 2048)
    dx, dy, tone, there = (table[:, k].gather(1, index).view(u.shape) for k in range(4))
    u = (u - u.floor() - 0.5) * 2 + 0.5 * (dx - 0.5)
    v = (v - v.floor() - 0.5) * 2 + 0.5 * (dy - 0.5)
    return u, v, tone, there


def _pebbles(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Dead leaves: round pieces of many sizes lying over each other, each shaded as a pebble."""
    size = style.log_uniform(14, 46)
    first = natural(style, (0.3, 0.27, 0.24), (0.8, 0.74, 0.66))
    second = 0.5 * first + 0.5 * colours(style, 1)[:, 0]
    result = first * (0.35 + 0.05 * canvas.field(dice, 5))
    bump = style.uniform(0.1, 0.55)
    wobble = 0.2 * canvas.field(dice, 9)
    face = 0.06 * canvas.field(dice, 3)
    for layer in range(14):
        scale = size * (0.45 + 0.55 * (13 - layer) / 13)
        u, v, tone, there = _scattered(dice, canvas, scale, dice.uniform(0, math.pi))
        distance = torch.hypot(u, v * (1 + 0.6 * there)) / 0.75 + wobble * 0.6
        cover = smoothstep((1 - distance) * scale * canvas.unit * 0.4) * (there < 0.7)
        light = 1 - bump * distance.square() + 0.35 * bump * (u - v)
        colour = mix(first, second, tone) * (light + face)
        shadow = smoothstep((1.35 - distance) / 0.5) * (there < 0.7)
        result = mix(result * (1 - 0.45 * shadow), colour, cover)
    return result + 0.01 * canvas.grain(dice)


def _terrazzo(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Terrazzo: angular marble chips of a few colours in polished cement."""
    size = style.log_uniform(10, 34)
    chips = 0.6 * colours(style, 3) + 0.4 * natural(style, (0.2, 0.2, 0.2), (0.95, 0.92, 0.86)).unsqueeze(1)
    cement = natural(style, (0.4, 0.39, 0.37), (0.9, 0.88, 0.84))
    result = (
        cement + 0.02 * canvas.field(dice, 3) + 0.015 * canvas.field(dice, 30) + 0.01 * canvas.grain(dice)
    )
    for layer, share in enumerate((1.0, 0.35, 0.6, 0.22)):
        scale = size * share
        u, v = canvas.turned(dice.uniform(0, math.pi))
        near, second, tone = nearest_cells(
            dice, u / scale + dice.uniform(2, 60), v / scale + dice.uniform(2, 60), dice.uniform(0.9, 1.0)
        )
        chip = smoothstep((second - near - 0.22) * scale * canvas.unit * 0.5) * (
            tone > style.uniform(0.1, 0.6)
        )
        colour = chips[:, layer % 3] * (1 + 0.18 * (tone * 37).sin()) + 0.04 * canvas.field(dice, 7)
        result = mix(result, colour, chip)
    return result


def _tiles(style: Dice, dice: Dice, canvas: Canvas) -> Tensor:
    """Tiles or bricks with joints: square, oblong, in a running bond; each with its glaze."""
    width = style.log_uniform(22, 80)
    ratio = torch.where(style.chance(0.4), 1.0, style.uniform(0.3, 0.6))
    u, v = canvas.turned(direction(style))
    u = u / width + 0.006 * canvas.field(dice, 12) + dice.uniform(0, 64)
    v = v / (width * ratio) + 0.006 * canvas.field(dice, 12) + dice.uniform(0, 64)
    row = v.floor()
    u = u + torch.where(style.chance(0.5), 0.5, 0.0) * row
    number = by_index(dice, u.floor() * 31 + row)
    gap = torch.minimum(0.5 - (u - u.floor() - 0.5).abs(), (0.5 - (v - row - 0.5).abs()) * ratio) * width
    joint = style.uniform(0.8, 2.6)
    face = smoothstep((gap - joint) / style.uniform(0.8, 1.6))
    glaze = style.uniform(0.02, 0.1) * noise(dice, u * 3 + number * 9, v * ratio * 3, 4)
    bevel = canvas.lit(smoothstep((gap - joint) / 3), style.uniform(0, 6.28)) * style.uniform(0.05, 0.25)
    tile = shades(style, 1, 0.1)[:, 0]
    mortar = natural(style, (0.25, 0.25, 0.24), (0.85, 0.83, 0.79))
    tile = tile * (1 + style.uniform(0.02, 0.14) * number + glaze) + bevel
    rough = mortar * (0.9 + 0.08 * canvas.field(dice, 2.5))
    return mix(rough, tile, face) + 0.01 * canvas.grain(dice)


FAMILIES = (
    TextureFamily("cells", _stones),
    TextureFamily("leather", _leather),
    TextureFamily("foam", _foam),
    TextureFamily("spangles", _spangles),
    TextureFamily("pebbles", _pebbles),
    TextureFamily("terrazzo", _terrazzo),
    TextureFamily("tiles", _tiles),
)
