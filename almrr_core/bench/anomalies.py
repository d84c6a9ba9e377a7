"""Pictures per second of the simulated anomalies: `python -m almrr_core.bench.anomalies [--help]`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from almrr_core.data.anomalies import AnomalyOptions, rotate_normals, simulate
from almrr_core.data.families import HELD_OUT_FAMILIES, TRAIN_FAMILIES
from almrr_core.data.textures import FolderTextures, ProceduralTextures, TextureSource, procedural_textures


def main() -> None:
    """Print pictures per second for each family (every picture anomalous) and for the training mix."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=2.0, help="per line")
    parser.add_argument("--textures", type=Path, help="a folder; else the built-in textures")
    args = parser.parse_args()
    device = torch.device(args.device)
    generator = torch.Generator(device).manual_seed(0)
    source: TextureSource = (
        FolderTextures(args.textures, device) if args.textures else ProceduralTextures(device)
    )
    source.sample(1, args.size, generator)
    normals = procedural_textures(16, args.size, generator, device, "granite")
    print(f"{torch.get_num_threads()} threads, {device}, {args.size}×{args.size}")
    for family in (*TRAIN_FAMILIES, *HELD_OUT_FAMILIES):
        options = AnomalyOptions((family,), fraction=1.0)
        rate = _rate(partial(_anomalies, normals[:8], source, generator, options), args.seconds)
        print(f"{family.name:>10}  {rate:7.0f} pictures/s, all anomalous")
    for batch in (8, 16):
        rate = _rate(partial(_step, normals[:batch], source, generator), args.seconds)
        print(f"  batch {batch:2}  {rate:7.0f} pictures/s, training mix, half anomalous, normals rotated")


def _anomalies(
    normals: Tensor, source: TextureSource, generator: torch.Generator, options: AnomalyOptions
) -> Tensor:
    return simulate(normals, source, generator, options).masks


def _step(normals: Tensor, source: TextureSource, generator: torch.Generator) -> Tensor:
    return _anomalies(rotate_normals(normals, generator), source, generator, AnomalyOptions())


def _rate(work: Callable[[], Tensor], seconds: float) -> float:
    """Return pictures per second of `work`, which returns one mask a picture."""
    work()
    pictures, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        masks = work()
        pictures += len(masks)
        if masks.is_cuda:
            torch.cuda.synchronize()
    return pictures / passed


if __name__ == "__main__":
    main()
