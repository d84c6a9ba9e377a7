"""Frames with their time stamps, and how many of them come in a second."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

from almrr_core.types import Frame, Picture


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment on both clocks: UTC, and `time.monotonic_ns()`."""

    at: datetime
    ns: int

    @classmethod
    def now(cls) -> Moment:
        """Return this moment."""
        return cls(datetime.now(UTC), time.monotonic_ns())

    @property
    def age(self) -> float:
        """Seconds since then, whatever happened to the wall clock."""
        return (time.monotonic_ns() - self.ns) / 1e9


def frame_of(
    source_id: str,
    picture: Picture | None,
    moment: Moment | None = None,
    *,
    name: str = "",
    truth: str | None = None,
    fault: str = "",
) -> Frame:
    """Return the frame grabbed at `moment` (now), its picture made read-only."""
    if picture is not None:
        picture.flags.writeable = False
    moment = moment or Moment.now()
    return Frame(picture, moment.at, moment.ns, source_id, name, truth, fault)


def size_of(frame: Frame | None) -> tuple[int, int]:
    """Return width and height in pixels, (0, 0) without a picture."""
    if frame is None or frame.picture is None:
        return 0, 0
    return frame.picture.shape[1], frame.picture.shape[0]


class RateMeter:
    """Frames per second over the last few frames; written by one thread, read by any."""

    def __init__(self) -> None:
        self._stamps: deque[int] = deque(maxlen=21)

    def count(self, frame: Frame) -> None:
        """Note one frame."""
        self._stamps.append(frame.grabbed_ns)

    def period(self) -> float:
        """Return the usual seconds between two frames; 0 before the second one."""
        stamps = tuple(self._stamps)
        return (stamps[-1] - stamps[0]) / (len(stamps) - 1) / 1e9 if len(stamps) > 1 else 0.0

    def rate(self) -> float:
        """Return the rate now, falling when no frame comes any more; 0 before the second one."""
        period = self.period()
        if not period:
            return 0.0
        silent = (time.monotonic_ns() - self._stamps[-1]) / 1e9
        return 1 / max(period, silent - period)
