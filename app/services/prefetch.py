"""Pictures of the log read ahead, so that the next one is there when it is asked for."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Signal

from almrr_core.errors import StationError
from almrr_core.types import Picture
from app.services.review_values import Opened
from app.services.tasks import Tasks

if TYPE_CHECKING:
    from almrr_core.store.store import Store

KEPT = 6  # whole pictures; one of 5 MP takes 35 MB with its map
THUMBS = 400
THUMB_WIDTH, THUMB_HEIGHT = 192, 144


class Prefetch(QObject):
    """Reads whole pictures and thumbnails on threads; what was wanted last is read first, one at a time."""

    opened = Signal(object)  # Opened
    failed = Signal(int, object)  # inspection id, StationError
    thumbnailed = Signal(int)  # inspection id

    def __init__(self, store: Store, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store, self._tasks = store, tasks
        self._whole: OrderedDict[int, Opened] = OrderedDict()
        self._thumbs: OrderedDict[int, Picture | None] = OrderedDict()
        self._wanted: list[int] = []
        self._wanted_thumbs: list[int] = []
        self._reading: int | None = None
        self._shrinking: int | None = None

    def get(self, inspection_id: int) -> Opened | None:
        """Return a picture if it is here."""
        found = self._whole.get(inspection_id)
        if found is not None:
            self._whole.move_to_end(inspection_id)
        return found

    def keep(self, opened: Opened) -> None:
        """Keep this in place of what is here."""
        self._whole[opened.detail.row.inspection_id] = opened
        while len(self._whole) > KEPT:
            self._whole.popitem(last=False)

    def want(self, inspection_ids: Iterable[int]) -> None:
        """Read these, the first one first, instead of those wanted before."""
        self._wanted = [one for one in inspection_ids if one not in self._whole]
        self._read_next()

    def thumbnail(self, inspection_id: int) -> Picture | None:
        """Return a small picture if it is here, else fetch it when there is nothing better to do."""
        if inspection_id in self._thumbs:
            return self._thumbs[inspection_id]
        if inspection_id in self._wanted_thumbs:
            self._wanted_thumbs.remove(inspection_id)
        self._wanted_thumbs = [inspection_id, *self._wanted_thumbs[:40]]
        self._read_next()
        return None

    def _read_next(self) -> None:
        if self._reading is not None or self._shrinking is not None:
            return
        while self._wanted and self._wanted[0] in self._whole:
            self._wanted.pop(0)
        if self._wanted:
            self._reading = self._wanted.pop(0)
            work = functools.partial(open_part, self._store, self._reading)
            self._tasks.run(work, self._read, functools.partial(self._refused, self._reading))
        elif self._wanted_thumbs:
            self._shrinking = self._wanted_thumbs.pop(0)
            work_small = functools.partial(_small_of, self._store, self._shrinking)
            self._tasks.run(work_small, self._shrunk, functools.partial(self._not_shrunk, self._shrinking))

    def _read(self, opened: Opened) -> None:
        self._reading = None
        row = opened.detail.row
        self.keep(opened)
        if row.inspection_id not in self._thumbs and opened.detail.picture is not None:
            self._keep_thumb(row.inspection_id, shrink(opened.detail.picture))
        self.opened.emit(opened)
        self._read_next()

    def _refused(self, inspection_id: int, error: StationError) -> None:
        self._reading = None
        self.failed.emit(inspection_id, error)
        self._read_next()

    def _shrunk(self, small: Picture | None) -> None:
        inspection_id, self._shrinking = self._shrinking, None
        if inspection_id is not None:
            self._keep_thumb(inspection_id, small)
        self._read_next()

    def _not_shrunk(self, _inspection_id: int, _error: StationError) -> None:
        self._shrunk(None)

    def _keep_thumb(self, inspection_id: int, small: Picture | None) -> None:
        self._thumbs[inspection_id] = small
        while len(self._thumbs) > THUMBS:
            self._thumbs.popitem(last=False)
        self.thumbnailed.emit(inspection_id)


def open_part(store: Store, inspection_id: int) -> Opened:
    """Read an inspection with its map at full size and its mask; for a worker thread."""
    from almrr_core.lifecycle.review import whole_map

    detail = store.detail(inspection_id)
    if detail.picture is None:
        return Opened(detail, None, None)
    return Opened(detail, whole_map(detail, detail.picture), store.mask(inspection_id))


def shrink(picture: Picture) -> Picture:
    """Return every n-th pixel, so that it fits a thumbnail."""
    step = max(picture.shape[1] // THUMB_WIDTH, picture.shape[0] // THUMB_HEIGHT, 1)
    return np.ascontiguousarray(picture[::step, ::step])


def _small_of(store: Store, inspection_id: int) -> Picture | None:
    picture = store.detail(inspection_id).picture
    return None if picture is None else shrink(picture)
