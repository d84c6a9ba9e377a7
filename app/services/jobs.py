"""One thing after the other: what changes the line is never done twice at once, and no wish is lost."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Signal

from almrr_core.errors import StationError
from app.services.faults import Faults
from app.services.tasks import Tasks

Work = Callable[[], Any]
_BROKEN = object()  # the result of work that a bug ended


@dataclass(frozen=True, slots=True)
class Job:
    """`prepare` runs on the GUI thread when its turn has come and returns the work, None for nothing to do.

    The work runs on a thread, `done` with its result on the GUI thread again. `text` is for people.
    """

    text: str
    prepare: Callable[[], Work | None]
    done: Callable[[Any], None]


class Jobs(QObject):
    """Runs jobs in the order they were added; a StationError is shown and the next one begins."""

    busy_changed = Signal(str)  # what is being done, "" when nothing is

    def __init__(self, tasks: Tasks, faults: Faults, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks, self._faults = tasks, faults
        self._waiting: deque[Job] = deque()
        self._now: Job | None = None

    @property
    def busy(self) -> str:
        """Return what is being done, "" for nothing."""
        return self._now.text if self._now else ""

    def add(self, text: str, prepare: Callable[[], Work | None], done: Callable[[Any], None]) -> None:
        """Do this after everything that waits already."""
        self._waiting.append(Job(text, prepare, done))
        if self._now is None:
            self._next()

    def add_work(self, text: str, work: Work, done: Callable[[Any], None]) -> None:
        """Do this work, whatever then is, after everything that waits already."""
        self.add(text, functools.partial(_same, work), done)

    def forget(self) -> None:
        """Drop what waits; what is being done ends."""
        self._waiting.clear()

    def _next(self) -> None:
        before, self._now = self.busy, None
        while self._waiting and self._now is None:
            job = self._waiting.popleft()
            work = job.prepare()
            if work is not None:
                self._now = job
                self._tasks.run(functools.partial(self._guarded, work), self._done, self._failed, line=True)
        if self.busy != before:
            self.busy_changed.emit(self.busy)

    def _guarded(self, work: Work) -> Any:
        """Do the work; a bug in it must not leave everything behind it waiting."""
        try:
            return work()
        except StationError:
            raise
        except Exception as error:
            self._faults.bug(error)
            return _BROKEN

    def _done(self, result: Any) -> None:
        job = self._now
        assert job is not None
        try:
            if result is not _BROKEN:
                job.done(result)
        except StationError as error:
            self._faults.report(error)
        finally:
            self._next()

    def _failed(self, error: StationError) -> None:
        self._faults.report(error)
        self._next()


def _same(work: Work) -> Work:
    return work
