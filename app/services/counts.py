"""What the station has counted and where it keeps it, as the window asks for it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QObject

from almrr_core.types import Counts
from app.services.plant import Plant
from app.services.values import TruthCounts


class StationCounts(QObject):
    """The part of a station that reads its plant."""

    def __init__(self, plant: Plant, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._plant = plant

    @property
    def data_dir(self) -> Path:
        """Return the data folder."""
        return self._plant.folder

    @property
    def disk_left(self) -> int:
        """Return the bytes left where the pictures lie, as measured a few seconds ago."""
        return self._plant.disk_left

    @property
    def counts_since_reset(self) -> Counts:
        """Return what was logged since `reset_at`."""
        return self._plant.tally.since_reset

    @property
    def reset_at(self) -> datetime:
        """Return when the counters were reset, UTC."""
        return self._plant.tally.reset_at

    @property
    def shift_counts(self) -> Counts:
        """Return what was logged since `shift_at`."""
        return self._plant.tally.shift

    @property
    def shift_at(self) -> datetime:
        """Return when the shift began: the last local midnight."""
        return self._plant.tally.shift_at

    @property
    def simulated_truth(self) -> TruthCounts | None:
        """Return verdicts against the truth since the reset; None where no source knows it."""
        return self._plant.tally.truth
