"""The loops behind `numba_cpu`, compiled by numba: one item is a picture × a block of LANES channels.

Every inner loop runs over the LANES channels of a block, side by side in scratch arrays laid out (time, lane)
and (state, lane), so that LLVM makes SIMD code of whatever width the processor has. Channels past the last one
are lanes of zeros. Loops that would need too many alias checks to be vectorised are split. Compiled code is
cached in NUMBA_CACHE_DIR, else in the user's cache folder (`platformdirs.user_cache_path("almrr")/numba`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numba
import numpy as np
import platformdirs
from numpy.typing import NDArray

Array = NDArray[np.float32]  # C-contiguous

LANES = 64  # channels per block
SEGMENT = 16  # steps between two kept states
TILE = 16  # channels transposed together


def _cache_folder_works() -> bool:
    """Name the cache folder to numba, here and in child processes; False when it cannot be written."""
    folder = os.environ.get("NUMBA_CACHE_DIR") or str(platformdirs.user_cache_path("almrr") / "numba")
    os.environ["NUMBA_CACHE_DIR"] = folder
    numba.config.CACHE_DIR = folder  # type: ignore[attr-defined]  # numba read the variable when imported
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


# `reassoc`: sums in SIMD lanes, `contract`: fused multiply-adds; NaN and infinity keep their meaning.
_FAST = {"contract", "reassoc", "nsz", "arcp"}
_helper = numba.njit(nogil=True, fastmath=_FAST, error_model="numpy")
_kernel = numba.njit(nogil=True, fastmath=_FAST, error_model="numpy", cache=_cache_folder_works())

_0, _1, _2 = np.float32(0), np.float32(1), np.float32(2)
LOG2E, LN2 = np.float32(1.4426950408889634), np.float32(0.6931471805599453)
_LOW, _HIGH = np.float32(-126), np.float32(127.49)
# 2**f on ±½, least squares of the relative error (8e-8); the odd terms of atanh.
_P0, _P1, _P2 = np.float32(1.00000007), np.float32(0.693146949), np.float32(0.240221218)
_P3, _P4, _P5 = np.float32(0.0555074262), np.float32(0.00967545975), np.float32(0.00132669704)
_S1, _S2, _S3, _S4, _S5, _S6 = (np.float32(1 / k) for k in (3, 5, 7, 9, 11, 13))


@_helper
def _exp2(t: Any) -> Any:
    """2**t for float32 to 2e-7 relative; clamped to 2**-126 and 2**127.49."""
    t = min(max(t, _LOW), _HIGH)
    whole = np.rint(t)
    f = t - whole
    p = _P0 + f * (_P1 + f * (_P2 + f * (_P3 + f * (_P4 + f * _P5))))
    return p * np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32)


@_helper
def _softplus(x: Any) -> Any:
    """log(1 + exp(x)) to 5e-7 relative also where it is tiny: log1p(e) = 2 atanh(e / (2 + e)), a series."""
    e = _exp2(-abs(x) * LOG2E)
    s = e / (_2 + e)
    q = s * s
    series = _1 + q * (_S1 + q * (_S2 + q * (_S3 + q * (_S4 + q * (_S5 + q * _S6)))))
    return max(x, _0) + _2 * s * series


@_helper
def _sigmoid(x: Any) -> Any:
    return _1 / (_1 + _exp2(-x * LOG2E))


@_helper
def _transpose(source: Array, target: Array) -> None:
    """Write source (n, m) into the first n columns of target (m, …)."""
    for low in range(0, len(source) - TILE + 1, TILE):  # a constant width: 7× as fast as row after row
        for t in range(len(target)):
            for i in range(TILE):
                target[t, low + i] = source[low + i, t]
    for i in range(len(source) - len(source) % TILE, len(source)):
        for t in range(len(target)):
            target[t, i] = source[i, t]


@_helper
def _load(source: Array, first: int, target: Array) -> None:
    """Transpose channels `first`… of (D, L) into (L, LANES), zeros past the last channel."""
    if first + LANES > len(source):
        target[:] = _0
    _transpose(source[first : first + LANES], target)


@_helper
def _store(source: Array, target: Array, first: int) -> None:
    """Transpose (L, LANES) back into the channels `first`… of (D, L)."""
    _transpose(source, target[first : first + LANES])


@_helper
def _load_channels(A2: Array, bias: Array, D: Array, first: int, a: Array, per_lane: Array) -> None:
    """Fill a (N, LANES) with A2 (D, N) transposed and per_lane (2, LANES) with bias and D."""
    a[:] = _0
    per_lane[:] = _0
    for i in range(min(LANES, D.size - first)):
        per_lane[0, i] = bias[first + i]
        per_lane[1, i] = D[first + i]
        for n in range(A2.shape[1]):
            a[n, i] = A2[first + i, n]


@_helper
def _discretise(step: Array, u: Array, bias: Array, softplus: bool, drive: Array) -> None:
    """Turn raw delta in `step` (L, LANES) into Δ, in place, and write drive = Δ u."""
    for t in range(step.shape[0]):
        for i in range(LANES):
            raw = step[t, i] + bias[i]
            step[t, i] = _softplus(raw) if softplus else raw
            drive[t, i] = step[t, i] * u[t, i]


@_helper
def _forward_step(
    t: int, h: Array, u: Array, step: Array, drive: Array, a: Array, b: Array, c: Array, D: Array, y: Array
) -> None:  # fmt: skip
    """Advance h (N, LANES) by the step t and write y[t] = C_t · h + D u_t."""
    for i in range(LANES):
        y[t, i] = D[i] * u[t, i]
    for n in range(h.shape[0]):
        b_t, c_t = b[n, t], c[n, t]
        for i in range(LANES):
            new = _exp2(step[t, i] * a[n, i]) * h[n, i] + drive[t, i] * b_t
            h[n, i] = new
            y[t, i] += c_t * new


@_helper
def _gate(y: Array, z: Array) -> None:
    """y ← y SiLU(z)."""
    for t in range(y.shape[0]):
        for i in range(LANES):
            y[t, i] *= z[t, i] * _sigmoid(z[t, i])


@_kernel
def scan_forward(
    u: Array, delta: Array, A2: Array, B: Array, C: Array, D: Array, z: Array, bias: Array,
    softplus: bool, gate: bool, keep: bool, out: Array, kept: Array, start: int, stop: int,
) -> None:  # fmt: skip
    """Scan the items start..stop into `out` (B, D, L).

    A2 (D, N) is A · log2(e); `z` counts when `gate`; with `keep` the state before every SEGMENT steps
    goes into `kept` (items, segments, N, LANES).
    """
    length, blocks = u.shape[2], -(-D.size // LANES)
    scratch = np.empty((4, length, LANES), np.float32)
    x, step, drive, y = scratch[0], scratch[1], scratch[2], scratch[3]
    a, h = np.empty((A2.shape[1], LANES), np.float32), np.empty((A2.shape[1], LANES), np.float32)
    lane = np.empty((2, LANES), np.float32)
    for item in range(start, stop):
        p, first = item // blocks, item % blocks * LANES
        _load(u[p], first, x)
        _load(delta[p], first, step)
        _load_channels(A2, bias, D, first, a, lane)
        _discretise(step, x, lane[0], softplus, drive)
        h[:] = _0
        for t in range(length):
            if keep and t % SEGMENT == 0:
                kept[item, t // SEGMENT] = h
            _forward_step(t, h, x, step, drive, a, B[p], C[p], lane[1], y)
        if gate:
            _load(z[p], first, step)
            _gate(y, step)
        _store(y, out[p], first)


@_helper
def _replay(
    t0: int, t1: int, hs: Array, decay: Array, u: Array, step: Array, drive: Array, a: Array, b: Array,
    c: Array, D: Array, y: Array,
) -> None:  # fmt: skip
    """From the state hs[0] recompute the states after and the decays of the steps t0..t1, and y."""
    for t in range(t0, t1):
        k = t - t0
        for i in range(LANES):
            y[t, i] = D[i] * u[t, i]
        for n in range(a.shape[0]):
            b_t, c_t = b[n, t], c[n, t]
            for i in range(LANES):
                decay[k, n, i] = _exp2(step[t, i] * a[n, i])
            for i in range(LANES):
                new = decay[k, n, i] * hs[k, n, i] + drive[t, i] * b_t
                hs[k + 1, n, i] = new
                y[t, i] += c_t * new


@_helper
def _backward_step(
    k: int, t: int, hs: Array, decay: Array, step: Array, drive: Array, a: Array, b: Array, c: Array,
    dy: Array, adjoint: Array, q: Array, sum_b: Array, sum_a: Array, dA: Array, dB: Array, dC: Array,
) -> None:  # fmt: skip
    """Take the adjoint of the state (N, LANES) from after step t to before it, summing gradients.

    With λ the adjoint after the step: sum_b = Σ_n λ B, sum_a = Σ_n λ a h_before A2, and the gradients of A
    (N, LANES) and, summed over the lanes, of B and C (N, L).
    """
    sum_b[:] = _0
    sum_a[:] = _0
    for n in range(a.shape[0]):
        b_t, c_t, db, dc = b[n, t], c[n, t], _0, _0
        for i in range(LANES):
            lam = adjoint[n, i] + c_t * dy[t, i]
            adjoint[n, i] = lam
            dc += dy[t, i] * hs[k + 1, n, i]
            db += lam * drive[t, i]
            sum_b[i] += lam * b_t
        dB[n, t] += db
        dC[n, t] += dc
        for i in range(LANES):
            adjoint[n, i] *= decay[k, n, i]
            q[i] = adjoint[n, i] * hs[k, n, i]
        for i in range(LANES):
            dA[n, i] += q[i] * step[t, i]
            sum_a[i] += q[i] * a[n, i]


@_helper
def _inputs_step(
    t: int, sum_b: Array, sum_a: Array, x: Array, raw: Array, step: Array, dy: Array, lane: Array,
    softplus: bool, dx: Array, dD: Array,
) -> None:  # fmt: skip
    """Write the gradients of u into dx[t] and of raw delta over raw[t], and add to that of D."""
    for i in range(LANES):
        raw[t, i] = _sigmoid(raw[t, i] + lane[0, i]) if softplus else _1
    for i in range(LANES):
        raw[t, i] *= x[t, i] * sum_b[i] + sum_a[i] * LN2
    for i in range(LANES):
        dx[t, i] = dy[t, i] * lane[1, i] + step[t, i] * sum_b[i]
        dD[i] += dy[t, i] * x[t, i]


@_helper
def _ungate(t0: int, t1: int, g: Array, z: Array, y: Array, dz: Array) -> None:
    """dz = g y SiLU'(z) for the steps t0..t1, all (L, LANES)."""
    for t in range(t0, t1):
        for i in range(LANES):
            s = _sigmoid(z[t, i])
            dz[t, i] = g[t, i] * y[t, i] * s * (_1 + z[t, i] * (_1 - s))


