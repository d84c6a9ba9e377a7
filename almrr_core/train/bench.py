"""Pictures per second and peak memory of training on this machine.

`python -m almrr_core.train.bench DATA --weights DIR [--textures DIR] [--steps N]`
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import torch

from almrr_core.runtime.hardware import hardware_name
from almrr_core.train.job import Progress, Stage, TrainJob
from almrr_core.train.loop import train


def peak_memory_gib() -> float:
    """Return this process's peak resident memory in GiB, NaN where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 30 if sys.platform == "darwin" else 1 << 20)


def main() -> None:
    """Train `--steps` steps and print the pace after the first ten, and the peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--textures", type=Path)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=8)
    given = parser.parse_args()
    marks: list[Progress] = []

    def keep(progress: Progress) -> None:
        if progress.stage is Stage.TRAINING:
            marks.append(progress)

    with tempfile.TemporaryDirectory() as folder:
        job = TrainJob(
            given.data,
            Path(folder) / "bundle",
            weights=given.weights,
            textures=given.textures,
            backbone_seed=None if given.weights else 0,
            steps=given.steps,
            batch=given.batch,
        )
        train(job, keep)
    first, last = marks[min(10, len(marks) - 1)], marks[-1]
    pace = (last.step - first.step) * given.batch / max(last.seconds - first.seconds, 1e-9)
    print(f"{hardware_name(torch.device('cpu'))}")
    print(f"compact, batch {given.batch}: {pace:.1f} pictures/s, peak memory {peak_memory_gib():.2f} GiB")


if __name__ == "__main__":
    main()
