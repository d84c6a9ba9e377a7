"""The newest rows of the log's filter: for the small trend, and to notice what the line adds meanwhile.

One question at a time, one a second at most, and only while the page is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

from PySide6.QtCore import QObject, QTimer, Signal

from almrr_core.errors import StationError
from almrr_core.types import LineStatus, LogFilter, LogRow

NEWEST = 200  # rows asked for at a time
PAUSE = 1000  # ms from an answer to the next question
MARGIN = timedelta(seconds=5)  # verdicts may be logged in another order than they were decided


class Newest(Protocol):
    """What is needed of the history service."""

    def trend(
        self,
        wanted: LogFilter,
        limit: int,
        done: Callable[[tuple[LogRow, ...]], None],
        failed: Callable[[StationError], None] | None = None,
    ) -> None:
        """Answer with the last `limit` rows, oldest first, later, on the GUI thread."""


@dataclass(frozen=True, slots=True)
class News:
    """Rows of any verdict newer than the known one, newest first; not `complete` when there may be more."""

    rows: tuple[LogRow, ...]
    complete: bool


class LogWatch(QObject):
    """Says the trend of a filter once, then rows newer than the known one each time the line recorded some."""

    trended = Signal(object)  # tuple[LogRow, ...], oldest first
    came = Signal(object)  # News

    def __init__(self, newest: Newest, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._newest = newest
        self._wanted, self._known, self._since = LogFilter(), 0, datetime.now(UTC)
        self._generation, self._recorded = 0, -1
        self._listening = self._waiting = self._stale = False
        self._pause = QTimer(self, singleShot=True, interval=PAUSE)
        self._pause.timeout.connect(self._ask_again)

    def follow(self, wanted: LogFilter) -> None:
        """Ask for the trend of a filter, then watch for rows after it."""
        self._wanted, self._known = wanted, 0
        self._since = datetime.now(UTC) - MARGIN
        self._question(wanted, self._trend)

    def known(self, newest: LogRow | None) -> None:
        """Say which row is the newest on the screen: only what is newer is news."""
        if newest is not None:
            self._known, self._since = newest.inspection_id, newest.at - MARGIN

    def listen(self, listening: bool) -> None:
        """Ask, or be quiet while nobody looks."""
        self._listening = listening
        if listening and self._stale:
            self._ask()

    def line_said(self, status: LineStatus) -> None:
        """Take the line's status: rows came when its number of recorded parts changed."""
        if status.recorded != self._recorded:
            self._recorded, self._stale = status.recorded, True
            if not self._pause.isActive():
                self._ask()

    def _ask_again(self) -> None:
        if self._stale:
            self._ask()

    def _ask(self) -> None:
        if self._waiting or not self._listening or self._wanted.until is not None:
            return
        self._stale = False
        since = max(self._since, self._wanted.since) if self._wanted.since else self._since
        self._question(replace(self._wanted, since=since, verdicts=()), self._news)

    def _question(self, wanted: LogFilter, use: Callable[[tuple[LogRow, ...]], None]) -> None:
        self._generation += 1
        self._waiting = True
        done = partial(self._received, self._generation, use)
        self._newest.trend(wanted, NEWEST, done, partial(self._failed, self._generation))

    def _received(
        self, generation: int, use: Callable[[tuple[LogRow, ...]], None], rows: tuple[LogRow, ...]
    ) -> None:
        if generation != self._generation:
            return
        self._rest()
        use(rows)

    def _failed(self, generation: int, _error: StationError) -> None:
        if generation == self._generation:  # the table's own question says what is wrong
            self._rest()

    def _rest(self) -> None:
        self._waiting = False
        self._pause.start()

    def _trend(self, rows: tuple[LogRow, ...]) -> None:
        self.trended.emit(rows)

    def _news(self, rows: tuple[LogRow, ...]) -> None:
        news = tuple(row for row in reversed(rows) if row.inspection_id > self._known)
        if news:
            self.came.emit(News(news, complete=len(news) < NEWEST))
