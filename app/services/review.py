"""Review: the queue of what was flagged, what a person says of it, and taking it back.

What is said stands on the screen at once and is written on the database worker, one word after the other; a
word that could not be written is a fault, and its part is open again.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSignalBlocker, Signal

from almrr_core.errors import StationError
from almrr_core.types import Actor, DefectClass, Label, LabelRow, LogRow, Mask, Picture
from app.services import review_work as work_on
from app.services.faults import Faults
from app.services.prefetch import Prefetch
from app.services.review_pages import PAGE, Pages
from app.services.review_progress import Tracker
from app.services.review_queue import Queue
from app.services.review_values import FLAGGED, Opened, Progress, Wanted
from app.services.tasks import Tasks

if TYPE_CHECKING:
    from almrr_core.store.store import Store

AHEAD = 2  # pictures read ahead


class Review(QObject):
    """One queue with a place in it. Everything it says comes on the GUI thread."""

    queue_changed = Signal(object)  # tuple[LogRow, ...]
    row_changed = Signal(int)  # its place in the queue
    moved = Signal(int)  # the place in the queue, -1 for none
    opened = Signal(object)  # Opened: the picture of the place one is at
    thumbnailed = Signal(int)  # inspection id
    progressed = Signal(object)  # Progress
    classes_changed = Signal(object)  # tuple[DefectClass, ...]
    labelled = Signal(int)  # inspection id: it is in the log

    def __init__(
        self, store: Store, tasks: Tasks, faults: Faults, actor: Actor, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._store, self._tasks, self._faults, self._actor = store, tasks, faults, actor
        self._queue, self._tracker = Queue(), Tracker(store, tasks, self)
        self._pictures, self._pages = Prefetch(store, tasks, self), Pages(store, tasks, faults, self)
        self._wanted = Wanted()
        self._classes: tuple[DefectClass, ...] = ()
        self._words: Counter[int] = Counter()  # said of each part in this session
        self._seeking = False  # an open part, among the rows on their way
        self.auto_advance = True
        self._tracker.progressed.connect(self.progressed)
        self._pages.came.connect(self._fetched)
        self._pictures.opened.connect(self._read)
        self._pictures.failed.connect(self._unreadable)
        self._pictures.thumbnailed.connect(self.thumbnailed)

    @property
    def wanted(self) -> Wanted:
        """Return what the queue holds."""
        return self._wanted

    @property
    def rows(self) -> tuple[LogRow, ...]:
        """Return the queue."""
        return tuple(self._queue.rows)

    @property
    def more(self) -> bool:
        """Return whether the log holds more of the queue than is here; `fetch_more` brings it."""
        return self._pages.more

    @property
    def fetching(self) -> bool:
        """Return whether rows are on their way."""
        return self._pages.asking

    @property
    def at(self) -> int:
        """Return the place in the queue, -1 for none."""
        return self._queue.at

    @property
    def row(self) -> LogRow | None:
        """Return the part one is at."""
        return self._queue.row

    @property
    def classes(self) -> tuple[DefectClass, ...]:
        """Return the product's defect classes."""
        return self._classes

    @property
    def progress(self) -> Progress:
        """Return how far the review is."""
        return self._tracker.progress

    @property
    def can_undo(self) -> bool:
        """Return whether something said in this session can be taken back."""
        return self._tracker.last is not None

    def thumbnail(self, inspection_id: int) -> Picture | None:
        """Return a small picture; None where it is not here yet: `thumbnailed` says when."""
        return self._pictures.thumbnail(inspection_id)

    def model_mask(self, opened: Opened) -> Mask | None:
        """Return the model's own regions as a mask (H, W) of the picture, None without a picture."""
        from almrr_core.lifecycle.review import model_mask

        picture = opened.detail.picture
        return None if picture is None else model_mask(opened.detail, picture, opened.score_map)

    def show(self, wanted: Wanted) -> None:
        """Ask the log for this queue."""
        if wanted.product != self._wanted.product:
            self._set_classes(())
        self._wanted = wanted
        self.reload()

    def reload(self, keep: int | None = None) -> None:
        """Ask the log again and stay at the part one is at, or go to inspection `keep`."""
        keep = keep if keep is not None else self.row.inspection_id if self.row else None
        self._pages.begin(self._wanted, functools.partial(self._fill, keep))
        if not self._wanted.product:
            return
        classes = functools.partial(self._store.defect_classes, self._wanted.product)
        self._tasks.run(classes, self._set_classes, database=True)
        self._tracker.follow(self._wanted)

    def go(self, at: int) -> None:
        """Go to a place in the queue; its picture comes with `opened`, at once if it was read ahead."""
        if not 0 <= at < len(self._queue.rows):
            return
        self._queue.at, self._seeking = at, False
        self.moved.emit(at)
        self._show_picture()
        if not self.fetching and at > len(self._queue.rows) - PAGE // 3:
            self.fetch_more()

    def fetch_more(self, limit: int = PAGE) -> None:
        """Load so many rows behind those that are here, if there are more; `queue_changed` says when."""
        if self._queue.rows:
            self._pages.follow(self._queue.rows[-1], limit)

    def step(self, by: int) -> None:
        """Go this far on in the queue; at an end stay there."""
        self.go(min(max(self._queue.at + by, 0), len(self._queue.rows) - 1))

    def next_open(self) -> None:
        """Go to the next part nobody said anything of; ask the log again where there is none here."""
        at = self._queue.next_open(self._queue.at)
        if at >= 0:
            self.go(at)
        elif self.more:
            self._seeking = True
            self.fetch_more()
        else:
            self._tracker.count()

    def say(self, label: Label, defect_class: str = "", note: str = "") -> None:
        """Say what the part one is at is; with auto-advance go to the next open one."""
        if self.row is not None:
            self._write(self.row.inspection_id, label, defect_class, note)
            if self.auto_advance:
                self.next_open()

    def say_all(self, inspection_ids: Iterable[int], label: Label, defect_class: str = "") -> None:
        """Say the same of many parts, each by a word of its own."""
        with QSignalBlocker(self._tracker):
            for inspection_id in inspection_ids:
                self._write(inspection_id, label, defect_class, "", by_itself=False)
        self.progressed.emit(self.progress)

    def recount(self) -> None:
        """Count what is left again: the line goes on."""
        self._tracker.count()

    def undo(self) -> None:
        """Take back the last word of this session and go to its part."""
        inspection_id = self._tracker.last
        if inspection_id is None:
            return
        word = self._put(inspection_id, None, "")
        work = functools.partial(work_on.withdraw, self._store, inspection_id, self._actor)
        done = functools.partial(self._taken_back, inspection_id, word)
        self._tasks.run(work, done, functools.partial(self._not_taken_back, inspection_id), database=True)
        self.go(self._queue.index(inspection_id))
        self._tracker.forget(inspection_id, self._is_open(inspection_id))

    def save_mask(self, inspection_id: int, mask: Mask) -> None:
        """Write the mask drawn on a picture beside it."""
        here = self._pictures.get(inspection_id)
        if here is not None:
            self._pictures.keep(replace(here, mask=mask))
        work = functools.partial(work_on.save_mask, self._store, inspection_id, mask, self._actor)
        self._tasks.run(work, database=True)

    def set_classes(self, wanted: tuple[DefectClass, ...]) -> None:
        """Put these in place of the product's defect classes."""
        product = self._wanted.product
        work = functools.partial(work_on.set_classes, self._store, product, wanted, self._actor)
        self._tasks.run(work, self._set_classes, database=True)

    def _fill(self, keep: int | None, rows: tuple[LogRow, ...]) -> None:
        self._queue.fill(rows, keep)
        self._seeking = False
        self.queue_changed.emit(self.rows)
        self.moved.emit(self._queue.at)
        self._show_picture()

    def _fetched(self, rows: tuple[LogRow, ...]) -> None:
        seeking, self._seeking = self._seeking, False
        self._queue.add(rows)
        self.queue_changed.emit(self.rows)
        if seeking and rows:
            self.next_open()

    def _show_picture(self) -> None:
        if self.row is None:
            return
        here = self._pictures.get(self.row.inspection_id)
        if here is not None:
            self.opened.emit(here)
        self._pictures.want([self.row.inspection_id, *self._queue.ahead(AHEAD)])

    def _read(self, opened: Opened) -> None:
        if self.row is not None and opened.detail.row.inspection_id == self.row.inspection_id:
            self.opened.emit(opened)

    def _unreadable(self, inspection_id: int, error: StationError) -> None:
        if self.row is not None and inspection_id == self.row.inspection_id:
            self._faults.report(error)

    def _write(
        self, inspection_id: int, label: Label, defect_class: str, note: str, by_itself: bool = True
    ) -> None:
        was_open = self._is_open(inspection_id)
        self._put(inspection_id, label, defect_class)
        work = functools.partial(
            work_on.label, self._store, inspection_id, label, self._actor, (defect_class, note)
        )
        done = functools.partial(self._written, inspection_id)
        self._tasks.run(work, done, functools.partial(self._not_written, inspection_id), database=True)
        self._tracker.say(inspection_id, was_open, by_itself)

    def _is_open(self, inspection_id: int) -> bool:
        at = self._queue.index(inspection_id)
        row = self._queue.rows[at] if at >= 0 else None
        return row is not None and row.label is None and row.verdict in FLAGGED

    def _put(self, inspection_id: int, label: Label | None, defect_class: str) -> int:
        """Show a label and return its number among all words."""
        self._words[inspection_id] += 1
        at = self._queue.say(inspection_id, label, defect_class)
        if at >= 0:
            self.row_changed.emit(at)
        return self._words[inspection_id]

    def _written(self, inspection_id: int, said: tuple[LabelRow, ...]) -> None:
        self._show_history(inspection_id, said)
        self.labelled.emit(inspection_id)
        self._tracker.settle()

    def _not_written(self, inspection_id: int, error: StationError) -> None:
        self._tracker.forget(inspection_id, False)
        self._not_taken_back(inspection_id, error)

    def _taken_back(self, inspection_id: int, word: int, now: tuple[LogRow, tuple[LabelRow, ...]]) -> None:
        row, said = now
        if self._words[inspection_id] == word:  # else something was said since
            self._put(inspection_id, row.label, row.defect_class)
        self._show_history(inspection_id, said)
        self.labelled.emit(inspection_id)
        self._tracker.settle()
        if self._queue.index(inspection_id) < 0:
            self.reload(inspection_id)

    def _not_taken_back(self, inspection_id: int, error: StationError) -> None:
        self._faults.report(error)
        self.reload(inspection_id)

    def _show_history(self, inspection_id: int, said: tuple[LabelRow, ...]) -> None:
        here = self._pictures.get(inspection_id)
        if here is None:
            return
        now = replace(here, detail=replace(here.detail, labels=said))
        self._pictures.keep(now)
        self._read(now)

    def _set_classes(self, classes: tuple[DefectClass, ...]) -> None:
        if classes != self._classes:
            self._classes = classes
            self.classes_changed.emit(classes)
