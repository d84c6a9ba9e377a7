"""mamba-ssm's compiled selective scan on CUDA (optional extra `[cuda]`)."""

from __future__ import annotations

import functools
import importlib
import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

_log = logging.getLogger(__name__)


@functools.cache
def mamba_ssm_scan() -> Callable[..., Any] | None:
    """Return mamba-ssm's `selective_scan_fn`, or None without a CUDA device or a working mamba-ssm.

    Its import fails in many ways (no compiled extension, another torch's ABI, another CUDA), so every
    exception counts as "not there"; anything but a plain absence is logged as a warning.
    """
    if not torch.cuda.is_available():
        return None
    try:
        module = importlib.import_module("mamba_ssm.ops.selective_scan_interface")
        scan: Callable[..., Any] = module.selective_scan_fn
    except Exception as error:
        if not (isinstance(error, ModuleNotFoundError) and error.name == "mamba_ssm"):
            _log.warning("mamba-ssm is installed but does not import (%s); the scan runs in torch.", error)
        return None
    return scan


def selective_scan_mamba_ssm(
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
    """Return `selective_scan_reference` of float32 CUDA tensors, (B, D, L), by mamba-ssm's kernel."""
    scan = mamba_ssm_scan()
    if scan is None:
        raise RuntimeError("mamba-ssm's selective scan is not available here")
    out: Tensor = scan(u, delta, A, B, C, D, z, delta_bias, delta_softplus)
    return out
