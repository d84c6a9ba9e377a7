"""What every source of frames is to the line, and what it says of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

from almrr_core.errors import ErrorCode, StationError
from almrr_core.types import Frame, Picture, SourceStatus

MadePicture: TypeAlias = tuple[Picture, str]  # a simulated picture and its truth: GOOD or the defect's kind
PictureMaker: TypeAlias = Callable[[int], MadePicture]  # of the part with this number, from 0


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which a source gave nothing although it should; UTC."""

    since: datetime
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class CameraChoice:
    """A connected camera: `name` for people, `address` for the settings (it finds the device, not an index)."""

    name: str
    address: str


class Camera(Protocol):
    """One source of frames. The line opens, takes and closes; the rest may be asked from any thread."""

    @property
    def can_wait(self) -> bool:
        """Whether frames wait for us, as files do; a live camera's are lost."""

    @property
    def arrives(self) -> bool:
        """Whether they also come by themselves, as files of a watched folder: then one may come late."""

    def open(self) -> None:
        """Start and return at once; raises SOURCE_UNUSABLE for what can never work.

        What may come later (a camera not plugged in, a stream that is down) is tried again and again.
        """

    def take(self, timeout: float, after_ns: int = 0) -> Frame | None:
        """Return the newest frame grabbed after the call began; of files and videos the next one.

        None where there was none within `timeout` seconds, and at once when closed. Files of a watched folder
        that came before `after_ns` of `time.monotonic_ns()` are passed over; those that lay there when it was
        opened, or when its share came back, came at 0.
        """

    def look(self) -> None:
        """Note when what arrives comes, without taking it; to be called where nobody takes for a while."""

    def latest(self) -> Frame | None:
        """Return the newest frame, for the live picture, without taking it."""

    def settle(self, frame: Frame) -> None:
        """Say that the part of a taken frame is in the log: its file is now left, archived or deleted.

        Raises WRITE_FAILED when that is impossible; the file then stays and is not taken again.
        """

    def status(self) -> SourceStatus:
        """Return what the source is doing; never blocks on a device."""

    def gaps(self) -> tuple[Gap, ...]:
        """Return the gaps that ended since the last call (closing ends one too)."""

    def close(self) -> None:
        """Stop within 2 s, even when a device hangs; may be called again, and `open` after it."""


def unusable(sentence: str, remedy: str) -> StationError:
    """Return the fault of a source that cannot be used."""
    return StationError(ErrorCode.SOURCE_UNUSABLE, sentence, remedy)
