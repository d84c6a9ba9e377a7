"""What lies over a picture, as arrays: the heat map's colours, the exact mask's levels, the regions' outline.

Numpy only. The mask is the design's two-entry table between two neighbouring float32 levels; the outline is
found by runs of mask pixels, a few milliseconds for 5 MP, so it needs no worker.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pyqtgraph
from numpy.typing import NDArray

from almrr_core.types import Box, Limits, Mask, Region, ScoreMap

Whole = NDArray[np.intp]
Segments = NDArray[np.float32]  # (n, 4): x0, y0, x1, y1 on the borders between pixels

MOST_REGIONS = 200  # a record names no more; with so many there may be others
MOST_RUNS = 20_000  # of mask pixels along a row; above it the mask is noise and is filled, not outlined


def heat_scale(limits: Limits) -> tuple[float, float]:
    """Return the raw scores where the heat map begins and ends, the same as in exported pictures.

    From a pixel limit of 1 up: half and twice the limit. Raw scores may be negative: it begins
    max(|limit| / 2, 0.5) below the limit and ends twice that above.
    """
    span = max(abs(limits.pixel) / 2, 0.5)
    return limits.pixel - span, limits.pixel + 2 * span


@lru_cache(maxsize=64)  # an opacity slider has a hundred places
def heat_table(opacity: float) -> NDArray[np.uint8]:
    """Return the (256, 4) RGBA colours over `heat_scale`: inferno; alpha from 0 to `opacity` at the limit."""
    table = np.empty((256, 4), np.uint8)
    table[:, :3] = inferno()
    along = np.arange(256) / 255  # the limit lies at a third of the scale
    table[:, 3] = np.rint(255 * opacity * np.clip(3 * along, 0, 1))
    return table


@lru_cache(maxsize=1)
def inferno() -> NDArray[np.uint8]:
    """Return the (256, 3) RGB colours of the perceptually uniform map."""
    return np.asarray(pyqtgraph.colormap.get("inferno").getLookupTable(nPts=256, alpha=False), np.uint8)


def float32_from(limit: float) -> np.float32:
    """Return the smallest float32 that is ≥ `limit`, so that comparing is exact, as the judge's."""
    rounded = np.float32(limit)
    return rounded if float(rounded) >= limit else np.nextafter(rounded, np.float32(np.inf))


def mask_levels(limit: float) -> tuple[float, float]:
    """Return the levels between which a table of two entries splits float32 values exactly at ≥ `limit`.

    The lower is the next float32 below the limit, around zero 1e-30 below it: nearer the scale would overflow.
    """
    upper = float32_from(limit)
    lower = min(np.nextafter(upper, np.float32(-np.inf)), upper - np.float32(1e-30))
    return float(lower), float(upper)


def enlarged(score_map: ScoreMap, width: int, height: int) -> ScoreMap:
    """Return the map at (height, width), bilinear between pixel centres; itself if it has that size."""
    if score_map.shape == (height, width):
        return score_map
    values = np.asarray(score_map, np.float32)
    for axis, size in ((0, height), (1, width)):
        at = np.clip((np.arange(size) + 0.5) * values.shape[axis] / size - 0.5, 0, values.shape[axis] - 1)
        before = np.minimum(at.astype(np.intp), max(values.shape[axis] - 2, 0))
        share = np.expand_dims((at - before).astype(np.float32), 1 - axis)
        lower = np.take(values, before, axis)
        values = lower + share * (
            np.take(values, np.minimum(before + 1, values.shape[axis] - 1), axis) - lower
        )
    return values


