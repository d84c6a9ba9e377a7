"""Runs the whole program without a person, for the benchmarks of the window."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtCore import QEventLoop, QTimer

from app.compose import Program, make_application
from app.options import Options

PATIENCE = 120.0  # s for what should take moments


@contextmanager
def running_program(folder: Path, options: Options, size: tuple[int, int] = (1366, 768)) -> Iterator[Program]:
    """Yield the program with its window open on the data folder, and close both cleanly."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    program = Program(make_application(), folder, folder / "station.log", options)
    program.window.resize(*size)
    program.window.show()
    try:
        yield program
    finally:
        if program.station is not None:
            program.station.close(True)
            until(lambda: program.window.over)
        program.end()


def parts_of(program: Program) -> int:
    """Return how many parts the line has had since the program started."""
    return program.station.counts_since_reset.total if program.station is not None else 0


def wait_for(seconds: float) -> None:
    """Run the event loop for a while."""
    last = time.monotonic() + seconds
    until(lambda: time.monotonic() >= last, seconds + PATIENCE)


def until(done: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Run the event loop until something is so; raises TimeoutError."""
    loop, timer, last = QEventLoop(), QTimer(), time.monotonic() + patience

    def look() -> None:
        if done() or time.monotonic() > last:
            loop.quit()

    timer.timeout.connect(look)
    timer.start(20)
    loop.exec()
    if time.monotonic() > last:
        raise TimeoutError("the program did not get as far as it should")
