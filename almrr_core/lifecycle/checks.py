"""What is looked at before a training: what makes it impossible is a fault, what makes it doubtful a doubt."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from pathlib import Path

import numpy as np

from almrr_core.errors import ErrorCode, StationError
from almrr_core.imaging import crop, read_picture
from almrr_core.judge import TAIL_FIT_FROM
from almrr_core.lifecycle.pools import HELD_OUT_SHARE, TRAIN_SHARE
from almrr_core.lifecycle.quality import SAME, Look, look_of, nearest, robust
from almrr_core.store.store import Store
from almrr_core.types import Geometry, Label, Pool, SampleRow

FEWEST_TRAIN, FEWEST_HELD_OUT = 10, 2
ALIKE, ALL_ALIKE = 0.3, 0.9  # shares of normals that show the same as another: a warning, a fault
COMPARED = 200  # normals at most, evenly chosen, that are compared for being alike
ROOM = 300_000_000  # bytes that a training may need for bundle and checkpoint
# A suspect's distance: at least LONELY times the usual one, and so many robust deviations above it. On 160
# normals of mt_defect with a dark disc in 8 of them 3, 6, 8 and 6 were found at radii of 4, 8, 16 and 30 px;
# of the 152 untouched ones 2 were named.
LONELY, LONELY_SPREADS = 1.5, 4.0

Done = Callable[[int, int], None]


class Doubt(StrEnum):
    """What a warning is about."""

    FEW_HELD_OUT = "few_held_out"
    ALIKE = "alike"
    MIXED_SIZES = "mixed_sizes"
    TRAINED_ON = "trained_on"
    SUSPECT = "suspect"


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning before a training; the training is possible all the same. `samples` are what it is about."""

    doubt: Doubt
    sentence: str
    samples: tuple[SampleRow, ...] = ()


def normals_of(store: Store, product: str) -> tuple[tuple[SampleRow, ...], tuple[SampleRow, ...]]:
    """Return the normals to train on and those held out for calibration; raises TOO_FEW_NORMALS."""
    rows = [one for one in store.samples(product) if one.label is Label.GOOD]
    train = tuple(one for one in rows if one.pool is Pool.TRAIN)
    held_out = tuple(one for one in rows if one.pool is Pool.CALIBRATE)
    if len(train) >= FEWEST_TRAIN and len(held_out) >= FEWEST_HELD_OUT:
        return train, held_out
    missing = ((FEWEST_TRAIN - len(train)) / TRAIN_SHARE, (FEWEST_HELD_OUT - len(held_out)) / HELD_OUT_SHARE)
    raise StationError(
        ErrorCode.TOO_FEW_NORMALS,
        f"{product} has {len(train)} normal pictures to train on and {len(held_out)} to calibrate with; "
        f"a training needs {FEWEST_TRAIN} and {FEWEST_HELD_OUT}.",
        f"Add about {max(5, ceil(max(missing)))} normal pictures: each finds its own pool.",
    )


def unseen(
    held_out: tuple[SampleRow, ...], trained: Collection[str]
) -> tuple[tuple[SampleRow, ...], tuple[Warned, ...]]:
    """Return the held-out normals for going on from a model that was trained on `trained` (hashes of pictures).

    Those among them would make the limits too low: they are left out where FEWEST_HELD_OUT others remain.
    """
    known = frozenset(trained)
    seen = tuple(one for one in held_out if one.sha256 in known)
    if not seen:
        return held_out, ()
    rest = tuple(one for one in held_out if one.sha256 not in known)
    counted = f"{len(seen)} of the {len(held_out)} normals that calibrate"
    if len(rest) >= FEWEST_HELD_OUT:
        sentence = f"{counted} {_is(seen)} left out: the model to go on from was trained on them."
        return rest, (Warned(Doubt.TRAINED_ON, sentence, seen),)
    sentence = (
        f"The model to go on from was trained on {counted}, so the limits may come out too low: "
        "a full training is the honest way."
    )
    return held_out, (Warned(Doubt.TRAINED_ON, sentence, seen),)


def _is(rows: Sequence[SampleRow]) -> str:
    return "is" if len(rows) == 1 else "are"


