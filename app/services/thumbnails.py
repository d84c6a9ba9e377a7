"""Small pictures of files, read on workers and kept."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject

from almrr_core.errors import StationError
from almrr_core.types import Picture
from app.services.tasks import Tasks

SIDE = 128  # most pixels along a side
MOST = 3000  # kept: 150 MB at the worst
TOGETHER = 8  # files read by one work, so that others have their turn

Thumb = tuple[Path, Picture | None]  # None: the file cannot be read


class Thumbnails(QObject):
    """Asks once for each file; a sample's file never changes."""

    def __init__(self, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks, self._lock = tasks, threading.Lock()
        self._kept: OrderedDict[Path, Picture | None] = OrderedDict()

    def fetch(self, paths: Sequence[Path], done: Callable[[tuple[Thumb, ...]], None]) -> None:
        """Give `done` the small pictures, a few at a time."""
        for first in range(0, len(paths), TOGETHER):
            work = functools.partial(self._read_all, tuple(paths[first : first + TOGETHER]))
            self._tasks.run(work, done)

    def _read_all(self, paths: tuple[Path, ...]) -> tuple[Thumb, ...]:
        return tuple((path, self._read(path)) for path in paths)

    def _read(self, path: Path) -> Picture | None:
        with self._lock:
            if path in self._kept:
                return self._kept[path]
        small = _small(path)
        with self._lock:
            self._kept[path] = small
            if len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return small


def _small(path: Path) -> Picture | None:
    from almrr_core.imaging import read_picture

    try:
        return shrunk(read_picture(path))
    except StationError:
        return None


def shrunk(picture: Picture) -> Picture:
    """Return the picture with its longer side at SIDE pixels at most."""
    from almrr_core.imaging import resize

    height, width = picture.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    made = resize(picture, max(1, round(height * scale)), max(1, round(width * scale)))
    return np.ascontiguousarray(made)
