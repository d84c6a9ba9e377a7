"""From surfaces to a step's pictures: crops, small turns, zoom, light, contrast, blur and noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from almrr_core.data.fields import Dice, blur, luma
from almrr_core.pretrain.surfaces import CHANGED, NORMAL, SIDE, Surface

VIEW = 112  # pixels of a view
FITTED, TESTED = 4, 2  # views a surface's normal statistics are taken from, and views with a defect
WINDOW = (75 / SIDE, 150 / SIDE)  # of a piece that a view shows: magnified 1.5 to 0.75 times
TURN = math.radians(4)  # between two views of a surface; the surface itself is turned freely


@dataclass(frozen=True, slots=True, eq=False)
class Episode:
    """Views of K surfaces: pictures (K, FITTED + TESTED, 3, VIEW, VIEW) in 0..1, masks of the TESTED ones."""

    pictures: Tensor
    masks: Tensor  # (K, TESTED, 1, VIEW, VIEW), share of a pixel that is changed


@torch.no_grad()
def look(surfaces: Sequence[Surface], generator: torch.Generator) -> Episode:
    """Return an episode of these surfaces; the generator's state alone decides it."""
    count, views = len(surfaces), FITTED + TESTED
    each, whole = Dice(count * views, generator), Dice(count, generator)
    piece, centre = _places(surfaces, whole, each)
    rows = torch.arange(count, device=generator.device).repeat_interleave(views)
    stack = torch.stack([surface.pieces for surface in surfaces])[rows, piece].float().div_(255)
    seen = F.grid_sample(
        stack, _grid(whole, each, rows, centre), padding_mode="reflection", align_corners=False
    )
    pictures, masks = seen.split((3, 1), dim=1)
    pictures = _light(pictures, whole, each, rows)
    shape = (count, views)
    return Episode(pictures.unflatten(0, shape), masks.unflatten(0, shape)[:, FITTED:])


def _places(surfaces: Sequence[Surface], whole: Dice, each: Dice) -> tuple[Tensor, Tensor]:
    """Return which piece each view shows, (K·views,), and about which centre (x, y) in −1..1."""
    count, device = len(surfaces), whole.device
    normal = torch.randint(NORMAL, (count, FITTED), generator=whole.generator, device=device)
    changed = torch.rand(count, CHANGED, generator=whole.generator, device=device).argsort(1)[:, :TESTED]
    piece = torch.cat([normal, NORMAL + changed], 1).flatten()
    points = torch.stack([surface.points for surface in surfaces])  # (K, CHANGED, POINTS, 2)
    choice = torch.randint(points.shape[2], (count, TESTED), generator=whole.generator, device=device)
    defect = points[torch.arange(count, device=device)[:, None], changed, choice]
    anywhere = (each.rand(2) * 2 - 1).view(count, -1, 2)
    near = defect + 0.35 * anywhere[:, FITTED:]
    centre = torch.cat([anywhere[:, :FITTED], near], 1).flatten(0, 1)
    return piece, centre


def _grid(whole: Dice, each: Dice, rows: Tensor, centre: Tensor) -> Tensor:
    angle = whole.uniform(-math.pi, math.pi)[rows] + each.uniform(-TURN, TURN)
    window = whole.log_uniform(*WINDOW)[rows] * each.log_uniform(0.94, 1.06)
    mirror = torch.where(whole.chance(0.5), -1.0, 1.0)[rows]
    cos, sin = (angle.cos() * window).flatten(), (angle.sin() * window).flatten()
    flip = mirror.flatten()
    centre = centre.clamp(-1, 1) * (1 - window.flatten()[:, None])  # the window stays inside where it can
    matrix = torch.stack([cos * flip, -sin, centre[:, 0], sin * flip, cos, centre[:, 1]], 1).view(-1, 2, 3)
    return F.affine_grid(matrix, [len(matrix), 1, VIEW, VIEW], align_corners=False)


def _light(pictures: Tensor, whole: Dice, each: Dice, rows: Tensor) -> Tensor:
    """Vary what a camera and a lamp vary: much between surfaces, a little between views of one."""
    gray = (whole.chance(0.5))[rows]
    pictures = torch.where(gray, luma(pictures), pictures)
    pictures = torch.where(whole.chance(0.25)[rows], 1 - pictures, pictures)
    mean = pictures.mean((1, 2, 3), keepdim=True)
    contrast = whole.log_uniform(0.35, 1.5)[rows] * each.log_uniform(0.93, 1.07)
    level = whole.uniform(-0.2, 0.2)[rows] + each.uniform(-0.04, 0.04)
    slope = 0.04 * (_ramp(each) * each.uniform(-1, 1) + _ramp(each).mT * each.uniform(-1, 1))
    pictures = mean + level + slope + (pictures - mean) * contrast
    soft = whole.chance(0.3)[rows].flatten()
    if soft.any():
        sigma = whole.log_uniform(0.4, 1.2)[rows] * each.log_uniform(0.9, 1.1)
        pictures[soft] = blur(pictures[soft], sigma[soft])
    noise = whole.levels(0.5, 8)[rows] * each.normal(1, VIEW, VIEW)
    return (pictures + noise).clamp_(0, 1)


def _ramp(dice: Dice) -> Tensor:
    return torch.linspace(-1, 1, VIEW, device=dice.device).view(1, 1, 1, VIEW)
