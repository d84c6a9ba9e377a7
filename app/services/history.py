"""The log for the window: every question runs on the database worker, the answer comes on the GUI thread.

Who asks discards answers that are stale; a fault goes to `failed`, or to the fault bar.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from almrr_core.errors import StationError
from almrr_core.types import Action, Actor, Counts, Label, LogDetail, LogFilter, LogOrder, LogRow
from app.services.heavy import Heavy
from app.services.tasks import Tasks

if TYPE_CHECKING:
    from almrr_core.store.store import Store

Failed = Callable[[StationError], None] | None


class History(QObject):
    """Pages of the log, one inspection whole, labels and exports."""

    labelled = Signal(int)  # inspection id
    exported = Signal(object)  # Path

    def __init__(
        self, store: Store, tasks: Tasks, heavy: Heavy, actor: Actor, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._store, self._tasks, self._heavy, self._actor = store, tasks, heavy, actor
        self._stop = threading.Event()  # of the last export

    def page(
        self,
        wanted: LogFilter,
        order: LogOrder,
        after: LogRow | None,
        limit: int,
        done: Callable[[tuple[LogRow, ...]], None],
        failed: Failed = None,
    ) -> None:
        """Give `done` the rows that follow `after` (None: the first ones)."""
        work = functools.partial(self._store.page, wanted, order, after, limit)
        self._tasks.run(work, done, failed, database=True)

    def count(self, wanted: LogFilter, done: Callable[[int], None], failed: Failed = None) -> None:
        """Give `done` the number of inspections."""
        self._tasks.run(functools.partial(self._store.count, wanted), done, failed, database=True)

    def tally(self, wanted: LogFilter, done: Callable[[Counts], None], failed: Failed = None) -> None:
        """Give `done` the counts by verdict."""
        self._tasks.run(functools.partial(self._store.tally, wanted), done, failed, database=True)

    def trend(
        self,
        wanted: LogFilter,
        limit: int,
        done: Callable[[tuple[LogRow, ...]], None],
        failed: Failed = None,
    ) -> None:
        """Give `done` the newest rows, oldest first, for a small chart."""
        work = functools.partial(self._store.trend, wanted, limit)
        self._tasks.run(work, done, failed, database=True)

    def detail(self, inspection_id: int, done: Callable[[LogDetail], None], failed: Failed = None) -> None:
        """Give `done` one inspection with picture, map, regions and labels."""
        work = functools.partial(self._store.detail, inspection_id)
        self._tasks.run(work, done, failed, database=True)

    def label(
        self,
        inspection_id: int,
        label: Label,
        defect_class: str = "",
        note: str = "",
        done: Callable[[None], None] | None = None,
        failed: Failed = None,
    ) -> None:
        """Add what a person says of a part; the last word counts, and GOOD makes it a sample."""
        work = functools.partial(
            _label_part, self._store, inspection_id, label, self._actor, defect_class, note
        )
        said = functools.partial(self._labelled, inspection_id, done)
        self._tasks.run(work, said, failed, database=True)

    def export_csv(
        self, wanted: LogFilter, target: Path, done: Callable[[int], None], failed: Failed = None
    ) -> None:
        """Write the rows as CSV; `done` gets their number."""
        self._export(self._store.export_csv, wanted, target, done, failed)

    def export_zip(
        self, wanted: LogFilter, target: Path, done: Callable[[int], None], failed: Failed = None
    ) -> None:
        """Write rows and pictures as ZIP; `done` gets their number."""
        self._export(self._store.export_zip, wanted, target, done, failed)

    def stop_export(self) -> None:
        """Let the last export end without a file; its `failed` is told."""
        self._stop.set()

    def _export(
        self,
        export: Callable[[LogFilter, Path, Callable[[], bool]], int],
        wanted: LogFilter,
        target: Path,
        done: Callable[[int], None],
        failed: Failed,
    ) -> None:
        """Run beside the database worker, which other questions need; reading takes no lock."""
        self._stop = threading.Event()
        work = functools.partial(self._write, export, wanted, target, self._stop)
        said = functools.partial(self._exported, target, done)
        self._heavy.run(work, said, failed)

    def _write(
        self,
        export: Callable[[LogFilter, Path, Callable[[], bool]], int],
        wanted: LogFilter,
        target: Path,
        stop: threading.Event,
    ) -> int:
        rows = export(wanted, target, functools.partial(self._stopped, stop))
        self._store.event(self._actor, Action.EXPORTED, str(target), after=f"{rows} inspections")
        return rows

    def _stopped(self, stop: threading.Event) -> bool:
        return stop.is_set() or self._heavy.over

    def _labelled(self, inspection_id: int, done: Callable[[None], None] | None, _none: None) -> None:
        self.labelled.emit(inspection_id)
        if done is not None:
            done(None)

    def _exported(self, target: Path, done: Callable[[int], None], rows: int) -> None:
        self.exported.emit(target)
        done(rows)


def _label_part(
    store: Store, inspection_id: int, label: Label, actor: Actor, defect_class: str, note: str
) -> None:
    from almrr_core.lifecycle.review import label_part  # it loads what only training needs

    label_part(store, inspection_id, label, actor, defect_class, note)
