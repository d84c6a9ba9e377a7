"""How far a long command is: a bar on a terminal, a line now and then elsewhere; always standard error."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from almrr_core.cli.console import say

EVERY = 30.0  # seconds between two lines where there is no terminal

Show = Callable[[float, str, str], None]  # (fraction done in 0..1, what is being done, details)


@contextmanager
def shown_progress() -> Iterator[Show]:
    """Yield a function to call as often as there is news."""
    dumb = os.environ.get("TERM") in ("dumb", "unknown")  # rich draws nothing there
    if sys.stderr is not None and sys.stderr.isatty() and not dumb:
        with _bar() as show:
            yield show
    else:
        yield _Lines()


@contextmanager
def _bar() -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[details]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=1.0, details="")

        def show(fraction: float, stage: str, details: str) -> None:
            progress.update(task, completed=fraction, description=stage, details=details)

        yield show


class _Lines:
    """A line at once when another stage begins, then every EVERY seconds."""

    def __init__(self) -> None:
        self._stage, self._next = "", 0.0

    def __call__(self, fraction: float, stage: str, details: str) -> None:
        now = time.monotonic()
        if stage == self._stage and now < self._next:
            return
        self._stage, self._next = stage, now + EVERY
        say(" · ".join(part for part in (stage, f"{fraction:.0%}" if fraction else "", details) if part))


def duration(seconds: float) -> str:
    """Return whole seconds as m:ss or h:mm:ss."""
    minutes, second = divmod(max(0, round(seconds)), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02}:{second:02}" if hour else f"{minute}:{second:02}"
