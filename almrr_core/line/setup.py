"""What a line is built from: its fixed values, and what it needs of a model and of a clock."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from almrr_core.errors import ErrorCode, StationError
from almrr_core.types import Geometry, Inspection, Picture, Recipe

log = logging.getLogger("almrr.line")


class Inspects(Protocol):
    """A loaded model; `runtime.Engine` is one."""

    @property
    def seal(self) -> str:
        """The SHA-256 that names its bundle."""

    def fitted(self, geometry: Geometry) -> Inspects:
        """Return the same model for a recipe's geometry; raises GEOMETRY_MISMATCH."""

    def inspect(self, picture: Picture) -> Inspection:
        """Return maps, score and time of one whole picture; it crops the region of interest itself."""


class Clock(Protocol):
    """Wall time for stamps and a monotonic one for durations, which no change of the wall time touches."""

    def now(self) -> datetime:
        """Return the wall time in UTC."""

    def ns(self) -> int:
        """Return monotonic nanoseconds, on the scale of `time.monotonic_ns()`."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """Return the wall time in UTC."""
        return datetime.now(UTC)

    def ns(self) -> int:
        """Return `time.monotonic_ns()`."""
        return time.monotonic_ns()


@dataclass(frozen=True, slots=True)
class LineSetup:
    """What stays the same while a line lives; times in seconds.

    `queue_size`: records that may wait for the log. `deadline`: for each verdict's way out. `patience`: how
    long a trigger waits for its picture. `tardiness`: how long after its trigger a busy line may begin to wait
    for a live picture; later it would show another part. `quiet`: how long nothing may come until a late
    file is not waited for any more (`line.pairing`). `flight_file`: where the parts in flight are noted, so
    that after a crash they can be named (None: nowhere). `parts`: take this many and end (None: no end).
    """

    station_id: str
    line_id: str = "line-1"
    view: str = "top"
    queue_size: int = 8
    deadline: float = 0.5
    patience: float = 2.0
    tardiness: float = 0.5
    quiet: float = 10.0
    flight_file: Path | None = None
    parts: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Active:
    """The recipe and the model that one part is judged by: exchanged together, between two parts."""

    recipe: Recipe
    engine: Inspects

    @classmethod
    def fitted(cls, recipe: Recipe, engine: Inspects) -> Active:
        """Pair them; raises GEOMETRY_MISMATCH."""
        return cls(recipe, engine.fitted(recipe.geometry))


def broken(who: str, error: BaseException) -> StationError:
    """Return the fault for an exception nobody foresaw, and put its trace into the program's log."""
    log.error("%s: %s", who, error, exc_info=error)
    return StationError(
        ErrorCode.LINE_BROKEN,
        f"{who} stopped: {type(error).__name__}: {error}.",
        "Start the line again. If it comes back, report it with the program's log.",
    )
