"""Anomaly families that training never sees: they stand in for unknown defects when models are compared.

Each takes pictures (n, 3, S, S) and gives changed ones and where they may differ; see `Family`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from almrr_core.data.fields import (
    Dice,
    axes,
    blur,
    by_choice,
    displace,
    ellipse,
    smoothstep,
    strokes,
    turned_axes,
    unit,
)
from almrr_core.data.retouch import Family, Sources, blend, signed, tone

STEPS = 320  # of a crack, each 0.7 pixels at 256


def crack(images: Tensor, dice: Dice, sources: Sources) -> tuple[Tensor, Tensor]:
    """Draw a branching random walk of varying width and depth, mostly dark."""
    size = images.shape[-1]
    x, y, taper = _walk(dice, size)
    width = (
        dice.log_uniform(1, 4).view(-1, 1, 1) * taper * (1 + 0.4 * dice.curve(STEPS, 40, x.shape[1]))
    ).clamp_(min=0.7)
    strength = (0.8 + 0.3 * dice.curve(STEPS, 20, x.shape[1])).clamp_(0.2, 1.0) * (taper > 0)
    where = blur(strokes(x, y, width * unit(size), strength, size), dice.uniform(0.4, 0.8) * unit(size))
    where = (where * 1.3).clamp_(max=1)
    sign = torch.where(dice.chance(0.7), -1.0, signed(images, where, dice))
    return tone(images, where, sign * dice.levels(10, 120), dice, flatten=0.5), where


def _walk(dice: Dice, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return x, y and relative width, each (n, 4, STEPS): a main crack and up to three branches."""
    n = dice.n
    # Sums along the walk as products: torch's cumsum of floats may differ from run to run on CUDA.
    add_up = torch.ones(STEPS, STEPS, device=dice.device).triu()
    turns = dice.normal(4, STEPS) * 0.12 @ add_up + 0.35 * dice.curve(STEPS, 60, 4)
    fork = dice.uniform(0.35, 1.2, 3).view(n, 3, 1) * torch.where(dice.chance(0.5, 3), -1.0, 1.0).view(
        n, 3, 1
    )
    start = torch.randint(STEPS // 8, STEPS // 2, (n, 3), generator=dice.generator, device=dice.device)
    heading = dice.uniform(0, 2 * math.pi).view(n, 1, 1) + turns[:, :1]
    branch = heading.expand(n, 3, STEPS).gather(2, start.unsqueeze(2)) + fork + turns[:, 1:]
    heading = torch.cat([heading, branch], 1)
    x, y = (0.7 * unit(size) * heading.cos() @ add_up, 0.7 * unit(size) * heading.sin() @ add_up)
    x[:, 1:] += x[:, 0].gather(1, start).unsqueeze(2)
    y[:, 1:] += y[:, 0].gather(1, start).unsqueeze(2)
    x0, y0 = (dice.uniform(0.15 * size, 0.85 * size).view(n, 1, 1) for _ in range(2))
    length = torch.cat([dice.log_uniform(0.15, 1.0), dice.uniform(0.0, 0.5, 3)], 1).view(n, 4, 1)
    at = torch.linspace(0, 1, STEPS, device=dice.device)
    alive = torch.cat(
        [torch.ones(n, 1, 1, device=dice.device), start.unsqueeze(2) < length[:, :1] * STEPS], 1
    )
    taper = (1 - at / length.clamp(min=1e-3)).clamp_(min=0).sqrt() * alive
    return x0 + x, y0 + y, taper


def fray(images: Tensor, dice: Dice, sources: Sources) -> tuple[Tensor, Tensor]:
    """Tear the picture's border: a jagged region from one side, fibrous, dark or bright inside."""
    size = images.shape[-1]
    y, x = axes(size, dice.device)
    middle, half = dice.uniform(0, size), dice.log_uniform(15, 120) * unit(size)
    window = smoothstep(1.2 - (x - middle).abs() / half)  # (n, 1, 1, S) along the border
    jagged = dice.curve(size, 9) + 0.6 * dice.curve(size, 40) + 0.5 * dice.curve(size, 110)
    depth = dice.log_uniform(4, 36) * unit(size) * window * (1 + 0.35 * jagged.unsqueeze(2)).clamp_(min=0.1)
    edge = smoothstep((depth - y) / dice.uniform(0.8, 2.5) + 0.5) * (window > 0)
    rows = dice.curve(size, 20).view(-1, 1, size, 1)
    fibres = dice.curve(size, min(140, size)).unsqueeze(2) + 0.5 * dice.normal(1, size, size) + 0.4 * rows
    fill = dice.levels(8, 110) * signed(images, edge, dice) + dice.levels(4, 30) * fibres
    turn = dice.choice(4)
    where, layer = _to_side(edge, turn), _to_side(edge * fill, turn)
    mean = (images * where).sum((2, 3), keepdim=True) / where.sum((2, 3), keepdim=True).clamp(min=1e-3)
    return images + layer + where * dice.uniform(0.2, 0.9) * (mean - images), where


def _to_side(layer: Tensor, turn: Tensor) -> Tensor:
    """Move what lies at the top border of (n, c, S, S) to the top, left, bottom or right."""
    turn = turn.view(-1, 1, 1, 1)
    layer = torch.where(turn >= 2, layer.flip(2), layer)
    return torch.where(turn % 2 == 1, layer.mT, layer)


def dent(images: Tensor, dice: Dice, sources: Sources) -> tuple[Tensor, Tensor]:
    """Shade the relief of a bump under light from one side: a bright flank and a dark one."""
    size = images.shape[-1]
    a = dice.log_uniform(4, 40) * unit(size)
    b = a * dice.uniform(0.4, 1.0)
    x0, y0 = dice.uniform(0, size), dice.uniform(0, size)
    distance = ellipse(size, (x0, y0), (a, b), dice.uniform(0, math.pi))
    light, _ = turned_axes(size, dice.uniform(0, 2 * math.pi), x0, y0)
    bend = 1 + 0.25 * dice.field(size, 8)
    relief = 1.65 * (light / a) * bend * (-0.5 * distance.square()).exp()  # derivative of a Gaussian, peak 1
    near = smoothstep((3 - distance) / 1.5)  # its tails would label far more than anyone sees
    return images + relief * near * dice.levels(8, 90), near


def stain(images: Tensor, dice: Dice, sources: Sources) -> tuple[Tensor, Tensor]:
    """Let a liquid dry: several overlapping lobes, darker (or lighter) inside, strongest at the rim."""
    size, k = images.shape[-1], 5
    spread = dice.log_uniform(6, 45) * unit(size)
    x0 = dice.uniform(0, size) + spread * 0.8 * dice.normal(k, 1, 1)
    y0 = dice.uniform(0, size) + spread * 0.8 * dice.normal(k, 1, 1)
    a = spread * dice.uniform(0.4, 1.1, k)
    distance = ellipse(size, (x0, y0), (a, a * dice.uniform(0.6, 1.0, k)), dice.uniform(0, math.pi, k))
    height = (1 - distance).amax(1, keepdim=True) + 0.06 * dice.field(size, 30)
    soft = dice.uniform(0.03, 0.25)
    inside = smoothstep(height / soft)
    rim = inside * (1 - smoothstep((height - soft) / dice.uniform(0.05, 0.3)))
    where = dice.uniform(0.2, 0.9) * inside * (1 + 0.2 * dice.field(size, 10)) + dice.uniform(0.1, 0.8) * rim
    sign = torch.where(dice.chance(0.6), -1.0, signed(images, inside, dice))
    return tone(images, where, sign * dice.levels(10, 90), dice), inside


def shift(images: Tensor, dice: Dice, sources: Sources) -> tuple[Tensor, Tensor]:
    """Displace the surface locally (swirled, pinched or pushed); it differs where moved over a pixel."""
    size = images.shape[-1]
    radius = dice.log_uniform(14, 90) * unit(size)
    x0, y0 = dice.uniform(0.1 * size, 0.9 * size), dice.uniform(0.1 * size, 0.9 * size)
    y, x = axes(size, dice.device)
    u, v = (x - x0) / radius, (y - y0) / radius
    window = (1 - u.square() - v.square()).clamp_(min=0).square()
    swirl, pinch, push, aim = dice.normal(4, 1, 1, 1).unbind(1)
    kind = dice.choice(3).view(-1, 1, 1, 1)
    swirl, pinch, push = swirl * (kind == 0), pinch * (kind == 1), push * (kind == 2)
    dx = window * (pinch * u - swirl * v + push * (3 * aim).cos())
    dy = window * (pinch * v + swirl * u + push * (3 * aim).sin())
    length = torch.hypot(dx, dy)
    peak = dice.log_uniform(2.5, 24) * unit(size) / length.amax((2, 3), keepdim=True).clamp(min=1e-6)
    return displace(images, dx * peak, dy * peak), (length * peak > 1).float()


def foreign(images: Tensor, dice: Dice, sources: Sources) -> tuple[Tensor, Tensor]:
    """Blend in dots, checks or a screen that training's textures lack, in an ellipse or polygon."""
    size = images.shape[-1]
    where = (_outlines(dice, size) < 1).float()
    u, v = turned_axes(size, dice.uniform(0, math.pi), 0.0, 0.0)
    turn = 2 * math.pi / (dice.log_uniform(3, 24) * unit(size))
    waves = torch.cat([(u * turn).sin(), (v * turn).sin()], 1)
    pattern = by_choice(waves, dice, (_dots, _checks, _screen))[:, :1]
    mean = (images * where).sum((2, 3), keepdim=True) / where.sum((2, 3), keepdim=True).clamp(min=1)
    tint = 1 + 0.5 * dice.normal(3, 1, 1)
    lift = dice.levels(2, 80) * signed(images, where, dice)
    source = mean + tint * (dice.levels(12, 110) * pattern + lift)
    return blend(images, source.clamp(0, 1), where, dice.uniform(0.3, 0.8)), where


def _outlines(dice: Dice, size: int) -> Tensor:
    """Return (n, 1, S, S), under 1 inside an ellipse or a polygon of three to six sides."""
    a = dice.log_uniform(6, 60) * unit(size)
    x0, y0 = dice.uniform(0, size), dice.uniform(0, size)
    angle = dice.uniform(0, 2 * math.pi)
    sides = 3 + dice.choice(4).view(-1, 1, 1, 1)
    corner = 2 * math.pi / sides
    u, v = turned_axes(size, angle, x0, y0)
    distance = ellipse(size, (x0, y0), (a, a * dice.uniform(0.5, 1.0)), angle)
    # Inside a regular polygon the distance is that to the side whose sector the direction falls in.
    sector = (torch.atan2(v, u) + math.pi).remainder(corner) - corner / 2
    return torch.where(dice.chance(0.5), distance, distance * sector.cos())


def _dots(waves: Tensor, dice: Dice) -> Tensor:
    return (waves.sum(1, keepdim=True) - dice.uniform(-0.3, 0.9)).mul_(4).clamp_(-1, 1).expand_as(waves)


def _checks(waves: Tensor, dice: Dice) -> Tensor:
    return waves.prod(1, keepdim=True).sign().expand_as(waves)


def _screen(waves: Tensor, dice: Dice) -> Tensor:
    return (waves.amax(1, keepdim=True) - 0.8).mul_(5).clamp_(-1, 1).expand_as(waves)


CRACK = Family("crack", crack)
FRAY = Family("fray", fray)
DENT = Family("dent", dent)
STAIN = Family("stain", stain)
SHIFT = Family("shift", shift, visible=4 / 255, reach=4)
BLEND = Family("blend", foreign, reach=2)
