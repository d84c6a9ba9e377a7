"""Times one picture through plain and fused model: `python -m almrr_core.bench.latency [--backbone NAME]`."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from almrr_core.models.almrr import WIDTHS, Almrr, Form, Profile
from almrr_core.models.backbone import BACKBONES, build_backbone
from almrr_core.runtime.engine import resolve_device
from almrr_core.runtime.fused import fuse
from almrr_core.runtime.hardware import hardware_name

WARM_UP = 3


def main(arguments: list[str] | None = None) -> None:
    """Print the median milliseconds per picture at batch 1, plain and fused, for random weights."""
    options = _parser().parse_args(arguments)
    device = resolve_device(options.device)
    if options.threads:
        torch.set_num_threads(options.threads)
    print(
        f"{hardware_name(device)}, torch {torch.__version__}, batch 1, {options.size} x {options.size} pixels"
    )
    print(f"{'model':<28} {'plain':>10} {'fused':>10} {'ratio':>6}")
    for form in [options.form] if options.form else list(Form):
        row = _row(options, form, device)
        print(f"{f'{options.profile} {form} {options.backbone}':<28} {row}", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", choices=BACKBONES, default="resnet18")
    parser.add_argument("--profile", type=Profile, choices=list(Profile), default=Profile.COMPACT)
    parser.add_argument("--form", type=Form, choices=list(Form), help="both when not given")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, help="of the CPU; torch's choice when not given")
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--size", type=int, default=256, help="side of the input in pixels")
    return parser


@torch.inference_mode()
def _row(options: argparse.Namespace, form: Form, device: torch.device) -> str:
    backbone = build_backbone(options.backbone)
    plain = Almrr(backbone, form, WIDTHS[options.profile], options.size).to(device).eval()
    fused = fuse(plain)
    picture = torch.rand(1, 3, options.size, options.size, device=device)
    # in turns, so that what else the machine does meets both alike
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(WARM_UP + options.repeats):
        for model, kept in zip((plain, fused), times, strict=True):
            seconds = _seconds(model, picture)
            kept.extend([seconds] if turn >= WARM_UP else [])
    before, after = (1e3 * statistics.median(kept) for kept in times)
    return f"{before:7.1f} ms {after:7.1f} ms {before / after:5.2f}×"


def _seconds(model: Callable[[Tensor], Tensor], picture: Tensor) -> float:
    _wait(picture.device)
    start = time.perf_counter()
    model(picture)
    _wait(picture.device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
