"""The material of pre-training: an endless row of generated surfaces, each a function of (seed, number).

Nothing here is read from a file: surfaces are procedural, their defects those of the training families.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import torch
from torch import Tensor

from almrr_core.data.anomalies import AnomalyOptions, simulate
from almrr_core.data.textures import HELD_OUT_TEXTURES, TEXTURE_FAMILIES, make_textures

SIDE = 192  # pixels of a piece,
SCALE = 1.0  # which has the yarns and grains of a 256×256 picture
NORMAL, CHANGED = 2, 3  # pieces of a surface without and with a defect
POINTS = 16  # places inside each defect that a view may look at
STRIDE = 1_000_003  # between the seeds of two runs' surfaces
TRAINED_TEXTURES = tuple(family for family in TEXTURE_FAMILIES if family not in HELD_OUT_TEXTURES)


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Pieces of one surface: (NORMAL + CHANGED, 4, SIDE, SIDE) uint8, red, green, blue and mask (0 or 255).

    The first NORMAL pieces have an empty mask. `points` (CHANGED, POINTS, 2) are (x, y) in −1..1 inside masks.
    """

    number: int
    pieces: Tensor
    points: Tensor


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
    masks = torch.cat([torch.zeros_like(made[:NORMAL, :1]), planted.masks])
    pieces = torch.cat([torch.cat([made[:NORMAL], planted.images]), masks], dim=1)
    places = torch.multinomial(planted.masks.flatten(1), POINTS, replacement=True, generator=generator)
    points = torch.stack([places % SIDE, places // SIDE], dim=2) * (2 / SIDE) - 1
    return Surface(number, pieces.mul_(255).round_().to(torch.uint8), points)


class Row:
    """The latest `capacity` surfaces before number `last`: grows by one a step, then moves on."""

    def __init__(self, seed: int, device: torch.device, capacity: int, last: int) -> None:
        self._seed, self._device = seed, device
        numbers = range(max(0, last - capacity), last)
        self.surfaces = deque((make_surface(seed, n, device) for n in numbers), maxlen=capacity)

    def grow(self) -> None:
        """Add the next surface; the oldest leaves a full row."""
        self.surfaces.append(make_surface(self._seed, self.surfaces[-1].number + 1, self._device))
