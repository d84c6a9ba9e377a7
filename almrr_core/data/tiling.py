"""From a picture to what the model sees and back: the whole picture resized, or overlapping tiles.

The same `cut` and `blend` serve training, calibration, evaluation and the line. A whole picture is
the special case of one tile that covers it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from almrr_core.errors import ErrorCode, StationError
from almrr_core.imaging import MAX_PIXELS, crop, resize, resize_map, to_rgb
from almrr_core.types import Geometry, Picture, ScoreMap

Size = tuple[int, int]  # (height, width)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the tiles of one picture lie; all that `blend` needs to go back.

    `size` is that of the picture after its region of interest, `scaled` after the scale; both in
    pixels as (height, width), as is the `tile`. `origins` are the tiles' (top, left) in the scaled
    picture; a tile reaches over its right or lower border where the picture is smaller than a tile.
    """

    size: Size
    scaled: Size
    tile: Size
    origins: tuple[tuple[int, int], ...]


def tile_origins(length: int, tile: int, overlap: int) -> list[int]:
    """Return where tiles start along one axis: every `tile - overlap`, the last flush with the end.

    A `length` of at most one tile gives one tile at 0 (which `cut` pads).
    """
    last = length - tile
    return [*range(0, last, tile - overlap), last] if last > 0 else [0]


def layout_of(size: Size, geometry: Geometry) -> Layout:
    """Return the layout of a picture of this (height, width), measured inside its region of interest.

    Raises GEOMETRY_MISMATCH where the scale would make it larger than any picture may be.
    """
    if geometry.tile is None:
        return Layout(size, size, size, ((0, 0),))
    height, width = (max(1, round(length * geometry.scale)) for length in size)
    if height * width > MAX_PIXELS:
        raise StationError(
            ErrorCode.GEOMETRY_MISMATCH,
            f"At scale {geometry.scale} the picture would have {width} x {height} pixels, "
            "more than 200 megapixels.",
            "Choose a smaller scale.",
        )
    tops = tile_origins(height, geometry.tile, geometry.overlap)
    lefts = tile_origins(width, geometry.tile, geometry.overlap)
    origins = tuple((top, left) for top in tops for left in lefts)
    return Layout(size, (height, width), (geometry.tile, geometry.tile), origins)


def cut(picture: Picture, geometry: Geometry) -> tuple[NDArray[np.uint8], Layout]:
    """Return the model's inputs for one picture and the way back.

    The inputs are (n, s, s, 3) RGB uint8 with s = `geometry.input_size`; gray is replicated.
    A scaled picture smaller than a tile is continued by reflection to the right and below. Memory:
    the scaled picture and n·s²·3 bytes. Raises GEOMETRY_MISMATCH (region of interest, scale).
    """
    inside = crop(picture, geometry.roi)
    layout = layout_of(inside.shape[:2], geometry)
    scaled = inside if layout.scaled == layout.size else resize(inside, *layout.scaled)
    height, width = layout.tile
    scaled = pad_to(scaled, height, width)
    side = geometry.input_size
    tiles = np.empty((len(layout.origins), side, side, 3), np.uint8)
    for tile, (top, left) in zip(tiles, layout.origins, strict=True):
        part = scaled[top : top + height, left : left + width]
        tile[:] = to_rgb(part if part.shape[:2] == (side, side) else resize(part, side, side))
    return tiles, layout


def blend(maps: NDArray[np.float32], layout: Layout) -> ScoreMap:
    """Return the score map (height, width) float32 of the picture from its tiles' maps (n, h, w).

    Maps are resized (bilinear) to their tiles, averaged where tiles overlap, freed of the padding
    and resized (bilinear) to the picture's `size`. The frame's score is the maximum over its tiles'
    scores, which is the caller's: averaging would lower it.
    """
    if len(layout.origins) == 1 and layout.tile == layout.scaled == layout.size:
        return resize_map(maps[0], layout.size)
    height, width = layout.tile
    shape = (max(layout.scaled[0], height), max(layout.scaled[1], width))
    total, count = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for one, (top, left) in zip(maps, layout.origins, strict=True):
        window = np.s_[top : top + height, left : left + width]
        total[window] += resize_map(one, layout.tile)
        count[window] += 1
    mean = (total / count)[: layout.scaled[0], : layout.scaled[1]]
    return resize_map(mean, layout.size)


def pad_to(picture: Picture, height: int, width: int) -> Picture:
    """Return the picture continued by reflection to the right and below to at least (height, width)."""
    below, right = (max(0, height - picture.shape[0]), max(0, width - picture.shape[1]))
    if not below and not right:
        return picture
    padded = cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REFLECT_101)
    return np.asarray(padded, np.uint8)
