"""What is trained: the backbone, and beside it the parts of the losses that are thrown away afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from almrr_core.models.backbone import Backbone, build_backbone
from almrr_core.pretrain.views import FITTED, Episode

STAGES = (1, 2, 3)
SHRINK = (
    0.1,
    0.3,
    0.6,
)  # per stage, towards the covariance shared by all surfaces: few vectors, many channels
FLOOR = 1e-2  # of the mean variance, as in the closed form of the inspection model
CODE = 128  # numbers that tell surfaces apart
TEMPERATURE = 0.1
STAGE_WEIGHT, INSTANCE_WEIGHT = 0.3, 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """Scalar tensors: finding defects by distance from the normal views, and telling surfaces apart."""

    defects: Tensor
    instance: Tensor

    @property
    def total(self) -> Tensor:
        """Return what is minimised."""
        return self.defects + INSTANCE_WEIGHT * self.instance


class Learner(nn.Module):
    """A trainable ResNet-18 up to stage 3 with the heads of its two losses."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.backbone: Backbone = build_backbone("resnet18", STAGES, seed).requires_grad_(True)
        width = self.backbone.channels[-1]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.code = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, CODE))
        self.slope = nn.Parameter(torch.ones(len(STAGES) + 1, len(STAGES)))
        self.offset = nn.Parameter(torch.full((len(STAGES) + 1,), -3.0))

    def train(self, mode: bool = True) -> Learner:
        """Let the batch norms learn, which the backbone by itself refuses."""
        super().train(mode)
        for module in self.backbone.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.training = mode
        return self

    def forward(self, episode: Episode, half: bool) -> Losses:
        """Return the losses of an episode; with `half` the convolutions run in bfloat16."""
        shape = episode.pictures.shape[:2]
        pictures = episode.pictures.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        with torch.autocast(pictures.device.type, torch.bfloat16, enabled=half):
            stages = [stage.float() for stage in self.backbone(pictures)]
        codes = self.code(stages[-1].mean((2, 3)))
        surfaces = torch.arange(shape[0], device=codes.device).repeat_interleave(shape[1])
        maps = [
            _standardised(distances(stage.unflatten(0, shape), shrink), episode.masks)
            for stage, shrink in zip(stages, SHRINK, strict=True)
        ]
        return Losses(self._defects(maps, episode.masks), contrast(codes, surfaces))

    def _defects(self, maps: list[Tensor], masks: Tensor) -> Tensor:
        """Return the loss of each stage's map by itself and of their sum at the finest size."""
        total = masks.new_zeros(())
        for index, one in enumerate(maps):
            logit = self.slope[index, index] * one + self.offset[index]
            total = total + STAGE_WEIGHT * F.binary_cross_entropy_with_logits(
                logit, _shares(masks, one.shape[-1])
            )
        size = maps[0].shape[-2:]
        wide = [F.interpolate(one, size, mode="bilinear", align_corners=False) for one in maps]
        logit = sum((self.slope[-1, k] * one for k, one in enumerate(wide)), self.offset[-1])
        share = _shares(masks, size[-1])
        probability = torch.sigmoid(logit)
        overlap = (2 * (probability * share).sum() + 1) / (probability.sum() + share.sum() + 1)
        return total + F.binary_cross_entropy_with_logits(logit, share) + (1 - overlap)


def _shares(masks: Tensor, size: int) -> Tensor:
    """Return which share of each of `size` × `size` cells is changed, (K, TESTED, size, size)."""
    return F.adaptive_avg_pool2d(masks.squeeze(2), size)


def distances(stage: Tensor, shrink: float) -> Tensor:
    """Return the log Mahalanobis distances (K, TESTED, h, w) of the tested views from what is normal.

    `stage` is (K, FITTED + TESTED, C, h, w). Each surface has its own Gaussian, from its fitted views; its
    covariance is drawn towards the mean of all surfaces' by `shrink`.
    """
    fitted = stage[:, :FITTED].transpose(1, 2).flatten(2)  # (K, C, n)
    mean = fitted.mean(2, keepdim=True)
    centred = fitted - mean
    own = centred @ centred.mT / centred.shape[2]
    shared = own.mean(0, keepdim=True)
    cover = torch.lerp(own, shared.expand_as(own), shrink)
    level = cover.diagonal(dim1=1, dim2=2).mean(1)
    cover = cover + torch.diag_embed((FLOOR * level + 1e-8)[:, None].expand(-1, cover.shape[1]))
    tested = stage[:, FITTED:].transpose(1, 2)
    vectors = torch.linalg.solve_triangular(
        torch.linalg.cholesky(cover), tested.flatten(2) - mean, upper=False
    )
    squares = vectors.square().mean(1).unflatten(1, tested.shape[2:])
    return torch.log(squares + 1e-6)


def _standardised(logs: Tensor, masks: Tensor) -> Tensor:
    """Return distances (K, T, h, w) with each surface's unchanged positions brought to mean 0 and spread 1."""
    normal = (F.adaptive_max_pool2d(masks.squeeze(2), logs.shape[-1]) == 0).float()
    count = normal.sum((1, 2, 3), keepdim=True).clamp_min(1)
    mean = (logs * normal).sum((1, 2, 3), keepdim=True) / count
    spread = ((logs - mean).square() * normal).sum((1, 2, 3), keepdim=True) / count
    return (logs - mean) / (spread + 1e-2).sqrt()


def contrast(codes: Tensor, surfaces: Tensor) -> Tensor:
    """Supervised contrastive loss (arXiv 2004.11362) of codes (B, n); views of one surface are positives."""
    unit = F.normalize(codes, dim=1)
    own = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    logits = (unit @ unit.T / TEMPERATURE).masked_fill(own, -1e4)
    positive = ((surfaces[:, None] == surfaces) & ~own).float()
    chance = logits - logits.logsumexp(1, keepdim=True)
    return -((chance * positive).sum(1) / positive.sum(1)).mean()
