"""Bidirectional Mamba block.

Mamba: Gu & Dao, arXiv 2312.00752 (Apache-2.0 code, mamba-ssm); bidirectional form: Vision Mamba,
arXiv 2401.09417; as used by ALMRR, arXiv 2407.17705 §3.2. Parameter names are mamba-ssm's, those of the
backward direction Vision Mamba's. Written from the equations.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from almrr_core.models.scan import selective_scan


class BiMamba(nn.Module):
    """Mixes tokens (B, L, D) float32 along L in both directions; returns the same shape.

    `d_inner` = expand·D channels per direction, `d_state` states each, depthwise causal convolution of
    width `d_conv`, step sizes of rank `dt_rank` = ceil(D/16).
    """

    def __init__(self, dim: int, d_state: int = 16, d_conv: int = 4, expand: int = 2) -> None:
        super().__init__()
        inner = expand * dim
        self.dt_rank, self.d_state = math.ceil(dim / 16), d_state
        self.in_proj = nn.Linear(dim, 2 * inner, bias=False)
        projected = self.dt_rank + 2 * d_state
        for suffix in ("", "_b"):
            convolution = nn.Conv1d(inner, inner, d_conv, groups=inner, padding=d_conv - 1)
            step = nn.Linear(self.dt_rank, inner)
            _initialise_step(step)
            setattr(self, f"conv1d{suffix}", convolution)
            setattr(self, f"x_proj{suffix}", nn.Linear(inner, projected, bias=False))
            setattr(self, f"dt_proj{suffix}", step)
        rates = torch.arange(1, d_state + 1, dtype=torch.float32).repeat(inner, 1).log()
        self.A_log, self.A_b_log = nn.Parameter(rates), nn.Parameter(rates.clone())
        self.D, self.D_b = nn.Parameter(torch.ones(inner)), nn.Parameter(torch.ones(inner))
        self.out_proj = nn.Linear(inner, dim, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Run both directions, gate each by SiLU(z), halve the sum and project back."""
        x, z = self.in_proj(tokens).transpose(1, 2).chunk(2, dim=1)  # (B, d_inner, L) each
        ahead = self._direction(x, z, "")
        back = self._direction(x.flip(-1), z.flip(-1), "_b").flip(-1)
        mixed: Tensor = self.out_proj(((ahead + back) / 2).transpose(1, 2))
        return mixed

    def _direction(self, x: Tensor, z: Tensor, suffix: str) -> Tensor:
        step: nn.Linear = getattr(self, f"dt_proj{suffix}")
        rates = self.A_log if not suffix else self.A_b_log
        skip = self.D if not suffix else self.D_b
        u = F.silu(getattr(self, f"conv1d{suffix}")(x)[..., : x.shape[-1]])
        projected = getattr(self, f"x_proj{suffix}")(u.transpose(1, 2)).transpose(1, 2)
        low, B, C = projected.split([self.dt_rank, self.d_state, self.d_state], dim=1)
        delta = step.weight @ low  # (B, d_inner, L); the bias enters inside the scan's softplus
        return selective_scan(
            u.contiguous(),
            delta,
            -torch.exp(rates.float()),
            B.contiguous(),
            C.contiguous(),
            skip,
            z=z.contiguous(),
            delta_bias=step.bias,
            delta_softplus=True,
        )


def _initialise_step(step: nn.Linear, low: float = 1e-3, high: float = 0.1) -> None:
    """Draw dt_proj as mamba-ssm does: softplus(bias) log-uniform in [low, high]."""
    bound = step.in_features**-0.5
    nn.init.uniform_(step.weight, -bound, bound)
    dt = torch.exp(torch.empty(step.out_features).uniform_(math.log(low), math.log(high))).clamp_min(1e-4)
    with torch.no_grad():
        step.bias.copy_(dt + torch.log(-torch.expm1(-dt)))


class DropPath(nn.Module):
    """Drops the whole residual branch of a sample with probability `rate` in training (Huang et al. 2016)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        """Return `branch` (B, L, D), whole samples zeroed and the rest scaled by 1/(1 − rate)."""
        if not self.training or self.rate == 0.0:
            return branch
        keep = torch.rand(branch.shape[0], 1, 1, device=branch.device) >= self.rate
        return branch * keep / (1.0 - self.rate)


class MambaBlock(nn.Module):
    """RMSNorm, bidirectional Mamba, DropPath and the residual: (B, L, D) → (B, L, D)."""

    def __init__(self, dim: int, drop_path: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(dim, eps=1e-5)
        self.mixer = BiMamba(dim)
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens + drop_path(mixer(norm(tokens)))."""
        mixed: Tensor = tokens + self.drop_path(self.mixer(self.norm(tokens)))
        return mixed
