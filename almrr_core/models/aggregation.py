"""Multi-scale aggregation of backbone stages as one fixed linear map per stage.

ALMRR resizes every stage bilinearly (align_corners) to the input size, average-pools by 4 and concatenates.
Both steps are linear and separable, so stage_k → U_k · stage_k · U_kᵀ with U_k of (M, h) is exactly the same
without the full-size intermediate (`shared/method.md` §3). `aggregate_reference` is the readable twin.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

POOL = 4


def aggregate_reference(stages: list[Tensor], input_size: int) -> Tensor:
    """Aggregate as the paper writes it: [(B, C_k, h_k, h_k)] → (B, ΣC_k, input_size/4, input_size/4)."""
    size = (input_size, input_size)
    return torch.cat(
        [
            F.avg_pool2d(F.interpolate(stage, size=size, mode="bilinear", align_corners=True), POOL)
            for stage in stages
        ],
        dim=1,
    )


class Aggregation(nn.Module):
    """The exact linear form of `aggregate_reference` for stages of sizes `heights` (pixels)."""

    def __init__(self, input_size: int, heights: tuple[int, ...]) -> None:
        super().__init__()
        self.count = len(heights)
        for index, height in enumerate(heights):
            self.register_buffer(f"map{index}", _row_map(input_size, height), persistent=False)

    def forward(self, stages: list[Tensor]) -> Tensor:
        """Return F, (B, ΣC_k, M, M), in the stages' dtype."""
        return torch.cat([self.resize(stage, index) for index, stage in enumerate(stages)], dim=1)

    def resize(self, stage: Tensor, index: int) -> Tensor:
        """Bring one stage (B, C, h, h) to (B, C, M, M)."""
        rows: Tensor = getattr(self, f"map{index}").to(stage.dtype)
        half = (stage @ rows.T).transpose(-1, -2).contiguous()  # (B, C, M, h): one product for all rows
        return (half @ rows.T).transpose(-1, -2)


def _row_map(input_size: int, height: int) -> Tensor:
    """Return U of (input_size/4, height): bilinear to the input size, then mean of four."""
    identity = torch.eye(height, dtype=torch.float64)[
        None
    ]  # (1, height, height): one column per basis vector
    wide = F.interpolate(
        identity, size=input_size, mode="linear", align_corners=True
    )  # rows are basis vectors
    return F.avg_pool1d(wide, POOL)[0].T.float().contiguous()
