"""A part small enough to keep thirty of them: a 5 MP part with its map would be 35 MB."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from almrr_core.types import Limits, Picture, Record, Shown
from app.views.overlay import thinned

MOST = 30
SIDE = 960  # most pixels along a side of what is kept


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A part with a small picture (None without one) and a small map; `size` is the frame's own."""

    inspection_id: int
    record: Record  # without its maps
    score_map: NDArray[np.float16] | None
    size: tuple[int, int]  # width, height

    @property
    def limits(self) -> Limits:
        """Return the limits the part was judged by."""
        return self.record.recipe.limits

    @property
    def reduced(self) -> bool:
        """Return whether the picture is smaller than the frame's own."""
        picture = self.record.frame.picture
        return picture is not None and picture.shape[1] < self.size[0]


def kept_of(shown: Shown) -> Kept:
    """Return the part without what is large in it."""
    record = shown.record
    picture, score_map = record.frame.picture, record.score_map
    size = (1, 1) if picture is None else (picture.shape[1], picture.shape[0])
    small = None if picture is None else _shrunk(picture)
    small_map = None if score_map is None else thinned(score_map, SIDE)[1].astype(np.float16)
    frame = replace(record.frame, picture=small)
    light = replace(record, frame=frame, score_map=None, model_map=None)
    return Kept(shown.inspection_id, light, small_map, size)


def _shrunk(picture: Picture) -> Picture:
    """Return a copy of at most `SIDE` pixels a side; the mean of two pixels of each step softens moiré."""
    step, middle = thinned(picture, SIDE)
    if step == 1:
        return picture.copy()
    corner = picture[::step, ::step][: middle.shape[0], : middle.shape[1]]
    small = np.empty(middle.shape, np.uint8)
    for color in np.ndindex(middle.shape[2:]):  # numpy is slow along an axis of three
        at = (..., *color)
        small[at] = (middle[at] >> 1) + (corner[at] >> 1)
    return small
