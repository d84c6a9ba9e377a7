"""Simulated anomalies for a batch of normal pictures: the paper's equation 1 and more families."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from almrr_core.data.families import TRAIN_FAMILIES, Family, Sources
from almrr_core.data.fields import Dice, affine
from almrr_core.data.textures import TextureSource
from almrr_core.errors import ErrorCode, StationError

NORMAL = -1  # in `Simulated.families`: the picture was left as it is


@dataclass(frozen=True, slots=True)
class AnomalyOptions:
    """Which anomalies, how often. `fraction` of the pictures (0..1) get one, the rest stay normal.

    `weights` (one per family, not all 0) say how often each is drawn, evenly when None. The paper's
    form is `AnomalyOptions(families=(PERLIN,))`. Raises BAD_ARGUMENT for values that make no sense.
    """

    families: tuple[Family, ...] = TRAIN_FAMILIES
    weights: tuple[float, ...] | None = None
    fraction: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what no draw can be made from."""
        weights = self.weights or (1.0,) * len(self.families)
        good = len(weights) == len(self.families) > 0 and min(weights) >= 0 and 0 < sum(weights) < math.inf
        if not good or not 0 <= self.fraction <= 1:
            raise StationError(
                ErrorCode.BAD_ARGUMENT,
                f"Anomalies cannot be drawn with weights {self.weights} and fraction {self.fraction}.",
                "Give one weight from 0 up per family, not all 0, and a fraction in 0..1.",
            )


@dataclass(frozen=True, slots=True, eq=False)
class Simulated:
    """A batch with anomalies: images (B, 3, S, S) in 0..1, masks (B, 1, S, S) float 0/1, families (B,).

    `families` (int64) is the index into the options' families, −1 where the picture stayed normal; its
    mask is then empty, and no other's is.
    """

    images: Tensor
    masks: Tensor
    families: Tensor


@torch.no_grad()
def simulate(
    images: Tensor, textures: TextureSource, generator: torch.Generator, options: AnomalyOptions
) -> Simulated:
    """Return a copy of normal pictures (B, 3, S, S), float32 in 0..1, some with an anomaly.

    All on the device of the pictures, which must be the generator's; the same generator state gives the
    same result there. The number of anomalous pictures is B · fraction, rounded up or down at random.
    Each family runs once, on its part of the batch.
    """
    with torch.autocast(images.device.type, enabled=False):  # half precision would move the masks
        families = _draw_families(len(images), generator, options)
        changed = images.clone()
        masks = torch.zeros_like(images[:, :1])
        sources = Sources(textures, images)
        for number, family in enumerate(options.families):
            where = (families == number).nonzero().squeeze(1)
            if len(where):
                changed[where], masks[where] = family(images[where], generator, sources)
    return Simulated(changed, masks, families)


def _draw_families(count: int, generator: torch.Generator, options: AnomalyOptions) -> Tensor:
    device = generator.device
    weights = torch.tensor(options.weights or (1.0,) * len(options.families), device=device)
    drawn = torch.multinomial(weights, max(count, 1), replacement=True, generator=generator)[:count]
    wanted = torch.floor(count * options.fraction + torch.rand(1, generator=generator, device=device))
    rank = torch.randperm(count, generator=generator, device=device)
    return torch.where(rank < wanted, drawn, NORMAL)


@torch.no_grad()
def rotate_normals(images: Tensor, generator: torch.Generator, p: float = 0.3) -> Tensor:
    """Return pictures (B, 3, S, S), each turned with probability `p` by an angle in ±90°.

    Corners are mirrored from the picture, not black: a black corner would be an anomaly in a normal.
    """
    where = (Dice(len(images), generator).rand() < p).nonzero().squeeze(1)
    result = images.clone()
    if len(where):
        angle = Dice(len(where), generator).uniform(-math.pi / 2, math.pi / 2)
        result[where] = affine(images[where], angle).clamp_(0, 1)
    return result
