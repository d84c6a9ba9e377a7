"""How far a review is: the session's pace, and what the log counts when nobody has spoken for a moment."""

from __future__ import annotations

import functools
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from app.services import review_work as work_on
from app.services.review_queue import Session
from app.services.review_values import Progress, Wanted
from app.services.tasks import Tasks

if TYPE_CHECKING:
    from almrr_core.store.store import Store

COUNT_REST = 400  # ms after the last word until the log is counted again


class Tracker(QObject):
    """Counts down what is left at once, and exactly a moment later."""

    progressed = Signal(object)  # Progress

    def __init__(self, store: Store, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store, self._tasks = store, tasks
        self._wanted, self._session = Wanted(), Session()
        self.progress = Progress()
        self._rest = QTimer(self, singleShot=True, interval=COUNT_REST)
        self._rest.timeout.connect(self.count)

    @property
    def last(self) -> int | None:
        """Return the inspection something was said of last, None where nothing can be taken back."""
        return self._session.said[-1] if self._session.said else None

    def follow(self, wanted: Wanted) -> None:
        """Count this queue from now on."""
        self._wanted = wanted
        self.count()

    def say(self, inspection_id: int, was_open: bool, by_itself: bool) -> None:
        """Note a word; the pace is taken from those that a person gave one by one."""
        self._session.say(inspection_id, time.monotonic() if by_itself else None)
        self._say(max(self.progress.left - was_open, 0))

    def forget(self, inspection_id: int, is_open: bool) -> None:
        """Take the last word on a part out again: it was not written, or was taken back."""
        self._session.forget(inspection_id)
        self._say(self.progress.left + is_open)

    def settle(self) -> None:
        """Count when nothing more has come for a moment."""
        self._rest.start()

    def count(self) -> None:
        """Count what is left and what contradicts the verdicts."""
        if self._wanted.product:
            work = functools.partial(work_on.count, self._store, self._wanted)
            self._tasks.run(work, functools.partial(self._counted, self._wanted))

    def _counted(self, wanted: Wanted, counted: tuple[int, int, int]) -> None:
        if wanted == self._wanted:
            self.progress = replace(self.progress, escapes=counted[1], false_rejects=counted[2])
            self._say(counted[0])

    def _say(self, left: int) -> None:
        seconds = self._session.seconds(left)
        self.progress = replace(self.progress, done=self._session.done, left=left, seconds=seconds)
        self.progressed.emit(self.progress)
