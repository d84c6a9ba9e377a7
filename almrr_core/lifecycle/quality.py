"""Is a picture fit to be a normal? Near-duplicates, blur and exposure, against the product's own normals.

Nothing here refuses a picture: it points out, before it enters. Every threshold is relative to the normals that
the product has, for what is sharp or bright on one surface is neither on another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from almrr_core.imaging import read_picture, resize
from almrr_core.store.store import Store
from almrr_core.types import Label, Picture

SIDE = 64  # of the thumbnail two pictures are compared by
FEWEST = 5  # normals below which nothing is said of blur, exposure and relative likeness
NEWEST = 200  # normals that a picture is compared with: copies come close together in time
SAME = (
    1.0  # mean gray levels between two thumbnails below which they show the same thing, whatever the product
)
NEAR = 0.3  # of the median distance to the nearest other normal
BLURRED = 0.6  # of the sharpness that 95 % of the normals reach
EXPOSURE_SPREADS, LEAST_EXPOSURE = 5.0, 10.0  # robust standard deviations, and gray levels, from the median
CLIPPED = 0.05  # of the pixels at the ends of the range, more than the normals have

Floats = NDArray[np.float64]


class Concern(StrEnum):
    """What is odd about a picture."""

    NEAR_DUPLICATE = "near_duplicate"
    BLURRED = "blurred"
    EXPOSURE = "exposure"


@dataclass(frozen=True, slots=True)
class Remark:
    """A concern about a picture, in words."""

    concern: Concern
    sentence: str


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What a picture is judged by; `thumbnail` (SIDE, SIDE) gray of mean 0, for a flickering lamp makes no new
    picture; `brightness` the mean gray level, `clipped` the share of black and white pixels."""

    thumbnail: NDArray[np.float32]
    sharpness: float
    brightness: float
    clipped: float


def look_of(picture: Picture) -> Look:
    """Measure a picture; about 0.1 s for 5 megapixels.

    Sharpness is what lies between Gaussian blurs of 1 and 2 pixels, over the standard deviation of all: defocus
    lowers it, while contrast and sensor noise hardly change it.
    """
    gray = picture if picture.ndim == 2 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    whole = gray.astype(np.float32)
    fine = cv2.GaussianBlur(whole, (0, 0), 1) - cv2.GaussianBlur(whole, (0, 0), 2)
    sharpness = float(fine.std()) / max(float(whole.std()), 1.0)
    clipped = float(np.mean((gray <= 2) | (gray >= 253)))
    thumbnail = resize(gray, SIDE, SIDE).astype(np.float32)
    return Look(thumbnail - thumbnail.mean(), sharpness, float(gray.mean()), clipped)


class Reference:
    """The looks of a product's normals, growing with every picture that enters."""

    def __init__(self, looks: Iterable[Look] = ()) -> None:
        self._looks = list(looks)
        self._usual = float(np.median(nearest(self._looks))) if len(self._looks) >= FEWEST else 0.0

    @classmethod
    def of(cls, store: Store, product: str) -> Reference:
        """Read the newest NEWEST normals of a product, of all pools; raises PICTURE_UNREADABLE."""
        normals = [one for one in store.samples(product) if one.label is Label.GOOD][-NEWEST:]
        return cls(look_of(read_picture(store.folder / one.path)) for one in normals)

    def add(self, look: Look) -> None:
        """Count a picture that entered among the normals."""
        self._looks.append(look)

    def remarks(self, look: Look) -> tuple[Remark, ...]:
        """Return what is odd about a picture that is not among them; () for a good one."""
        if not self._looks:
            return ()
        exposure = self._exposure(look)  # where that is wrong, sharpness says nothing
        return (*self._near_duplicate(look), *(exposure or self._blurred(look)))

    def _near_duplicate(self, look: Look) -> tuple[Remark, ...]:
        distance = float(_distances(look.thumbnail, [one.thumbnail for one in self._looks]).min())
        if distance >= max(SAME, NEAR * self._usual):
            return ()
        text = (
            "It shows almost the same as a picture that is already there: it teaches the model nothing new."
        )
        return (Remark(Concern.NEAR_DUPLICATE, text),)

    def _blurred(self, look: Look) -> tuple[Remark, ...]:
        if len(self._looks) < FEWEST:
            return ()
        usual = float(np.quantile([one.sharpness for one in self._looks], 0.05))
        if look.sharpness >= BLURRED * usual:
            return ()
        text = f"It is blurred: {look.sharpness / usual:.0%} of the sharpness that normals have at least."
        return (Remark(Concern.BLURRED, text),)

    def _exposure(self, look: Look) -> tuple[Remark, ...]:
        if len(self._looks) < FEWEST:
            return ()
        levels = np.array([one.brightness for one in self._looks])
        middle, spread = robust(levels)
        off = look.brightness - middle
        clipped = look.clipped - float(np.median([one.clipped for one in self._looks]))
        if abs(off) > max(LEAST_EXPOSURE, EXPOSURE_SPREADS * spread):
            way = "brighter" if off > 0 else "darker"
            text = f"It is {abs(off):.0f} gray levels {way} than normals are."
        elif clipped > CLIPPED:
            text = f"{clipped:.0%} more of it is fully black or white than of normals."
        else:
            return ()
        return (Remark(Concern.EXPOSURE, text),)


def nearest(looks: Sequence[Look]) -> Floats:
    """Return each one's distance in mean gray levels to the nearest other, (n,); of one alone infinity."""
    thumbnails = [one.thumbnail for one in looks]
    found = np.full(len(looks), np.inf)
    for index in range(len(looks) - 1):
        distances = _distances(thumbnails[index], thumbnails[index + 1 :])
        found[index] = min(found[index], distances.min())
        found[index + 1 :] = np.minimum(found[index + 1 :], distances)
    return found


def _distances(one: NDArray[np.float32], others: Sequence[NDArray[np.float32]]) -> Floats:
    return np.array([float(np.abs(other - one).mean()) for other in others])


def robust(values: Floats) -> tuple[float, float]:
    """Return the median and the standard deviation that the median absolute deviation stands for."""
    middle = float(np.median(values))
    return middle, 1.4826 * float(np.median(np.abs(values - middle)))
