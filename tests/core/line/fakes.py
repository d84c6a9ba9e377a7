"""The borders of a line for its tests: a source, a model and a log that fail when they are told to."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from almrr_core.cameras.protocol import Gap
from almrr_core.errors import ErrorCode, StationError
from almrr_core.line.line import Line
from almrr_core.line.setup import LineSetup
from almrr_core.types import (
    Action,
    Frame,
    Geometry,
    Inspection,
    Limits,
    LineState,
    OnLateOutput,
    Picture,
    Recipe,
    Record,
    SourceState,
    SourceStatus,
    TriggerKind,
    TriggerSettings,
)
from tests.core.parts import plain_recipe

DEADLINE = 20.0  # seconds: far more than anything here takes


def wait_until(condition: Callable[[], object], timeout: float = DEADLINE) -> None:
    """Return as soon as the condition holds; fail where it does not within the timeout."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        threading.Event().wait(0.002)


def recipe_of(
    kind: TriggerKind = TriggerKind.ARRIVAL,
    review: float = 1.0,
    fail: float = 2.0,
    interval: float = 0.01,
    on_late: OnLateOutput = OnLateOutput.NOTICE,
    version: int = 1,
) -> Recipe:
    return plain_recipe(
        version=version,
        limits=Limits(review, fail, fail),
        trigger=TriggerSettings(kind, interval),
        on_late_output=on_late,
    )


def frame_of(number: int, level: int = 0, fault: str = "") -> Frame:
    """A gray 8 × 8 frame; the fake model's score is its level."""
    picture = None if fault else np.full((8, 8), level, np.uint8)
    return Frame(
        picture, datetime.now(UTC), time.monotonic_ns(), "source-1", f"{number:05d}.png", fault=fault
    )


class FakeSource:
    """Gives scripted frames; `can_wait` False: it makes a new one whenever it is asked, as a live camera."""

    arrives = False

    def __init__(self, frames: int = 0, can_wait: bool = True) -> None:
        self.can_wait = can_wait
        self.state, self.fault = SourceState.CLOSED, None
        self.frames = deque(frame_of(number) for number in range(frames))
        self.ends = bool(frames)
        self.silent = threading.Event()
        self.settled: list[str] = []
        self.taken = self.opened = self.closed = 0
        self.lost_since: datetime | None = None
        self.ended_gaps: list[Gap] = []

    def open(self) -> None:
        self.opened += 1
        self.state = SourceState.LIVE

    def look(self) -> None:
        pass

    def take(self, timeout: float, after_ns: int = 0) -> Frame | None:
        if self.fault is not None:
            raise self.fault
        if self.silent.is_set() or (self.can_wait and not self.frames):
            threading.Event().wait(min(timeout, 0.01))
            return None
        self.taken += 1
        if self.can_wait:
            return replace(self.frames.popleft(), grabbed_ns=time.monotonic_ns())
        return frame_of(self.taken)

    def latest(self) -> Frame | None:
        return None

    def settle(self, frame: Frame) -> None:
        self.settled.append(frame.name)

    def status(self) -> SourceStatus:
        ended = self.can_wait and self.ends and not self.frames and self.state is SourceState.LIVE
        return SourceStatus("source-1", SourceState.ENDED if ended else self.state)

    def gaps(self) -> tuple[Gap, ...]:
        gaps, self.ended_gaps = tuple(self.ended_gaps), []
        return gaps

    def close(self) -> None:
        self.closed += 1
        self.state = SourceState.CLOSED

    def lose(self) -> None:
        self.silent.set()
        self.state = SourceState.LOST

    def come_back(self) -> None:
        now = datetime.now(UTC)
        self.ended_gaps.append(Gap(now - timedelta(seconds=3), now, "unplugged"))
        self.state = SourceState.LIVE
        self.silent.clear()


class FakeModel:
    """Scores a picture by its first pixel; raises where `fails` says so of the count of pictures."""

    seal = "5ea1"

    def __init__(
        self, fails: Callable[[int], Exception | None] = lambda count: None, score: float = 0
    ) -> None:
        self.fails, self.score, self.count = fails, score, 0
        self.allowed = threading.Event()
        self.allowed.set()

    def fitted(self, geometry: Geometry) -> FakeModel:
        if geometry.input_size != 256:
            raise StationError(ErrorCode.GEOMETRY_MISMATCH, "Another size.", "Choose another model.")
        return self

    def inspect(self, picture: Picture) -> Inspection:
        self.allowed.wait(DEADLINE)
        self.count += 1
        error = self.fails(self.count)
        if error is not None:
            raise error
        score_map = np.full(picture.shape[:2], float(picture[0, 0]) + self.score, np.float32)
        return Inspection(score_map, float(score_map[0, 0]), 1.0, score_map[::4, ::4])


class FakeLog:
    """Keeps records in memory; can be stalled, and made to fail."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.events: list[tuple[Action, str, str]] = []
        self.error: Exception | None = None
        self.takes = 0  # so many records before `error`
        self.open = threading.Event()
        self.open.set()

    def record(self, record: Record) -> int:
        self.open.wait(DEADLINE)
        if self.error is not None and len(self.records) >= self.takes:
            raise self.error
        self.records.append(record)
        return len(self.records)

    def event(self, action: Action, subject: str, reason: str) -> None:
        self.events.append((action, subject, reason))

    def has(self, part_id: str) -> bool:
        return part_id in self.parts

    @property
    def parts(self) -> list[str]:
        return [record.request.part_id for record in self.records]

    @property
    def names(self) -> list[str]:
        return [record.frame.name for record in self.records]


SETUP = LineSetup("station-1", patience=0.3, tardiness=5.0)
DISK_FULL = StationError(ErrorCode.DISK_FULL, "The disk is full.", "Free some space.")


def is_idle(line: Line) -> bool:
    """Whether the line stopped by itself and everything is in the log."""
    status = line.status()
    return status.state is not LineState.RUNNING and status.inspected == status.recorded


def fault_shows(line: Line) -> bool:
    """Whether the line is in FAULT."""
    return line.status().state is LineState.FAULT