def thinned(values: NDArray[Any], side: int) -> tuple[int, NDArray[Any]]:
    """Return the step and a view of every step-th row and column, so that no side is longer than `side`."""
    step = -(-max(values.shape[:2]) // side)
    return step, values[step // 2 :: step, step // 2 :: step]


def regions_outline(
    score_map: ScoreMap, pixel_limit: float, min_area: int, regions: tuple[Region, ...] | None = None
) -> Segments | None:
    """Return the border of the region mask: pixels ≥ the limit, joined by 8 neighbours, of `min_area` pixels.

    In map pixels, from corner to corner. `regions` known at these limits confine the search; without any there
    is nothing to find. None where the mask is too torn to outline (`MOST_RUNS`).
    """
    top, left, part = _confined(score_map, regions)
    rows, starts, ends = _runs(part, float32_from(pixel_limit))
    if rows.size > MOST_RUNS:
        return None
    if min_area > 1:
        labels = _components(rows, starts, ends, part.shape[1])
        large = np.bincount(labels, ends - starts)[labels] >= min_area
        rows, starts, ends = rows[large], starts[large], ends[large]
    return _borders(rows, starts, ends, part.shape) + np.array((left, top, left, top), np.float32)


def _confined(score_map: ScoreMap, regions: tuple[Region, ...] | None) -> tuple[int, int, ScoreMap]:
    if regions is None or len(regions) >= MOST_REGIONS:
        return 0, 0, score_map
    if not regions:
        return 0, 0, score_map[:0, :0]
    boxes = [region.box for region in regions]
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    right, bottom = max(box.x + box.width for box in boxes), max(box.y + box.height for box in boxes)
    return top, left, score_map[top:bottom, left:right]


def _runs(values: ScoreMap, limit: np.float32) -> tuple[Whole, Whole, Whole]:
    """Return row, start and end (exclusive) of the runs of values ≥ the limit along rows, in reading order."""
    height, width = values.shape
    padded = np.zeros(height * (width + 1) + 1, np.bool_)  # a False before each row and after the last
    mask = padded[1:].reshape(height, width + 1)[:, :width]
    np.greater_equal(values, limit, out=mask)
    rows, places = np.divmod(_changes(padded), width + 1)
    return rows[::2], places[::2], places[1::2]


def _changes(flags: Mask) -> Whole:
    """Return where a flag differs from the next; they are rare, so eight are looked at together."""
    size = flags.size - 1
    differ = np.zeros(-(-size // 8) * 8, np.bool_)
    np.not_equal(flags[1:], flags[:-1], out=differ[:size])
    eights = np.flatnonzero(differ.view(np.uint64) != 0)
    which, bit = np.divmod(np.flatnonzero(differ.reshape(-1, 8)[eights]), 8)
    return np.asarray(8 * eights[which] + bit, np.intp)


def _components(rows: Whole, starts: Whole, ends: Whole, width: int) -> Whole:
    """Return for each run the number of the 8-connected component it belongs to."""
    row_key, next_key = rows * (width + 1), (rows + 1) * (width + 1)
    first = np.searchsorted(row_key + ends, next_key + starts, "left")
    last = np.searchsorted(row_key + starts, next_key + ends, "right")
    touching = np.maximum(last - first, 0)
    above = np.repeat(np.arange(rows.size), touching)
    offset = first - (np.cumsum(touching) - touching)
    below = np.arange(above.size) + np.repeat(offset, touching)
    labels, before = np.arange(rows.size), np.empty(0, np.intp)
    while not np.array_equal(labels, before):
        before = labels.copy()
        low = np.minimum(before[above], before[below])
        np.minimum.at(labels, before[above], low)
        np.minimum.at(labels, before[below], low)
        labels = labels[labels]
    return labels


def _borders(rows: Whole, starts: Whole, ends: Whole, shape: tuple[int, ...]) -> Segments:
    """Return the segments around runs, each as long as it goes straight.

    Between two rows the border begins and ends where a run of just one of them does.
    """
    if not rows.size:
        return np.empty((0, 4), np.float32)
    places, rows = np.concatenate((starts, ends)), np.concatenate((rows, rows))
    width, height = shape[1] + 1, shape[0] + 1
    above = rows * width + places
    keys = np.sort(np.concatenate((above, above + width)))
    twice = np.append(keys[1:] == keys[:-1], False)
    y, x = np.divmod(keys[~(twice | np.roll(twice, 1))], width)
    level = np.stack((x[::2], y[::2], x[1::2], y[1::2]), axis=1)
    downward = np.sort(places * height + rows)
    first = np.diff(downward, prepend=-2) != 1
    x, top = np.divmod(downward[first], height)
    bottom = downward[np.roll(first, -1)] % height + 1
    return np.concatenate((level, np.stack((x, top, x, bottom), axis=1))).astype(np.float32)


def region_at(regions: tuple[Region, ...], x: float, y: float) -> Region | None:
    """Return the smallest region whose box holds a place, None outside all of them."""
    around = [region for region in regions if _holds(region.box, x, y)]
    return min(around, key=_box_area, default=None)


def _holds(box: Box, x: float, y: float) -> bool:
    return box.x <= x < box.x + box.width and box.y <= y < box.y + box.height


def _box_area(region: Region) -> int:
    return region.box.width * region.box.height
