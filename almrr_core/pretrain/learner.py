"""What is trained: the backbone, and heads that tell surfaces apart, which are thrown away afterwards."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from almrr_core.models.backbone import Backbone, build_backbone

STAGES = (1, 2, 3)
SMOOTHING = 0.05  # of the labels


class Learner(nn.Module):
    """A trainable ResNet-18 up to stage 3 with a linear classifier of `surfaces` on each stage.

    Telling many textures apart under other crops, scales and lights is what makes a feature worth having: a
    surface must look alike to it all over, and differ from every other texture, as a defect does.
    """

    def __init__(self, seed: int, surfaces: int) -> None:
        super().__init__()
        self.backbone: Backbone = build_backbone("texture18", STAGES, seed).requires_grad_(True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.heads = nn.ModuleList(nn.Linear(2 * width, surfaces) for width in self.backbone.channels)

    def train(self, mode: bool = True) -> Learner:
        """Let the batch norms learn, which the backbone by itself refuses."""
        super().train(mode)
        for module in self.backbone.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.training = mode
        return self

    def forward(self, pictures: Tensor, numbers: Tensor, half: bool) -> Tensor:
        """Return the mean cross-entropy of all stages for pictures (B, 3, V, V) of the surfaces (B,) int64.

        With `half` the convolutions run in bfloat16.
        """
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with torch.autocast(pictures.device.type, torch.bfloat16, enabled=half):
            stages = [stage.float() for stage in self.backbone(pictures)]
        losses = [
            F.cross_entropy(head(statistics(stage)), numbers, label_smoothing=SMOOTHING)
            for head, stage in zip(self.heads, stages, strict=True)
        ]
        return torch.stack(losses).mean()


def statistics(stage: Tensor) -> Tensor:
    """Return mean and standard deviation of each channel over the picture: (B, C, h, w) → (B, 2·C)."""
    mean = stage.mean((2, 3))
    variance = (stage - mean[:, :, None, None]).square().mean((2, 3))
    return torch.cat([mean, (variance + 1e-4).sqrt()], dim=1)
