"""The selective scan on CPU: numba kernels spread over threads, with gradients. float32.

The forward keeps only the state before every 16th step; the backward recomputes the rest, so nothing of
size O(B·D·L·N) is ever held. The kernels release the GIL and share no state, and a small pool of our own
runs them: numba's own threading layers abort when two Python threads enter at once (workqueue) or fight
with torch's OpenMP, while the line, a trainer and the window may all scan at the same time. The caller's
thread does one share itself, so nothing waits when `torch.get_num_threads()` is 1.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

try:
    from almrr_core.models.scan import numba_kernels as kernels
except ImportError:  # numba is not installed
    AVAILABLE = False
else:
    AVAILABLE = True

SMALL = 300_000  # elements B·D·L·N under which threads cost more than they give


def selective_scan_numba(
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
    """Return `selective_scan_reference` of the same float32 CPU tensors, (B, D, L); once differentiable.

    The first call on a machine compiles for some seconds, the first of a process loads that in
    a fraction of one. Needs numba (`AVAILABLE`).
    """
    inputs = (u, delta, A, B, C, D, z, delta_bias)
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in inputs):
        out: Tensor = _Scan.apply(delta_softplus, *inputs)  # type: ignore[no-untyped-call]
        return out
    return _forward(delta_softplus, _prepared(*inputs), keep=False)[0]


def _prepared(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    z: Tensor | None,
    delta_bias: Tensor | None,
) -> list[Tensor]:
    """Return contiguous detached tensors in the kernels' order, A scaled for exp2, absent ones filled in."""
    gate = u.new_empty(0, 0, 0) if z is None else z
    bias = torch.zeros_like(D) if delta_bias is None else delta_bias
    ordered = (u, delta, A.detach() * float(kernels.LOG2E), B, C, D, gate, bias)
    return [t.detach().contiguous() for t in ordered]


def _forward(softplus: bool, inputs: list[Tensor], keep: bool) -> tuple[Tensor, Tensor]:
    u, A = inputs[0], inputs[2]
    items, segments = _items(u), -(-u.shape[2] // kernels.SEGMENT)
    out = torch.empty_like(u)
    kept = u.new_empty((items, segments, A.shape[1], kernels.LANES) if keep else (0, 0, 0, 0))
    arrays = [t.numpy() for t in inputs]
    gate = inputs[6].numel() > 0
    _spread(
        kernels.scan_forward,
        items,
        u.numel() * A.shape[1],
        *arrays,
        softplus,
        gate,
        keep,
        out.numpy(),
        kept.numpy(),
    )
    return out, kept


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, softplus: bool, *inputs: Any) -> Tensor:
        prepared = _prepared(*inputs)
        out, kept = _forward(softplus, prepared, keep=True)
        ctx.save_for_backward(*prepared, kept)
        ctx.softplus, ctx.has_z, ctx.has_bias = softplus, inputs[6] is not None, inputs[7] is not None
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        *inputs, kept = ctx.saved_tensors
        u, A, B, z = inputs[0], inputs[2], inputs[3], inputs[6]
        (batch, channels, _), states = u.shape, A.shape[1]
        du, ddelta, dz = (torch.empty_like(t) for t in (u, u, z))
        dA = u.new_zeros(len(kept), states, kernels.LANES)
        dB, dC = (u.new_zeros(len(kept), *B.shape[1:]) for _ in range(2))
        dD = u.new_zeros(len(kept), kernels.LANES)
        arrays = [t.detach().numpy() for t in (kept, grad.contiguous(), du, ddelta, dz, dA, dB, dC, dD)]
        settings = (ctx.softplus, ctx.has_z)
        work = u.numel() * states
        _spread(kernels.scan_backward, len(kept), work, *(t.numpy() for t in inputs), *settings, *arrays)
        dB, dC = (t.view(batch, -1, *B.shape[1:]).sum(1) for t in (dB, dC))
        dA = dA.view(batch, -1, states, kernels.LANES).sum(0).transpose(1, 2).flatten(0, 1)[:channels]
        dD = dD.view(batch, -1).sum(0)[:channels]
        dbias = ddelta.sum((0, 2)) if ctx.has_bias else None
        return None, du, ddelta, dA, dB, dC, dD, dz if ctx.has_z else None, dbias


def _items(u: Tensor) -> int:
    return int(u.shape[0] * -(-u.shape[1] // kernels.LANES))


class _Pool:
    """Worker threads, made at first use, and made anew in a forked child, where threads do not live on.

    On Linux a thread keeps the niceness of the one that made it: callers of another one get other workers.
    """

    def __init__(self) -> None:
        self._forget()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._executors: dict[int, ThreadPoolExecutor] = {}

    def get(self) -> ThreadPoolExecutor:
        niceness = os.getpriority(os.PRIO_PROCESS, 0) if hasattr(os, "getpriority") else 0
        with self._lock:
            if niceness not in self._executors:
                workers = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="scan")
                self._executors[niceness] = workers
            return self._executors[niceness]


_pool = _Pool()


def _spread(kernel: Callable[..., None], items: int, work: int, *arguments: Any) -> None:
    """Run `kernel(*arguments, start, stop)` over all items; whichever thread is free takes the next few.

    Not equal shares: torch's OpenMP threads spin for a while after each operation, so a helper may get
    half a core or none, and then the caller does nearly everything instead of waiting.
    """
    threads = min(items, torch.get_num_threads()) if work > SMALL else 1
    few = max(1, items // (4 * threads)) if threads > 1 else items
    starts = itertools.count(0, few)  # next() is atomic

    def take() -> None:
        while (start := next(starts)) < items:
            kernel(*arguments, start, min(start + few, items))

    helpers = [_pool.get().submit(take) for _ in range(threads - 1)]
    take()
    for helper in helpers:
        if not helper.cancel():
            helper.result()
