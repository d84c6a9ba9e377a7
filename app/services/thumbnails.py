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
from app.services.tasks import Tasks, alive

SIDE = 128  # most pixels along a side
MOST = 3000  # kept: 150 MB at the worst
TOGETHER = 8  # files read by one work, so that others have their turn

Thumb = tuple[Path, Picture | None]  # None: the file cannot be read
Done = Callable[[tuple[Thumb, ...]], None]


class Thumbnails(QObject):
    """Asks once for each file, which never changes; one work at a time, for others need the workers too."""

    def __init__(self, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks, self._lock = tasks, threading.Lock()
        self._kept: OrderedDict[Path, Picture | None] = OrderedDict()
        self._wanted: list[tuple[Done, tuple[Path, ...]]] = []  # what was asked for last comes last
        self._reading = False

    def fetch(self, paths: Sequence[Path], done: Done) -> None:
        """Give `done` the small pictures, a few at a time, instead of those that it waited for before.

        What was asked for last is read first. When the widget that owns `done` is gone, the rest is not read.
        """
        self._wanted = [one for one in self._wanted if one[0] != done]
        self._wanted.append((done, tuple(paths)))
        if not self._reading:
            self._read_next()

    def _read_next(self) -> None:
        self._wanted = [one for one in self._wanted if one[1] and alive(one[0])]
        self._reading = bool(self._wanted)
        if self._reading:
            done, paths = self._wanted.pop()
            self._wanted.append((done, paths[TOGETHER:]))
            work = functools.partial(self._read_all, paths[:TOGETHER])
            self._tasks.run(work, functools.partial(self._give, done))

    def _give(self, done: Done, found: tuple[Thumb, ...] | Exception) -> None:
        self._read_next()
        if isinstance(found, Exception):
            raise found
        if alive(done):
            done(found)

    def _read_all(self, paths: tuple[Path, ...]) -> tuple[Thumb, ...] | Exception:
        try:
            return tuple((path, self._read(path)) for path in paths)
        except Exception as error:  # a bug, which the GUI thread names: what waits behind it has its turn
            return error

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
