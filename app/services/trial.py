"""Tries a source before it is used: opens it beside the line for a few seconds and says what it said."""

from __future__ import annotations

import functools
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, TypeAlias

from PySide6.QtCore import QObject

from almrr_core.errors import StationError
from almrr_core.settings import SourceSettings
from almrr_core.types import Frame, SourceState, SourceStatus
from app.services.tasks import Tasks

if TYPE_CHECKING:
    from almrr_core.cameras.protocol import Camera, PictureMaker

LONGEST = 10.0  # s that a trial waits for the first picture
STEP = 0.2  # s between two looks

CameraName: TypeAlias = tuple[str, str]  # address for the settings, name for people


class Found(Enum):
    """What lies at a path."""

    NOTHING = auto()
    FILE = auto()
    FOLDER = auto()
    BARE_FOLDER = auto()  # the file that it should hold is not there


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """What a source said of itself, and its first frame where one came."""

    source: SourceSettings
    status: SourceStatus
    frame: Frame | None


class SourceTrial(QObject):
    """Opens sources for a look; no file is settled, so none is moved or deleted."""

    def __init__(
        self,
        tasks: Tasks,
        make_picture: Callable[[SourceSettings], PictureMaker | None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._tasks, self._make_picture = tasks, make_picture

    def cameras(self, done: Callable[[tuple[CameraName, ...]], None]) -> None:
        """Give `done` the cameras that are connected."""
        self._tasks.run(_cameras, done, outside=True)

    def look(self, path: str, holds: str, done: Callable[[Found], None]) -> None:
        """Give `done` what lies at a path, a folder being bare without the file `holds`.

        A dead network share answers after a minute, or never: no view may ask the file system itself.
        """
        self._tasks.run(functools.partial(_look, path, holds), done, outside=True)

    def attempt(
        self,
        source: SourceSettings,
        done: Callable[[Tried], None],
        failed: Callable[[StationError], None] | None = None,
    ) -> None:
        """Give `done` what the source says once its first picture is there, or after `LONGEST` seconds."""
        self._tasks.run(functools.partial(self._attempt, source), done, failed, outside=True)

    def _attempt(self, source: SourceSettings) -> Tried:
        from almrr_core.cameras import build_camera

        camera = build_camera(source, self._make_picture(source))
        camera.open()
        try:
            frame = _first_frame(camera)
            return Tried(source, camera.status(), frame)
        finally:
            camera.close()


def _look(path: str, holds: str) -> Found:
    mode = _mode(path)
    if not stat.S_ISDIR(mode):
        return Found.FILE if stat.S_ISREG(mode) else Found.NOTHING
    bare = holds and not stat.S_ISREG(_mode(os.path.join(path, holds)))
    return Found.BARE_FOLDER if bare else Found.FOLDER


def _mode(path: str) -> int:
    """Return the mode bits at a path, 0 where nothing can be reached."""
    try:
        return os.stat(path).st_mode
    except (OSError, ValueError):
        return 0


def _cameras() -> tuple[CameraName, ...]:
    from almrr_core.cameras import list_cameras

    return tuple((choice.address, choice.name) for choice in list_cameras())


def _first_frame(camera: Camera) -> Frame | None:
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        frame = camera.take(STEP)
        if frame is not None or camera.status().state is SourceState.ENDED:
            return frame
    return None
