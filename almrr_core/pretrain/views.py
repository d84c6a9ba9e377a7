"""From surfaces to a step's pictures: crops, turns, zoom, light, contrast, blur and noise.

One of the two views of a surface may show one of its defects. It is named by its surface all the same: with
normal views alone the features found held-out defects less well.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from almrr_core.data.fields import Dice, blur, luma
from almrr_core.pretrain.surfaces import CHANGED, NORMAL, Manner, Surface

VIEW = 112  # pixels of a view
VIEWS = 2  # of a surface: one of a normal piece, one near a defect
ZOOM = (0.75, 1.33)  # of a view beside its surface's window
TURN = 0.07  # rad, of a view beside its surface's angle
NEAR = 0.35  # how far from a defect a view looks, of half a piece; `_grid` then draws it towards the middle,
# so about one view in five of a piece with a defect does not show the defect


@torch.no_grad()
def look(surfaces: Sequence[Surface], generator: torch.Generator) -> Tensor:
    """Return views (K, VIEWS, 3, VIEW, VIEW) in 0..1 of K surfaces; the generator's state decides them."""
    count = len(surfaces)
    each = Dice(count * VIEWS, generator)
    piece, centre = _places(surfaces, each)
    rows = torch.arange(count, device=generator.device).repeat_interleave(VIEWS)
    manner = Manner(
        *(torch.cat(values)[rows] for values in zip(*(one.manner for one in surfaces), strict=True))
    )
    stack = torch.stack([surface.pieces for surface in surfaces])[rows, piece].float().div_(255)
    grid = _grid(manner, each, centre)
    seen = F.grid_sample(stack, grid, padding_mode="reflection", align_corners=False)
    lit: Tensor = _light(seen, manner, each).unflatten(0, (count, VIEWS))
    return lit


def _places(surfaces: Sequence[Surface], each: Dice) -> tuple[Tensor, Tensor]:
    """Return which piece each view shows, (K·VIEWS,), and about which centre (x, y) in −1..1."""
    count, whole = len(surfaces), Dice(len(surfaces), each.generator)
    points = torch.stack([surface.points for surface in surfaces])  # (K, CHANGED, POINTS, 2)
    normal, changed, choice = whole.choice(NORMAL), whole.choice(CHANGED), whole.choice(points.shape[2])
    defect = points[torch.arange(count, device=points.device), changed, choice]
    anywhere = (each.rand(2) * 2 - 1).view(count, VIEWS, 2)
    centre = torch.stack([anywhere[:, 0], defect + NEAR * anywhere[:, 1]], 1)
    return torch.stack([normal, NORMAL + changed], 1).flatten(), centre.flatten(0, 1)


def _grid(manner: Manner, each: Dice, centre: Tensor) -> Tensor:
    angle = manner.angle + each.uniform(-TURN, TURN)
    window = manner.window * each.log_uniform(*ZOOM)
    cos, sin = (angle.cos() * window).flatten(), (angle.sin() * window).flatten()
    flip = torch.where(manner.mirrored, -1.0, 1.0).flatten()
    centre = centre.clamp(-1, 1) * (1 - window.flatten()[:, None])  # the window stays inside where it can
    matrix = torch.stack([cos * flip, -sin, centre[:, 0], sin * flip, cos, centre[:, 1]], 1).view(-1, 2, 3)
    return F.affine_grid(matrix, [len(matrix), 1, VIEW, VIEW], align_corners=False)


def _light(pictures: Tensor, manner: Manner, each: Dice) -> Tensor:
    """Vary what a camera and a lamp vary, between surfaces and hardly less between views of one."""
    pictures = torch.where(manner.gray, luma(pictures), pictures)
    pictures = torch.where(manner.negative, 1 - pictures, pictures)
    mean = pictures.mean((1, 2, 3), keepdim=True)
    contrast = manner.contrast * each.log_uniform(0.65, 1.5)
    level = manner.level + each.uniform(-0.12, 0.12)
    slope = 0.12 * (_ramp(each) * each.uniform(-1, 1) + _ramp(each).mT * each.uniform(-1, 1))
    pictures = mean + level + slope + (pictures - mean) * contrast
    soft = each.chance(0.3).flatten()
    if soft.any():
        pictures[soft] = blur(pictures[soft], each.log_uniform(0.4, 1.2)[soft])
    noise = manner.noise * each.log_uniform(0.6, 1.6) * each.normal(1, VIEW, VIEW)
    return (pictures + noise).clamp_(0, 1)


def _ramp(dice: Dice) -> Tensor:
    return torch.linspace(-1, 1, VIEW, device=dice.device).view(1, 1, 1, VIEW)