@_kernel
def scan_backward(
    u: Array, delta: Array, A2: Array, B: Array, C: Array, D: Array, z: Array, bias: Array,
    softplus: bool, gate: bool, kept: Array, g: Array, du: Array, ddelta: Array, dz: Array,
    dA: Array, dB: Array, dC: Array, dD: Array, start: int, stop: int,
) -> None:  # fmt: skip
    """Gradients for the items start..stop from `g` = ∂loss/∂out (B, D, L) and what the forward kept."""
    # dA (items, N, LANES), dD (items, LANES), dB, dC (items, N, L) come zeroed; the caller sums them up
    length, states, blocks = u.shape[2], A2.shape[1], -(-D.size // LANES)
    scratch = np.empty((9, length, LANES), np.float32)
    x, raw, step, drive, y = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    go, dy, gating, dgate = scratch[5], scratch[6], scratch[7], scratch[8]
    a, adjoint = np.empty((states, LANES), np.float32), np.empty((states, LANES), np.float32)
    hs = np.empty((SEGMENT + 1, states, LANES), np.float32)
    decay = np.empty((SEGMENT, states, LANES), np.float32)
    lane, sums = np.empty((2, LANES), np.float32), np.empty((3, LANES), np.float32)
    for item in range(start, stop):
        p, first = item // blocks, item % blocks * LANES
        _load(u[p], first, x)
        _load(delta[p], first, raw)
        _load(g[p], first, go)
        _load_channels(A2, bias, D, first, a, lane)
        step[:] = raw
        _discretise(step, x, lane[0], softplus, drive)
        dy[:] = go
        if gate:
            _load(z[p], first, gating)
            _gate(dy, gating)
        adjoint[:] = _0
        for segment in range(kept.shape[1] - 1, -1, -1):
            t0, t1 = segment * SEGMENT, min(length, (segment + 1) * SEGMENT)
            hs[0] = kept[item, segment]
            _replay(t0, t1, hs, decay, x, step, drive, a, B[p], C[p], lane[1], y)
            if gate:
                _ungate(t0, t1, go, gating, y, dgate)
            for t in range(t1 - 1, t0 - 1, -1):
                _backward_step(
                    t - t0, t, hs, decay, step, drive, a, B[p], C[p], dy, adjoint,
                    sums[2], sums[0], sums[1], dA[item], dB[item], dC[item],
                )  # fmt: skip
                _inputs_step(t, sums[0], sums[1], x, raw, step, dy, lane, softplus, go, dD[item])
        _store(go, du[p], first)
        _store(raw, ddelta[p], first)
        if gate:
            _store(dgate, dz[p], first)
