"""The selective scan of Mamba (arXiv 2312.00752, algorithm 2), step by step: the definition, no speed.

Discretised with zero-order hold for A and Euler's rule for B, as Mamba does it:

    h_t = exp(Δ_t A) h_{t-1} + Δ_t B_t u_t        y_t = C_t · h_t + D u_t        out_t = y_t SiLU(z_t)
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def selective_scan_reference(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    z: Tensor | None = None,
    delta_bias: Tensor | None = None,
    delta_softplus: bool = False,
) -> Tensor:
    """Return the scan of `u` (B, D, L) as (B, D, L); autograd gives the gradients of all inputs.

    delta (B, D, L); A (D, N); B, C (B, N, L); D (D,); z (B, D, L) or None for no gate; delta_bias (D,)
    is added to delta before the softplus that `delta_softplus` asks for. Any device, any float type.
    """
    step = delta if delta_bias is None else delta + delta_bias[:, None]
    step = F.softplus(step) if delta_softplus else step
    h = u.new_zeros(u.shape[0], *A.shape)  # (B, D, N)
    outs = []
    for t in range(u.shape[2]):
        decay = torch.exp(step[:, :, t, None] * A)  # (B, D, N)
        h = decay * h + (step[:, :, t] * u[:, :, t])[:, :, None] * B[:, None, :, t]
        outs.append((h * C[:, None, :, t]).sum(-1))  # (B, D)
    y = torch.stack(outs, dim=2) + D[:, None] * u  # (B, D, L)
    return y if z is None else y * F.silu(z)
