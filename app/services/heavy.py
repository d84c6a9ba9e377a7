"""Work of seconds to a minute: one at a time, on threads that give way to the line."""

from __future__ import annotations

import functools
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject

from almrr_core.errors import ErrorCode, StationError
from app.services.faults import Faults
from app.services.tasks import Tasks

Failed = Callable[[StationError], None] | None


@dataclass(frozen=True, slots=True)
class _Wanted:
    work: Callable[[], Any]
    done: Callable[[Any], None] | None
    failed: Failed


class Heavy(QObject):
    """Runs works in the order they were given; what they say goes where `Tasks` would take it."""

    def __init__(self, tasks: Tasks, faults: Faults, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks, self._faults = tasks, faults
        self._waiting: deque[_Wanted] = deque()
        self._now: _Wanted | None = None
        self._over = False
        self._idle = threading.Condition()
        self._running = 0

    @property
    def over(self) -> bool:
        """Return whether the program ends; long work asks this, from any thread."""
        return self._over

    def run(
        self, work: Callable[[], Any], done: Callable[[Any], None] | None = None, failed: Failed = None
    ) -> None:
        """Call `work` on a thread when its turn has come, then `done` or `failed` on the GUI thread."""
        self._waiting.append(_Wanted(work, done, failed))
        if self._now is None:
            self._next()

    def stop(self) -> None:
        """Begin nothing more, and let what runs end at its next look at `over`."""
        self._over = True
        self._waiting.clear()

    def wait(self) -> None:
        """Block until nothing runs any more; for the thread that then closes the log."""
        with self._idle:
            self._idle.wait_for(self._rests)

    def _rests(self) -> bool:
        return self._running == 0

    def _next(self) -> None:
        self._now = self._waiting.popleft() if self._waiting and not self._over else None
        if self._now is not None:
            work = functools.partial(self._guarded, self._now.work)
            self._tasks.run(work, self._done, self._failed, heavy=True)

    def _guarded(self, work: Callable[[], Any]) -> Any:
        """Do the work, and turn a bug into a fault: what waits behind it must have its turn."""
        with self._idle:
            self._running += 1
        try:
            if self._over:
                raise StationError(ErrorCode.TRAINING_CANCELLED, "The program ends.")
            return work()
        except StationError:
            raise
        except Exception as error:
            self._faults.bug(error)
            sentence = f"An error in the program ended this: {error}."
            raise StationError(ErrorCode.TRAINING_CANCELLED, sentence) from error
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    def _done(self, result: Any) -> None:
        now = self._now
        assert now is not None
        try:
            if now.done is not None and not self._over:
                now.done(result)
        finally:
            self._next()

    def _failed(self, error: StationError) -> None:
        now = self._now
        assert now is not None
        try:
            if not self._over:
                self._tell(now, error)
        finally:
            self._next()

    def _tell(self, now: _Wanted, error: StationError) -> None:
        if now.failed is not None:
            now.failed(error)
        elif error.code is not ErrorCode.TRAINING_CANCELLED:
            self._faults.report(error)