def check(store: Store, product: str, geometry: Geometry) -> tuple[Warned, ...]:
    """Look at the normals and the disk; reads at most COMPARED pictures.

    Raises TOO_FEW_NORMALS (too few, or all alike), GEOMETRY_MISMATCH for a picture that the region of interest
    does not lie in, DISK_FULL and PICTURE_UNREADABLE.
    """
    train, held_out = normals_of(store, product)
    _check_room(store)
    rows = _evenly([*train, *held_out], COMPARED)
    looks, sizes = list[Look](), dict[tuple[int, int], list[SampleRow]]()
    for row in rows:
        picture = read_picture(store.folder / row.path)
        crop(picture, geometry.roi)
        looks.append(look_of(picture))
        sizes.setdefault((picture.shape[1], picture.shape[0]), []).append(row)
    return (*_few(held_out), *_alike(looks, rows), *_mixed(sizes, geometry))


def _evenly(rows: list[SampleRow], most: int) -> list[SampleRow]:
    return rows[:: max(1, -(-len(rows) // most))]


def _check_room(store: Store) -> None:
    free = store.disk_left()
    if free < ROOM:
        sentence = (
            f"The disk of {store.folder} has {free / 1e6:.0f} MB left; a training needs {ROOM / 1e6:.0f} MB."
        )
        raise StationError(ErrorCode.DISK_FULL, sentence, "Free disk space, or keep fewer pictures.")


def _few(held_out: Sequence[SampleRow]) -> tuple[Warned, ...]:
    if len(held_out) >= TAIL_FIT_FROM:
        return ()
    sentence = (
        f"Only {len(held_out)} normals calibrate: the limits will be provisional below {TAIL_FIT_FROM}."
    )
    return (Warned(Doubt.FEW_HELD_OUT, sentence),)


def _alike(looks: Sequence[Look], rows: Sequence[SampleRow]) -> tuple[Warned, ...]:
    same = nearest(looks) < SAME
    share = float(same.mean())
    if share >= ALL_ALIKE:
        raise StationError(
            ErrorCode.TOO_FEW_NORMALS,
            f"The normal pictures are all alike: {share:.0%} of them show the same as another one.",
            "Add pictures of different parts, not one part again and again.",
        )
    if share < ALIKE:
        return ()
    chosen = tuple(row for row, is_same in zip(rows, same, strict=True) if is_same)
    return (Warned(Doubt.ALIKE, f"{share:.0%} of the normal pictures show the same as another one.", chosen),)


def _mixed(sizes: dict[tuple[int, int], list[SampleRow]], geometry: Geometry) -> tuple[Warned, ...]:
    if len(sizes) < 2 or geometry.tile is not None:  # tiles are cut at one scale, whatever the size
        return ()
    usual = max(sizes, key=lambda size: len(sizes[size]))
    odd = tuple(row for size, rows in sizes.items() if size != usual for row in rows)
    sentence = f"{len(odd)} of the normal pictures are not {usual[0]} x {usual[1]} pixels, the usual size."
    return (Warned(Doubt.MIXED_SIZES, sentence, odd),)


def suspects(
    store: Store, product: str, geometry: Geometry, bundle: Path | None = None, done: Done | None = None
) -> tuple[Warned, ...]:
    """Return at most one warning that names the normals which might be defects, the oddest first.

    It reads the normals, of many an even choice of `suspects.MOST`, through the backbone: about 50 ms for each
    tile on a CPU, of which no more than that many are compared. Raises as `suspects.loneliness`.
    """
    from almrr_core.train.suspects import MOST, loneliness

    rows = _evenly([row for part in normals_of(store, product) for row in part], MOST)
    far = loneliness([store.folder / row.path for row in rows], geometry, bundle, None, done).astype(float)
    middle, spread = robust(far)
    limit = max(LONELY * middle, middle + LONELY_SPREADS * spread)
    chosen = tuple(rows[i] for i in np.argsort(-far) if far[i] > limit)
    if not chosen:
        return ()
    look = "looks" if len(chosen) == 1 else "look"
    sentence = f"{len(chosen)} of the normal pictures {look} unlike all others: is there a defect among them?"
    return (Warned(Doubt.SUSPECT, sentence, chosen),)
