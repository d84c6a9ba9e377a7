"""What is done now and then: measuring the disk, deleting pictures that need not stay, giving memory back."""

from __future__ import annotations

import functools

from PySide6.QtCore import QObject, QTimer

from almrr_core.settings import Settings
from app.services.memory import give_back
from app.services.plant import Plant
from app.services.station import Station
from app.services.tasks import Tasks

MEASURE_EVERY, TIDY_EVERY = 5_000, 60_000  # ms


class Housekeeping(QObject):
    """Two timers; the work is done by the tasks."""

    def __init__(self, plant: Plant, station: Station, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._plant, self._station, self._tasks = plant, station, tasks
        self._tidying = False
        for every, act in ((MEASURE_EVERY, self._measure), (TIDY_EVERY, self._tidy)):
            timer = QTimer(self)
            timer.timeout.connect(act)
            timer.start(every)

    def _measure(self) -> None:
        self._tasks.run(self._plant.measure)

    def _tidy(self) -> None:
        if not self._tidying:
            self._tidying = True
            self._tasks.run(functools.partial(self._tidy_now, self._station.settings))

    def _tidy_now(self, settings: Settings) -> None:
        try:
            self._plant.tidy(settings)
        finally:
            give_back()
            self._tidying = False
