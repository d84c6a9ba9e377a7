"""The queue of a review as plain values: rows, where one is, what was said in this session. No Qt."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from almrr_core.types import Label, LogRow

PACE_OF = 20  # the last pictures the pace is taken from
PAUSE = 60.0  # s: who takes longer was away


class Queue:
    """Rows in their order and the place in it."""

    def __init__(self) -> None:
        self.rows: list[LogRow] = []
        self._places: dict[int, int] = {}  # of each inspection in `rows`
        self.at = -1  # -1: no row

    @property
    def row(self) -> LogRow | None:
        """Return the row one is at."""
        return self.rows[self.at] if 0 <= self.at < len(self.rows) else None

    def fill(self, rows: Sequence[LogRow], keep: int | None) -> None:
        """Hold these rows and stay at inspection `keep`, or start at the first one."""
        self.rows, self._places = [], {}
        self.add(rows)
        self.at = max(self.index(keep), 0) if rows else -1

    def add(self, rows: Sequence[LogRow]) -> None:
        """Hold these rows too, behind the others; what is here already stays where it is."""
        for row in rows:
            if row.inspection_id not in self._places:
                self._places[row.inspection_id] = len(self.rows)
                self.rows.append(row)

    def index(self, inspection_id: int | None) -> int:
        """Return where an inspection is, -1 where it is not."""
        return -1 if inspection_id is None else self._places.get(inspection_id, -1)

    def next_open(self, after: int) -> int:
        """Return the next row without a label behind `after`, going round; -1 where there is none."""
        order = [*range(after + 1, len(self.rows)), *range(max(after, 0))]
        return next((at for at in order if self.rows[at].label is None), -1)

    def ahead(self, count: int) -> list[int]:
        """Return the ids that will most likely be wanted next: the next open ones, then the neighbours."""
        found, at = list[int](), self.at
        for _ in range(count):
            at = self.next_open(at)
            if at < 0 or at == self.at:
                break
            found.append(at)
        found += [near for near in (self.at + 1, self.at - 1) if 0 <= near < len(self.rows)]
        return [self.rows[one].inspection_id for one in dict.fromkeys(found)]

    def say(self, inspection_id: int, label: Label | None, defect_class: str) -> int:
        """Put a label into its row and return where that is, -1 where it is not in the queue."""
        at = self.index(inspection_id)
        if at >= 0:
            self.rows[at] = replace(self.rows[at], label=label, defect_class=defect_class)
        return at


class Session:
    """What was said since the program began, and how fast."""

    def __init__(self) -> None:
        self.said: list[int] = []  # inspection ids, the last one last: what can be taken back
        self._paces: deque[float] = deque(maxlen=PACE_OF)
        self._last: float | None = None

    @property
    def done(self) -> int:
        """Return how many parts have a label of this session."""
        return len(set(self.said))

    def say(self, inspection_id: int, now: float | None) -> None:
        """Note that something was said of a part; `now` in seconds of any clock, None for one of many."""
        if now is not None and self._last is not None and now - self._last < PAUSE:
            self._paces.append(now - self._last)
        self._last = now
        self.said.append(inspection_id)

    def forget(self, inspection_id: int) -> None:
        """Take the last word on a part out again: it was not written, or was taken back."""
        for at in range(len(self.said) - 1, -1, -1):
            if self.said[at] == inspection_id:
                del self.said[at]
                return

    def seconds(self, left: int) -> float | None:
        """Return how long `left` parts will take at this pace, None while nobody knows."""
        return statistics.median(self._paces) * left if len(self._paces) > 2 else None
