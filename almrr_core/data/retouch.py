"""What all families of simulated anomalies share: the family itself, exact masks, tonal change, shapes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from almrr_core.data.fields import Dice, ellipse, is_gray, luma, smoothstep, unit
from almrr_core.data.textures import TextureSource

VISIBLE = 2 / 255


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """Where an anomaly may take its content from: textures, and normal pictures (N, 3, S, S) in 0..1."""

    textures: TextureSource
    normals: Tensor


Change = Callable[[Tensor, Dice, Sources], tuple[Tensor, Tensor]]


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of simulated anomaly.

    `change` takes pictures (n, 3, S, S) in 0..1 and returns changed ones and where they may differ
    (n, 1, S, S), positive inside. A pixel is in the mask where it may differ and does, by more than
    `visible` in a channel, or some pixel does within `reach` pixels: changes of texture (a shifted or
    shuffled pixel may find its own value again) have a reach, all others none.
    """

    name: str
    change: Change
    visible: float = VISIBLE
    reach: int = 0

    @torch.no_grad()
    def __call__(self, images: Tensor, generator: torch.Generator, sources: Sources) -> tuple[Tensor, Tensor]:
        """Return changed pictures (n, 3, S, S) in 0..1 and masks (n, 1, S, S), float 0/1, none empty.

        Outside its mask a picture is bit for bit what it was. A gray picture stays gray. Where the
        change came to nothing (a flat picture blurred, say) a plain spot stands in for it.
        """
        dice = Dice(len(images), generator)
        changed, where = self.change(images, dice, sources)
        changed, mask = self._finish(images, changed, where, self.reach)
        lost = ~mask.flatten(1).any(1)
        if lost.any():
            spare = images[lost]
            spot, where = _plain_spot(spare, Dice(len(spare), generator))
            changed[lost], mask[lost] = self._finish(spare, spot, where, 0)
        return changed, mask.float()

    def _finish(self, images: Tensor, changed: Tensor, where: Tensor, reach: int) -> tuple[Tensor, Tensor]:
        changed = changed.clamp(0, 1)
        gray = is_gray(images)
        if gray.any():
            changed = torch.where(gray, luma(changed), changed)
        moved = (changed - images).abs().amax(1, keepdim=True)
        if reach:
            moved = F.max_pool2d(moved, 2 * reach + 1, 1, reach)
        mask = (moved > self.visible) & (where > 0)
        return torch.where(mask, changed, images), mask


def blend(images: Tensor, source: Tensor, masks: Tensor, alpha: Tensor) -> Tensor:
    """Return (1−M)⊙I + (1−α)(M⊙I) + α(M⊙A), equation 1 of the paper; α is the weight of the source A."""
    return images + masks * alpha * (source - images)


def signed(images: Tensor, where: Tensor, dice: Dice, k: int = 1) -> Tensor:
    """Return (n, k, 1, 1) random signs: the likelier, the more room the pictures have there to change."""
    brightness = (luma(images) * where).sum((2, 3), keepdim=True) / where.sum((2, 3), keepdim=True).clamp(
        min=1e-3
    )
    room = ((brightness - 0.5) * 1.6 + 0.5).clamp(0, 1)  # 1: so bright that it can only get darker
    return torch.where(dice.rand(k, 1, 1) < room, -1.0, 1.0)


def tone(images: Tensor, where: Tensor, amount: Tensor, dice: Dice, flatten: float = 0.0) -> Tensor:
    """Add `amount` (n, 1, 1, 1) · `where` (n, 1, S, S), with a slight tint in colour pictures.

    With `flatten` up to that share of the picture's own texture gives way to its local mean.
    """
    tint = 1 + 0.3 * dice.normal(3, 1, 1) * ~is_gray(images)
    changed = images + where * (amount * tint)
    if flatten:
        weight = where.abs().clamp(max=1)
        mean = (images * weight).sum((2, 3), keepdim=True) / weight.sum((2, 3), keepdim=True).clamp(min=1e-3)
        changed += weight * dice.uniform(0.0, flatten) * (mean - images)
    return changed


def blobs(
    dice: Dice,
    size: int,
    low: float,
    high: float,
    edge: tuple[float, float] = (0.05, 0.8),
    margin: float = 0.0,
) -> Tensor:
    """Return wobbly ellipses (n, 1, S, S) in 0..1 with half axes of `low`..`high` pixels at 256.

    `edge` is the range of the soft border as a share of the radius; it lies inside. The centre keeps
    `margin` sides away from the picture's border.
    """
    a = dice.log_uniform(low, high) * unit(size)
    b = a * dice.uniform(0.35, 1.0)
    x0, y0 = (dice.uniform(margin * size, (1 - margin) * size) for _ in range(2))
    distance = ellipse(size, (x0, y0), (a, b), dice.uniform(0, math.pi))
    # The wobble fades towards the centre, which must stay inside.
    wobble = dice.uniform(0.0, 0.35) * dice.field(size, 12) * distance.clamp(max=1)
    return smoothstep((1 - distance + wobble) / dice.log_uniform(*edge))


def _plain_spot(images: Tensor, dice: Dice) -> tuple[Tensor, Tensor]:
    """Return pictures with one round spot of 40 gray levels well inside: visible on any picture."""
    size = images.shape[-1]
    radius = dice.uniform(4, 16) * unit(size)
    x0, y0 = dice.uniform(0.1 * size, 0.9 * size), dice.uniform(0.1 * size, 0.9 * size)
    where = smoothstep((1.2 - ellipse(size, (x0, y0), (radius, radius), radius)) * 2)
    sign = torch.where(
        (luma(images) * where).sum((2, 3), keepdim=True) > 0.5 * where.sum((2, 3), keepdim=True), -1.0, 1.0
    )
    return images + where * sign * (40 / 255), where
