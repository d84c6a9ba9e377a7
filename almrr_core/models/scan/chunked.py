"""The selective scan in plain torch, for any device: chunks side by side instead of a Python step per token.

The recurrence h_t = a_t h_{t-1} + x_t with a_t = exp(Δ_t A) runs over all chunks of about √L steps at
once; then the last state of each chunk is handed to the next, and every step gets what came into its chunk
times exp(A ΣΔ). Sums of Δ from the chunk's start only, never a quotient of two decays: for A < 0 every factor
is at most 1, so a large Δ|A| underflows to 0 and nothing overflows. About 2√L + 10 launches.

The backward runs the same recurrence from the end, on recomputed states: only the inputs are kept, and a
slice of channels at a time bounds what exists of size O(B·D·L·N). On CUDA the sums over states and channels
are matrix products: who allows TF32 there gets its precision (about 5e-4).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

SLICE_CUDA = 2**27  # elements of one (B, L, slice, N) tensor, of which about five exist at once
SLICE_CPU = 2**20  # 4 MiB, near a processor cache


def selective_scan_chunked(
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
    """Return `selective_scan_reference` of the same inputs, (B, D, L), on any device; once differentiable."""
    step = delta if delta_bias is None else delta + delta_bias[:, None]
    step = F.softplus(step) if delta_softplus else step
    y: Tensor = _Scan.apply(u, step, A, B, C)  # type: ignore[no-untyped-call]
    y = torch.addcmul(y, D[:, None], u)
    return y if z is None else y * F.silu(z)


class _Scan(torch.autograd.Function):
    """C_t · h_t of u, Δ (B, D, L), A (D, N), B, C (B, N, L), as (B, D, L)."""

    @staticmethod
    def forward(ctx: Any, *inputs: Tensor) -> Tensor:
        ctx.save_for_backward(*inputs)
        u, step, A, B, C = inputs
        b, c = (t.transpose(1, 2).contiguous() for t in (B, C))  # (B, L, N)
        outs = []
        with torch.autocast(u.device.type, enabled=False):
            for part in _slices(u, A):
                d = step[:, part].transpose(1, 2).contiguous()  # (B, L, D)
                h, _ = _recurrence(d, A[part], d * u[:, part].transpose(1, 2), b)
                outs.append(_over_states(h, c).transpose(1, 2))
        return torch.cat(outs, dim=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        u, step, A, B, C = ctx.saved_tensors
        b, c = (t.transpose(1, 2).contiguous() for t in (B, C))
        parts = []
        with torch.autocast(u.device.type, enabled=False):
            for part in _slices(u, A):
                x, d, g = (t[:, part].transpose(1, 2).contiguous() for t in (u, step, grad))
                parts.append(_gradients(x, d, A[part], b, c, g))
        du, dstep, dA, db, dc = zip(*parts, strict=True)
        return (
            torch.cat(du, dim=2).transpose(1, 2),
            torch.cat(dstep, dim=2).transpose(1, 2),
            torch.cat(dA),
            sum(db[1:], start=db[0]).transpose(1, 2),
            sum(dc[1:], start=dc[0]).transpose(1, 2),
        )


def _slices(u: Tensor, A: Tensor) -> list[slice]:
    """Return ranges of channels whose states, (B, L, slice, N), stay within the device's limit."""
    limit = SLICE_CPU if u.device.type == "cpu" else SLICE_CUDA
    width = max(1, limit // max(1, u.shape[0] * u.shape[2] * A.shape[1]))
    return [slice(i, i + width) for i in range(0, u.shape[1], width)]


def _recurrence(step: Tensor, A: Tensor, drive: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return h and decay, (B, L, D, N), of h_t = exp(step_t A) h_{t-1} + drive_t b_t.

    step, drive (B, L, D); A (D, N); b (B, L, N).
    """
    length = step.shape[1]
    size = math.isqrt(length - 1) + 1
    chunks = -(-length // size)
    step, drive, b = (_chunked(t, chunks, size) for t in (step, drive, b))
    decay = (step[..., None] * A).exp_()  # (B, chunks, size, D, N)
    h = drive[..., None] * b[..., None, :]
    rows, decays = h.unbind(2), decay.unbind(2)
    for k in range(1, size):
        rows[k].addcmul_(decays[k], rows[k - 1])
    if chunks > 1:
        _hand_over(h, step, A)
    return h.flatten(1, 2)[:, :length], decay.flatten(1, 2)[:, :length]


def _chunked(t: Tensor, chunks: int, size: int) -> Tensor:
    """Reshape (B, L, X) to (B, chunks, size, X), padded with zeros: steps that change nothing."""
    padded = F.pad(t, (0, 0, 0, chunks * size - t.shape[1]))
    return padded.reshape(t.shape[0], chunks, size, t.shape[2])


def _hand_over(h: Tensor, step: Tensor, A: Tensor) -> None:
    """Add to the states `h` of every chunk, in place, what the chunks before it left."""
    since_start = (step.cumsum(2)[..., None] * A).exp_()  # (B, chunks, size, D, N)
    last, whole = h[:, :, -1].unbind(1), since_start[:, :, -1].unbind(1)
    for i in range(1, len(last)):
        last[i].addcmul_(whole[i], last[i - 1])
    h[:, 1:, :-1].addcmul_(since_start[:, 1:, :-1], h[:, :-1, -1:])


def _gradients(x: Tensor, step: Tensor, A: Tensor, b: Tensor, c: Tensor, g: Tensor) -> tuple[Tensor, ...]:
    """Return the gradients of x, step (B, L, D), A (D, N), b, c (B, L, N) from g = ∂loss/∂y (B, L, D)."""
    drive = step * x
    h, decay = _recurrence(step, A, drive, b)
    # The adjoint λ_t = c_t g_t + a_{t+1} λ_{t+1} is the same recurrence read from the end.
    later = F.pad(step[:, 1:], (0, 0, 0, 1))
    adjoint = _recurrence(later.flip(1), A, g.flip(1), c.flip(1))[0].flip(1)  # (B, L, D, N)
    dc, db = _over_channels(h, g), _over_channels(adjoint, drive)
    through_b = _over_states(adjoint, b)
    adjoint.mul_(decay)
    adjoint[:, 1:].mul_(h[:, :-1])  # λ_t a_t h_{t-1}
    adjoint[:, 0] = 0
    dstep = x * through_b + torch.einsum("bldn,dn->bld", adjoint, A)
    dA = torch.einsum("bldn,bld->dn", adjoint, step)
    return step * through_b, dstep, dA, db, dc


def _over_states(h: Tensor, weight: Tensor) -> Tensor:
    """Σ_n h (B, L, D, N) · weight (B, L, N) as (B, L, D)."""
    return torch.einsum("bldn,bln->bld", h, weight)


def _over_channels(h: Tensor, weight: Tensor) -> Tensor:
    """Σ_d h (B, L, D, N) · weight (B, L, D) as (B, L, N)."""
    return torch.einsum("bldn,bld->bln", h, weight)
