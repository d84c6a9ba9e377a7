"""The material of pre-training: a row of generated surfaces, each a function of (seed, number).

Nothing here is read from a file: surfaces are procedural, their defects those of the training families.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from almrr_core.data.anomalies import AnomalyOptions, simulate
from almrr_core.data.fields import Dice
from almrr_core.data.textures import HELD_OUT_TEXTURES, TEXTURE_FAMILIES, make_textures

SIDE = 192  # pixels of a piece,
SCALE = 1.0  # which has the yarns and grains of a 256×256 picture
WINDOW = (75 / SIDE, 150 / SIDE)  # of a piece that the views of a surface show: magnified 1.5 to 0.75 times
NORMAL, CHANGED = 2, 3  # pieces of a surface without and with a defect
POINTS = 16  # places inside each defect that a view may look at
STRIDE = 1_000_003  # between the seeds of two runs' surfaces
TRAINED_TEXTURES = tuple(family for family in TEXTURE_FAMILIES if family not in HELD_OUT_TEXTURES)


class Manner(NamedTuple):
    """How all views of a surface show it, each (K, 1, 1, 1) for K surfaces.

    It belongs to the surface: a texture that is turned, mirrored, magnified or negative is another one to tell
    apart, or the features would go blind to yarns that run the wrong way.
    """

    angle: Tensor  # rad
    window: Tensor  # of a piece, in 0..1
    mirrored: Tensor  # bool
    gray: Tensor  # bool
    negative: Tensor  # bool
    contrast: Tensor  # a factor
    level: Tensor  # added, of 0..1
    noise: Tensor  # standard deviation, of 0..1


def draw_manner(dice: Dice) -> Manner:
    """Return the manners of as many surfaces as the dice have samples."""
    return Manner(
        angle=dice.uniform(-math.pi, math.pi),
        window=dice.log_uniform(*WINDOW),
        mirrored=dice.chance(0.5),
        gray=dice.chance(0.5),
        negative=dice.chance(0.25),
        contrast=dice.log_uniform(0.45, 1.3),
        level=dice.uniform(-0.15, 0.15),
        noise=dice.levels(0.5, 6),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Pieces of one surface: (NORMAL + CHANGED, 3, SIDE, SIDE) uint8, the first NORMAL ones without a defect.

    `points` (CHANGED, POINTS, 2) are (x, y) in −1..1 inside the defects of the others.
    """

    pieces: Tensor
    points: Tensor
    manner: Manner


class _Foreign:
    """A texture source of one generated picture (1, 3, SIDE, SIDE): defects may be made of another texture."""

    def __init__(self, picture: Tensor) -> None:
        self._picture = picture

    def sample(self, n: int, size: int, generator: torch.Generator) -> Tensor:
        """Return the picture, moved round by chance, (n, 3, size, size); `size` is at most SIDE."""
        y, x = torch.randint(SIDE, (2,), generator=generator, device=generator.device).tolist()
        return self._picture.roll((y, x), (2, 3))[..., :size, :size].expand(n, -1, -1, -1)


@torch.no_grad()
def make_surface(seed: int, number: int, device: torch.device) -> Surface:
    """Return surface `number` of the row that `seed` names: the same on every call."""
    generator = torch.Generator(device)
    generator.manual_seed((seed * STRIDE + number) % 2**63)
    family = TRAINED_TEXTURES[number % len(TRAINED_TEXTURES)]
    made = make_textures(NORMAL + CHANGED, SIDE, generator, device, (family,), alike=True, scale=SCALE).images
    foreign = make_textures(1, SIDE, generator, device, TRAINED_TEXTURES, scale=SCALE).images
    planted = simulate(made[NORMAL:], _Foreign(foreign), generator, AnomalyOptions(fraction=1.0))
    pieces = torch.cat([made[:NORMAL], planted.images])
    places = torch.multinomial(planted.masks.flatten(1), POINTS, replacement=True, generator=generator)
    points = torch.stack([places % SIDE, places // SIDE], dim=2) * (2 / SIDE) - 1
    manner = draw_manner(Dice(1, generator))
    return Surface(pieces.mul_(255).round_().to(torch.uint8), points, manner)


class Row:
    """The surfaces from number 0 on: `count` of them at first, at most `capacity`."""

    def __init__(self, seed: int, device: torch.device, capacity: int, count: int) -> None:
        self._seed, self._device, self._capacity = seed, device, capacity
        self.surfaces = [make_surface(seed, number, device) for number in range(min(count, capacity))]

    def grow(self) -> None:
        """Add the next surface unless the row is full."""
        if len(self.surfaces) < self._capacity:
            self.surfaces.append(make_surface(self._seed, len(self.surfaces), self._device))
