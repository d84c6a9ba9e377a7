"""Refinement U-Net (ALMRR's FRM, arXiv 2407.17705 §3.3; the layout is DRAEM's, arXiv 2108.07610)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def _double(width_in: int, width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (width_in, width):
        layers += [
            nn.Conv2d(channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


class _Up(nn.Module):
    """Bilinear ×2, conv-BN-ReLU, concatenation with the skip, two conv-BN-ReLU."""

    def __init__(self, width_in: int, skip: int, width: int) -> None:
        super().__init__()
        self.up = nn.Sequential(
            nn.Conv2d(width_in, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        )
        self.merge = _double(width + skip, width)

    def forward(self, deep: Tensor, skip: Tensor) -> Tensor:
        wide = F.interpolate(deep, size=skip.shape[-2:], mode="bilinear", align_corners=True)
        merged: Tensor = self.merge(torch.cat([self.up(wide), skip], dim=1))
        return merged


class Refinement(nn.Module):
    """U-Net over evidence maps: (B, inputs, M, M) float32 → logits (B, 2, M, M), normal and anomaly.

    Widths `base`·(1, 2, 4, 8, 8, 8); M at least 32. With `zero_start` the last layer starts at zero,
    so the logits are exactly 0 before the first step.
    """

    def __init__(self, inputs: int = 2, base: int = 64, zero_start: bool = False) -> None:
        super().__init__()
        widths = [base * factor for factor in (1, 2, 4, 8, 8, 8)]
        self.down = nn.ModuleList(_double(i, o) for i, o in zip([inputs, *widths[:-1]], widths, strict=True))
        ups = ((8, 8, 8), (8, 8, 4), (4, 4, 2), (2, 2, 1), (1, 1, 1))
        self.up = nn.ModuleList(_Up(base * i, base * s, base * o) for i, s, o in ups)
        self.out = nn.Conv2d(base, 2, 3, padding=1)
        if zero_start:
            nn.init.zeros_(self.out.weight)
            if self.out.bias is not None:
                nn.init.zeros_(self.out.bias)

    def forward(self, evidence: Tensor) -> Tensor:
        """Return the two-channel logits at the evidence's size."""
        skips: list[Tensor] = []
        x = evidence
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else F.max_pool2d(x, 2))
            skips.append(x)
        for block, skip in zip(self.up, reversed(skips[:-1]), strict=True):
            x = block(x, skip)
        logits: Tensor = self.out(x)
        return logits
