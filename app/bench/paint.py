"""Watches the window while the line inspects 5 MP frames as fast as it can: `python -m app.bench.paint`.

The whole program runs on a replay of 5 MP pictures without a pause. A paint is one update of the window, from
Qt's request to the pixels; a stall is the longest time the event loop did not come round. The model is the
shipped demo's, or that of `--bundle`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QWidget

from almrr_core.imaging import write_png
from almrr_core.settings import Keep, Retention, Settings, SourceKind, SourceSettings, save_settings
from app.bench.drive import parts_of, running_program, until, wait_for
from app.bench.limits import surface
from app.options import Options

HEIGHT, WIDTH, PICTURES = 1944, 2592, 6
BEAT = 5  # ms between looks at the clock
GOAL_PAINT, GOAL_STALL = 33.0, 100.0


@dataclass(frozen=True, slots=True)
class Watched:
    """Milliseconds of paints (by the clock, and CPU) and of rounds of the event loop; parts meanwhile."""

    paints: tuple[float, ...]
    cpu: tuple[float, ...]
    rounds: tuple[float, ...]
    parts: int
    seconds: float


class Watcher(QObject):
    """Times the updates of a window, and the rounds of the event loop by a beat of 5 ms."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.paints: list[float] = []
        self.cpu: list[float] = []
        self.rounds: list[float] = []
        self._window, self._last = window, time.perf_counter()
        self._beat = QTimer(self, interval=BEAT)
        self._beat.timeout.connect(self._round)
        self._beat.start()
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Let the window handle its update here, between two looks at the clock."""
        if event.type() is not QEvent.Type.UpdateRequest:
            return False
        begin, busy = time.perf_counter(), time.thread_time()
        watched.event(event)
        self.cpu.append(1000 * (time.thread_time() - busy))
        self.paints.append(1000 * (time.perf_counter() - begin))
        return True

    def stop(self) -> None:
        """Watch no more."""
        self._beat.stop()
        self._window.removeEventFilter(self)

    def _round(self) -> None:
        now = time.perf_counter()
        self.rounds.append(1000 * (now - self._last))
        self._last = now


def main(arguments: list[str] | None = None) -> None:
    """Print how long paints took and the loop stalled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--bundle", type=Path, default=None)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="almrr-paint-") as folder:
        found = watch(Path(folder), options.seconds, options.bundle)
    middle, most = np.percentile(found.paints, [50, 99])
    print(
        f"{WIDTH} x {HEIGHT} frames, {found.parts} parts in {found.seconds:.0f} s, {len(found.paints)} paints"
    )
    print(f"paint p50 {middle:.1f} ms, p99 {most:.1f} ms (goal: p99 <= {GOAL_PAINT:.0f} ms)")
    cpu = np.percentile(found.cpu, [50, 99])
    print(f"CPU time of a paint p50 {cpu[0]:.1f} ms, p99 {cpu[1]:.1f} ms")
    late = np.percentile(found.rounds, 99)
    print(f"event loop p99 {late:.1f} ms, longest {max(found.rounds):.1f} ms (goal: <= {GOAL_STALL:.0f} ms)")


def watch(folder: Path, seconds: float, bundle: Path | None) -> Watched:
    """Run the program on `folder` for a while, and close it."""
    _prepare(folder)
    with running_program(
        folder / "station", Options(folder / "station", demo=True, bundle=bundle)
    ) as program:
        until(lambda: parts_of(program) >= 3)
        watcher = Watcher(program.window)
        before = parts_of(program)
        wait_for(seconds)
        watcher.stop()
        parts = parts_of(program) - before
    return Watched(tuple(watcher.paints), tuple(watcher.cpu), tuple(watcher.rounds), parts, seconds)


def _prepare(folder: Path) -> None:
    """Write 5 MP pictures, and settings whose demo line replays them without a pause and keeps no PASS."""
    pictures = folder / "pictures"
    pictures.mkdir()
    (folder / "station").mkdir()
    for number in range(PICTURES):
        square = np.roll(surface(WIDTH), 40 * number, axis=1)
        write_png(pictures / f"{number}.png", np.ascontiguousarray(square[:HEIGHT]))
    source = SourceSettings("demo", SourceKind.REPLAY, str(pictures), rate=0.0, loop=True)
    kept = Retention(keep=Keep.NOT_PASS)
    settings = replace(Settings(), sources=(source,), retention=kept, first_start_done=True)
    save_settings(folder / "station", settings)


if __name__ == "__main__":
    main()
