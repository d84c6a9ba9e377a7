"""The rows of a review's queue as the log gives them: page after page, behind what is here already."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from almrr_core.errors import StationError
from almrr_core.types import LogRow
from app.services.faults import Faults
from app.services.review_values import Wanted
from app.services.tasks import Tasks

if TYPE_CHECKING:
    from almrr_core.store.store import Store

PAGE = 300  # rows at a time


class Pages(QObject):
    """One question at a time; an answer that belongs to a queue before is dropped."""

    came = Signal(object)  # tuple[LogRow, ...]: what follows; empty also where it could not be read

    def __init__(self, store: Store, tasks: Tasks, faults: Faults, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store, self._tasks, self._faults = store, tasks, faults
        self._wanted, self._generation = Wanted(), 0
        self._asking, self._next = False, 0  # how many rows are wanted behind those on their way
        self.more = False  # rows may follow

    @property
    def asking(self) -> bool:
        """Return whether rows are on their way."""
        return self._asking

    def begin(self, wanted: Wanted, done: Callable[[tuple[LogRow, ...]], None]) -> None:
        """Give `done` the first rows of a queue; without a product it is empty."""
        self._generation += 1
        self._wanted, self.more, self._asking, self._next = wanted, False, False, 0
        if wanted.product:
            self._ask(None, PAGE, done)
        else:
            done(())

    def follow(self, last: LogRow, limit: int) -> None:
        """Ask for so many rows behind `last`; where some are on their way already, behind those."""
        if self._asking:
            self._next = max(self._next, limit)
        elif self.more:
            self._ask(last, limit, self.came.emit)

    def _ask(self, after: LogRow | None, limit: int, done: Callable[[tuple[LogRow, ...]], None]) -> None:
        self._asking = True
        work = functools.partial(self._store.page, self._wanted.filter(), self._wanted.order, after, limit)
        answered = functools.partial(self._answered, self._generation, limit, done)
        self._tasks.run(work, answered, functools.partial(self._failed, self._generation), database=True)

    def _answered(
        self,
        generation: int,
        limit: int,
        done: Callable[[tuple[LogRow, ...]], None],
        rows: tuple[LogRow, ...],
    ) -> None:
        if generation != self._generation:
            return
        self._asking, self.more = False, len(rows) == limit
        wanted, self._next = self._next, 0
        if wanted and self.more:
            self._ask(rows[-1], wanted, self.came.emit)
        done(rows)

    def _failed(self, generation: int, error: StationError) -> None:
        self._faults.report(error)
        if generation == self._generation:
            self._asking, self._next = False, 0
            self.came.emit(())
