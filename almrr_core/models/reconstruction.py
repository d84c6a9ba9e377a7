"""Feature reconstruction by bidirectional Mamba (ALMRR, arXiv 2407.17705 §3.2, table in §4.1)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from almrr_core.models.mamba import MambaBlock


class Reconstruction(nn.Module):
    """Repairs aggregated features: F (B, channels, M, M) float32 → F̂ of the same shape.

    1×1 `reduction` (None keeps the channels), 4×4/4 `tokens` + learned `position`, `depth` Mamba blocks,
    three transposed convolutions with instance norm and ReLU, tanh, and the 1×1 `expansion`, since tanh
    alone cannot reach the features' range. `map_size` M is fixed by the position embedding.
    """

    def __init__(
        self,
        channels: int,
        map_size: int = 64,
        reduced: int | None = 1024,
        dim: int = 192,
        depth: int = 8,
        widths: tuple[int, int, int] = (256, 512, 1024),
        drop_path: float = 0.1,
    ) -> None:
        super().__init__()
        self.map_size, self.grid = map_size, map_size // 4
        self.reduction = nn.Conv2d(channels, reduced, 1) if reduced else nn.Identity()
        self.tokens = nn.Conv2d(reduced or channels, dim, 4, stride=4)
        self.position = nn.Parameter(torch.empty(1, self.grid**2, dim))
        nn.init.trunc_normal_(self.position, std=0.02)
        rates = torch.linspace(0, drop_path, depth).tolist()
        self.blocks = nn.ModuleList(MambaBlock(dim, rate) for rate in rates)
        self.norm = nn.RMSNorm(dim, eps=1e-5)
        self.decoder = _decoder(dim, widths)
        self.expansion = nn.Conv2d(widths[-1], channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Return the reconstructed features, (B, channels, M, M)."""
        tokens = self.tokens(self.reduction(features)).flatten(2).transpose(1, 2)  # (B, grid², dim)
        tokens = tokens + self.position
        for block in self.blocks:
            tokens = block(tokens)
        grid = self.norm(tokens).transpose(1, 2).unflatten(2, (self.grid, self.grid))
        decoded = F.interpolate(
            self.decoder(grid), size=(self.map_size, self.map_size), mode="bilinear", align_corners=True
        )
        repaired: Tensor = self.expansion(torch.tanh(decoded))
        return repaired


def _decoder(dim: int, widths: tuple[int, int, int]) -> nn.Sequential:
    """Three 3×3 transposed convolutions: 16 → 18 → 20 → 39 for a 16×16 grid."""
    layers: list[nn.Module] = []
    for index, (width_in, width) in enumerate(zip((dim, *widths[:2]), widths, strict=True)):
        stride, padding = (2, 1) if index == len(widths) - 1 else (1, 0)
        layers += [
            nn.ConvTranspose2d(width_in, width, 3, stride=stride, padding=padding),
            nn.InstanceNorm2d(width),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)
