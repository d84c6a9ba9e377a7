"""Times the selective scan's implementations: `python -m almrr_core.bench.scan [--cuda] [--repeats N]`."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from almrr_core.models.scan import ScanPath, available_paths
from almrr_core.models.scan.dispatch import scan_of
from almrr_core.runtime.hardware import hardware_name

SHAPES = ((1, 384, 256, 16), (8, 384, 256, 16))  # batch, channels, steps, states: inference, training


def main(arguments: list[str] | None = None) -> None:
    """Print per shape and implementation the median times and how many times faster than the reference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuda", action="store_true", help="time on the first CUDA device")
    parser.add_argument("--repeats", type=int, default=15, help="runs per figure (the reference: 3)")
    options = parser.parse_args(arguments)
    device = torch.device("cuda" if options.cuda else "cpu")
    print(f"{hardware_name(device)}, torch {torch.__version__}")
    print(f"{'B, D, L, N':>18}  {'path':<10} {'forward':>10} {'ratio':>6}  {'fwd + bwd':>10} {'ratio':>6}")
    for shape in SHAPES:
        base: tuple[float, float] | None = None
        for path in _paths(device):
            repeats = 3 if path is ScanPath.REFERENCE else options.repeats
            times = _times(path, shape, device, repeats)
            base = base or times
            cells = "  ".join(f"{t * 1e3:7.2f} ms {b / t:5.0f}×" for t, b in zip(times, base, strict=True))
            print(f"{', '.join(map(str, shape)):>18}  {path:<10} {cells}", flush=True)


def _paths(device: torch.device) -> list[ScanPath]:
    other = ScanPath.NUMBA if device.type == "cuda" else ScanPath.MAMBA_SSM
    return [path for path in available_paths() if path is not other]


def _times(
    path: ScanPath, shape: tuple[int, int, int, int], device: torch.device, repeats: int
) -> tuple[float, float]:
    """Return the median seconds of the forward alone and of forward and backward."""
    scan = scan_of(path)
    inputs = _inputs(*shape, device)
    leaves = [t.clone().requires_grad_() for t in inputs]

    def forward() -> None:
        with torch.inference_mode():
            scan(*inputs, delta_softplus=True)

    def both() -> None:
        torch.autograd.grad(scan(*leaves, delta_softplus=True).sum(), leaves)

    return _median(forward, device, repeats), _median(both, device, repeats)


def _median(work: Callable[[], None], device: torch.device, repeats: int) -> float:
    work()  # compiles, fills caches
    seconds = []
    for _ in range(repeats):
        _wait(device)
        start = time.perf_counter()
        work()
        _wait(device)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def _inputs(batch: int, channels: int, length: int, states: int, device: torch.device) -> list[Tensor]:
    random = torch.Generator().manual_seed(0)
    big, small = (batch, channels, length), (batch, states, length)
    shapes = (big, big, (channels, states), small, small, (channels,), big, (channels,))
    tensors = [torch.randn(shape, generator=random).to(device) for shape in shapes]
    tensors[2] = -tensors[2].exp()
    tensors[7] -= 4  # Mamba starts with steps of 0.001 to 0.1
    return tensors


if __name__ == "__main__":
    main()
