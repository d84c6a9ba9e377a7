"""One selective scan over several implementations: the fastest that is there and equals the reference."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from enum import StrEnum

import torch
from torch import Tensor

from almrr_core.models.scan import cuda, numba_cpu
from almrr_core.models.scan.chunked import selective_scan_chunked
from almrr_core.models.scan.cuda import selective_scan_mamba_ssm
from almrr_core.models.scan.numba_cpu import selective_scan_numba
from almrr_core.models.scan.reference import selective_scan_reference

_log = logging.getLogger(__name__)

PARITY_LIMIT = 1e-4  # largest relative difference from the reference that a path may show


class ScanPath(StrEnum):
    """The implementations of the scan."""

    REFERENCE = "reference"
    CHUNKED = "chunked"
    NUMBA = "numba"
    MAMBA_SSM = "mamba_ssm"


Scan = Callable[..., Tensor]  # with the signature of `selective_scan`

_SCANS: dict[ScanPath, Scan] = {
    ScanPath.REFERENCE: selective_scan_reference,
    ScanPath.CHUNKED: selective_scan_chunked,
    ScanPath.NUMBA: selective_scan_numba,
    ScanPath.MAMBA_SSM: selective_scan_mamba_ssm,
}


def selective_scan(
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
    """Return Mamba's selective scan of `u` (B, D, L) as (B, D, L), with the meaning of mamba-ssm's function.

    delta (B, D, L); A (D, N); B, C (B, N, L); D (D,); z (B, D, L) or None for no gate; delta_bias (D,)
    or None is added to delta before the softplus that `delta_softplus` asks for; all on one device.
    Gradients (once) flow to all of them. Half precision, autocast's too, is computed in float32; the result
    has the type of `u`.
    """
    if u.dtype in (torch.float16, torch.bfloat16):
        out = selective_scan(u.float(), delta, A, B, C, D, z, delta_bias, delta_softplus)
        return out.to(u.dtype)
    optional = (None if t is None else t.to(u.dtype) for t in (z, delta_bias))
    inputs = (u, *(t.to(u.dtype) for t in (delta, A, B, C, D)), *optional)
    with torch.autocast(u.device.type, enabled=False):
        return _SCANS[_path_for(u)](*inputs, delta_softplus=delta_softplus)


def available_paths() -> tuple[ScanPath, ...]:
    """Return the paths that can run here, the reference first."""
    paths = [ScanPath.REFERENCE, ScanPath.CHUNKED]
    if numba_cpu.AVAILABLE:
        paths.append(ScanPath.NUMBA)
    if cuda.mamba_ssm_scan() is not None:
        paths.append(ScanPath.MAMBA_SSM)
    return tuple(paths)


def scan_of(path: ScanPath) -> Scan:
    """Return one implementation, for comparisons and timings; it may need a device or type of its own."""
    return _SCANS[path]


def parity(path: ScanPath, device: torch.device | str | None = None) -> float:
    """Return the largest relative difference of `path` from the reference, on fresh random input.

    Over the output and the gradients of all eight inputs, each relative to the reference's largest
    magnitude; infinite where something is not finite. On `device`, by default CUDA for mamba-ssm, else CPU.
    """
    if device is None:
        device = "cuda" if path is ScanPath.MAMBA_SSM else "cpu"
    place = torch.device(device)
    no_inference = torch.inference_mode(False)  # the engine may ask first, from inside inference mode
    with no_inference, torch.enable_grad(), torch.autocast(place.type, enabled=False):
        inputs, weight = _fresh_input(place)
        ours, wanted = (_values_and_gradients(_SCANS[p], inputs, weight) for p in (path, ScanPath.REFERENCE))
    return max(_difference(a, b) for a, b in zip(ours, wanted, strict=True))


def _path_for(u: Tensor) -> ScanPath:
    if u.device.type == "cuda" and u.dtype == torch.float32 and _mamba_ssm_is_right():
        return ScanPath.MAMBA_SSM
    if u.device.type == "cpu" and u.dtype == torch.float32 and numba_cpu.AVAILABLE:
        return ScanPath.NUMBA
    return ScanPath.CHUNKED


@functools.cache
def _mamba_ssm_is_right() -> bool:
    """Compare mamba-ssm's kernel with the reference, once per process; a wrong one is not used."""
    if cuda.mamba_ssm_scan() is None:
        return False
    try:
        difference = parity(ScanPath.MAMBA_SSM)
    except RuntimeError as error:  # no kernel for this GPU, another ABI
        _log.warning("mamba-ssm's selective scan failed (%s); the scan runs in torch.", error)
        return False
    if difference > PARITY_LIMIT:
        _log.warning("mamba-ssm's selective scan is off by %.1e; the scan runs in torch.", difference)
        return False
    return True


def _fresh_input(device: torch.device) -> tuple[list[Tensor], Tensor]:
    """Return eight random inputs of odd sizes and a weight (B, D, L), from a generator of its own."""
    random = torch.Generator()
    random.seed()
    batch, channels, states, length = 2, 70, 16, 83

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random).to(device)

    big, small = (batch, channels, length), (batch, states, length)
    A = -torch.exp(normal(channels, states))
    inputs = [normal(*big), normal(*big), A, normal(*small), normal(*small), normal(channels), normal(*big)]
    return [*inputs, normal(channels) - 2], normal(*big)


def _values_and_gradients(scan: Scan, inputs: list[Tensor], weight: Tensor) -> list[Tensor]:
    leaves = [t.clone().requires_grad_() for t in inputs]
    out = scan(*leaves, delta_softplus=True)
    return [out.detach(), *torch.autograd.grad((out * weight).sum(), leaves)]


def _difference(ours: Tensor, wanted: Tensor) -> float:
    difference = ((ours - wanted).abs().max() / wanted.abs().max()).item()
    return difference if difference < float("inf") else float("inf")
