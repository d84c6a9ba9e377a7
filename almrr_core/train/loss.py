"""The losses of ALMRR (arXiv 2407.17705, eq. 7 to 10)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

GAMMA = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class LossParts:
    """Scalar tensors; `total` is their sum (the paper's L_rec + L_ref)."""

    reconstruction: Tensor
    focal: Tensor
    dice: Tensor

    @property
    def total(self) -> Tensor:
        """Return the sum that is minimised."""
        return self.reconstruction + self.focal + self.dice


def reconstruction_loss(repaired: Tensor, normal: Tensor) -> Tensor:
    """Mean square over all channels and positions of F̂ and φ, both (B, C, M, M).

    Eq. 7 writes the unsquared norm; the mean square over channels is our choice: it has the same minimum and
    no singular gradient near it.
    """
    return F.mse_loss(repaired, normal)


def focal_loss(logit: Tensor, mask: Tensor) -> Tensor:
    """Focal loss (arXiv 1708.02002), γ = 2, no class weight, of a logit difference and a 0/1 mask.

    Both (B, 1, S, S). On the logit, not on the softmax, so that no probability rounds to 0 or 1.
    """
    cross_entropy = F.binary_cross_entropy_with_logits(logit, mask, reduction="none")
    probability = torch.sigmoid(logit)
    missed = probability + mask - 2 * probability * mask  # 1 − p of the true class
    return (missed**GAMMA * cross_entropy).mean()


def dice_loss(logit: Tensor, mask: Tensor) -> Tensor:
    """1 − Dice over the whole batch with smooth term 1, so that empty masks give no constant 1."""
    probability = torch.sigmoid(logit)
    overlap = (probability * mask).sum()
    return 1 - (2 * overlap + 1) / (probability.sum() + mask.sum() + 1)
