"""The words of inspection: verdicts, geometry, limits, regions. No torch, no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from almrr_core.errors import ErrorCode, StationError

Picture = NDArray[np.uint8]  # (H, W) gray or (H, W, 3) RGB, 0..255
ScoreMap = NDArray[np.float32]  # (h, w) raw logit difference, higher is worse, never clamped
Mask = NDArray[np.bool_]  # (h, w)


class Verdict(StrEnum):
    """What the line says of a part; NOT_INSPECTED when it could not be judged."""

    PASS = "PASS"
    REVIEW = "REVIEW"
    FAIL = "FAIL"
    NOT_INSPECTED = "NOT_INSPECTED"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in picture pixels: left, top, width, height."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a picture becomes model inputs; the same in training, calibration and on the line.

    `input_size` is the side in pixels the model sees. With `tile` None the whole picture (or its
    region of interest `roi`) is resized to it, ignoring aspect. Else the picture is scaled by
    `scale` and cut into squares of `tile` pixels that overlap by `overlap`, the last one flush
    with the border; each is resized to `input_size` when the two differ.
    """

    input_size: int = 256
    tile: int | None = None
    overlap: int = 0
    scale: float = 1.0
    roi: Box | None = None

    def __post_init__(self) -> None:
        """Refuse sizes that no model can use."""
        if self.input_size < 64 or self.input_size % 32:
            self._refuse(f"the input size {self.input_size} is not a multiple of 32 from 64 up")
        if not 0.01 <= self.scale <= 16:
            self._refuse(f"the scale {self.scale} is not between 0.01 and 16")
        if self.tile is None:
            if self.overlap or self.scale != 1.0:
                self._refuse("an overlap or a scale needs a tile size")
        elif self.tile < 32 or not 0 <= self.overlap < self.tile:
            self._refuse(f"tile {self.tile} with overlap {self.overlap} is not usable")

    @staticmethod
    def _refuse(what: str) -> None:
        raise StationError(
            ErrorCode.BAD_ARGUMENT,
            f"The geometry cannot be used: {what}.",
            "Choose a tile of at least 32 pixels, an overlap smaller than it and a scale in 0.01..16.",
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """Two limits on the score (review ≤ fail) and the pixel limit with a minimum area that draws regions.

    `min_area` is in pixels of the picture the map belongs to.
    """

    review: float
    fail: float
    pixel: float
    min_area: int = 1

    def __post_init__(self) -> None:
        """Refuse limits that are not numbers or stand the wrong way round."""
        values = (self.review, self.fail, self.pixel)
        if not all(np.isfinite(v) for v in values) or self.review > self.fail or self.min_area < 0:
            raise StationError(
                ErrorCode.BAD_ARGUMENT,
                f"The limits review {self.review}, fail {self.fail}, pixel {self.pixel} cannot be used.",
                "Give finite numbers with the review limit not above the fail limit.",
            )


@dataclass(frozen=True, slots=True)
class Region:
    """A connected area (8 neighbours) over the pixel limit: box and area in map pixels, raw scores."""

    box: Box
    area: int
    maximum: float
    mean: float


@dataclass(frozen=True, slots=True, eq=False)
class Inspection:
    """What the engine says of one frame: the map at picture size and at model resolution, the score, the time.

    `model_map` is what the log keeps: the exact logits where the whole picture is the model's input, with tiles
    the blended map reduced to the model's resolution.
    """

    score_map: ScoreMap
    score: float
    milliseconds: float
    model_map: ScoreMap
