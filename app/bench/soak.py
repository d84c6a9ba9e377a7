"""Runs the demo line and watches what the program holds: `python -m app.bench.soak --minutes 30`.

Memory is counted after the first 3 minutes; threads and handles must not grow; every part that was taken must
be in the log. It also says how long the program took from its start to the first verdict on the screen.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from almrr_core.types import LogFilter
from app.bench.drive import parts_of, running_program, until, wait_for
from app.compose import Program
from app.options import Options

SETTLED = 180.0  # s after which memory counts
EVERY = 10.0  # s between looks
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Look:
    """The process at one moment: seconds since the first part, MiB in use, threads, open handles, parts."""

    seconds: float
    memory: float
    threads: int
    handles: int
    parts: int


def main(arguments: list[str] | None = None) -> None:
    """Print memory, threads and handles over time, and whether every part was logged."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--bundle", type=Path, default=None)
    options = parser.parse_args(arguments)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="almrr-soak-") as name:
        folder = Path(name)
        with running_program(folder, Options(folder, demo=True, bundle=options.bundle)) as program:
            until(lambda: parts_of(program) >= 1)
            print(
                f"first verdict {time.monotonic() - begun:.1f} s after the start of the program", flush=True
            )
            looks = _watch(program, 60 * options.minutes)
            assert program.station is not None and program.store is not None
            program.station.stop()
            until(lambda: program.station is not None and not program.station.active)
            taken, logged = parts_of(program), program.store.count(LogFilter())
    _report(looks, taken, logged)


def _watch(program: Program, seconds: float) -> list[Look]:
    process, begun, looks = psutil.Process(), time.monotonic(), list[Look]()
    handles = process.num_handles if hasattr(process, "num_handles") else process.num_fds
    while (passed := time.monotonic() - begun) < seconds:
        memory = process.memory_info().rss / MIB
        looks.append(Look(passed, memory, process.num_threads(), handles(), parts_of(program)))
        wait_for(min(EVERY, seconds - passed))
    return looks


def _report(looks: list[Look], taken: int, logged: int) -> None:
    for look in looks[:: max(1, len(looks) // 10)]:
        print(
            f"{look.seconds:6.0f} s  {look.memory:7.1f} MiB  {look.threads} threads  "
            f"{look.handles} handles  {look.parts} parts"
        )
    settled = [look for look in looks if look.seconds >= SETTLED] or looks[-1:]
    growth = max(look.memory for look in settled) - settled[0].memory
    print(f"memory after the first 3 minutes grew by at most {growth:.1f} MiB (goal: <= 30)")
    threads = sorted({look.threads for look in settled})
    handles = sorted({look.handles for look in settled})
    print(f"threads {threads[0]}..{threads[-1]}, handles {handles[0]}..{handles[-1]}")
    print(f"parts taken {taken}, logged {logged}")


if __name__ == "__main__":
    main()
