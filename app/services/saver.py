"""Saves settings behind the window's back: one write at a time, and of many changes the last."""

from __future__ import annotations

import functools
from collections.abc import Callable

from PySide6.QtCore import QObject

from almrr_core.errors import StationError
from almrr_core.settings import Settings
from app.services.faults import Faults
from app.services.tasks import Tasks

Save = Callable[[Settings, Settings], None]  # what is wanted, what was saved last


class Saver(QObject):
    """A slider that is dragged changes the settings a hundred times; the disk sees a few of them."""

    def __init__(
        self, save: Save, saved: Settings, tasks: Tasks, faults: Faults, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._save, self._tasks, self._faults = save, tasks, faults
        self._saved = self._wanted = saved
        self._busy = False
        self._then: Callable[[], None] | None = None

    def then(self, act: Callable[[], None]) -> None:
        """Call `act` when everything is saved, at once where it is."""
        if self._busy:
            self._then = act
        else:
            act()

    def save(self, wanted: Settings) -> None:
        """Save these settings, at once or when the write that runs has ended."""
        self._wanted = wanted
        if not self._busy and wanted != self._saved:
            self._busy = True
            work = functools.partial(self._write, wanted, self._saved)
            self._tasks.run(work, self._ended, self._failed, database=True)

    def _write(self, wanted: Settings, before: Settings) -> Settings:
        self._save(wanted, before)
        return wanted

    def _ended(self, saved: Settings) -> None:
        self._busy, self._saved = False, saved
        self.save(self._wanted)
        self._rest()

    def _failed(self, error: StationError) -> None:
        self._busy = False
        self._faults.report(error)
        self._rest()

    def _rest(self) -> None:
        act = self._then
        if act is not None and not self._busy:
            self._then = None
            act()
