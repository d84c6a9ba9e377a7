"""A product's pictures in three pools: train, calibrate, acceptance (locked, never trained on).

A picture is known by its pixels, whatever file they came in, and they decide its pool, so that it never
changes. Only what the active model knows already keeps its part when it comes in: what it was trained on
trains, what it was calibrated with calibrates, for neither can judge fairly what goes on from it. Labelled
defects only ever go to acceptance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import numpy as np

from almrr_core.data.depth import unused_bits
from almrr_core.data.samples import content_hash
from almrr_core.errors import ErrorCode, StationError
from almrr_core.files import sha256_of
from almrr_core.imaging import read_picture, write_png
from almrr_core.lifecycle.places import bundle_of, mask_file, sample_file
from almrr_core.store.store import Store
from almrr_core.types import Actor, Label, Mask, NewSample, Picture, Pool, SampleRow

TRAIN_SHARE, HELD_OUT_SHARE = 0.6, 0.2  # of the normals; the rest is for acceptance

Done = Callable[[int, int], None]  # (pictures done, pictures in all)


@dataclass(frozen=True, slots=True)
class PoolSummary:
    """What a pool holds: normals, defects, and when the newest came in (UTC)."""

    pool: Pool
    good: int
    bad: int
    newest: datetime | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A picture that did not become a sample, by its name, and why in a sentence."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Added:
    """What became of several pictures."""

    samples: tuple[SampleRow, ...]
    refused: tuple[Refused, ...]


def pool_of(sha256: str, label: Label = Label.GOOD) -> Pool:
    """Return the pool of a picture: 60 % train, 20 % calibrate, 20 % acceptance; of a defect acceptance."""
    if label is Label.BAD:
        return Pool.ACCEPTANCE
    share = int(sha256[:13], 16) / 16**13
    if share < TRAIN_SHARE:
        return Pool.TRAIN
    return Pool.CALIBRATE if share < TRAIN_SHARE + HELD_OUT_SHARE else Pool.ACCEPTANCE


def _pool_in(store: Store, product: str, hashes: set[str], label: Label) -> Pool | None:
    """Return the part that a normal has in the active model already, None for a new one and for a defect."""
    recipe = store.active_recipe(product)
    row = store.model(recipe.model_id) if recipe is not None else None
    if row is None or label is Label.BAD:
        return None
    try:
        trained, held_out = _files_of(bundle_of(store.folder, row), row.seal)
    except StationError:  # nothing can go on from a model that cannot be read
        return None
    if hashes & trained:
        return Pool.TRAIN
    return Pool.CALIBRATE if hashes & held_out else None


@lru_cache(maxsize=4)
def _files_of(bundle: Path, _seal: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the hashes of what a model was trained on and calibrated with; raises as `read_card`."""
    from almrr_core.models.bundle import read_card

    card = read_card(bundle)
    return frozenset(card.training_files), frozenset(card.held_out_files)


def add_picture(
    store: Store,
    product: str,
    picture: Picture,
    actor: Actor,
    label: Label = Label.GOOD,
    inspection_id: int | None = None,
    file_hash: str = "",
) -> SampleRow:
    """Copy a picture into the samples and add it to its pool.

    `file_hash` is the SHA-256 of the file it comes from, where there is one: models that `almrr train` of 0.4
    and before made know their pictures by it. Raises SAMPLE_REFUSED for a picture that is in a pool of the
    product already, BAD_ARGUMENT for a label other than GOOD or BAD, WRITE_FAILED, and what the store raises.
    """
    if label is Label.UNSURE:
        raise StationError(ErrorCode.BAD_ARGUMENT, "A picture nobody is sure of cannot be a sample.")
    _refuse_copy(store, product, content_hash(picture))
    new = new_sample(store, product, picture, label, inspection_id, file_hash)
    return store.add_sample(product, new.pool, new.sha256, new.path, actor, inspection_id, label)


def new_sample(
    store: Store,
    product: str,
    picture: Picture,
    label: Label,
    inspection_id: int | None,
    file_hash: str = "",
) -> NewSample:
    """Write the picture's file, which is harmless without a row, and return the row to add."""
    sha256 = content_hash(picture)
    path = sample_file(product, sha256)
    if not (store.folder / path).is_file():
        write_png(store.folder / path, picture)
    pool = _pool_in(store, product, {sha256, file_hash}, label) or pool_of(sha256, label)
    return NewSample(product, pool, sha256, path, label, inspection_id)


def _refuse_copy(store: Store, product: str, sha256: str) -> None:
    there = store.find_sample(product, sha256)
    if there is None:
        return
    kind = "a defect" if there.label is Label.BAD else "a normal"
    when = f"{there.added_at:%Y-%m-%d} by {there.added_by}"
    raise StationError(
        ErrorCode.SAMPLE_REFUSED,
        f"This picture is already in the pool {there.pool.value} as {kind}, added on {when}.",
        "A picture belongs to one pool only: leave it, or remove the sample first.",
        sample_id=there.sample_id,
    )


def add_pictures(
    store: Store,
    product: str,
    pictures: Iterable[tuple[str, Picture]],
    actor: Actor,
    label: Label = Label.GOOD,
) -> Added:
    """Add named pictures, as captured from the live source; what is refused is named, the others go in."""
    samples, refused = list[SampleRow](), list[Refused]()
    for name, picture in pictures:
        try:
            samples.append(add_picture(store, product, picture, actor, label))
        except StationError as fault:
            if fault.code is not ErrorCode.SAMPLE_REFUSED:
                raise
            refused.append(Refused(name, fault.sentence))
    return Added(tuple(samples), tuple(refused))


def add_files(
    store: Store,
    product: str,
    paths: Sequence[Path],
    actor: Actor,
    label: Label = Label.GOOD,
    done: Done | None = None,
) -> Added:
    """Add picture files; `list_files` gives those of a folder. An unreadable one is refused by name.

    Files of more than 8 bits are read by the product's bit depth. Raises SAMPLE_REFUSED where there is no
    model yet and its first pictures would be read as nearly black.
    """
    recipe = store.active_recipe(product)
    depth = recipe.bit_depth if recipe else None
    if recipe is None and unused_bits(paths):
        raise StationError(
            ErrorCode.SAMPLE_REFUSED,
            "The pictures have 16 bits and use 12 at most, so they would be taken as nearly black.",
            "Make the product's model with almrr train --bit-depth 12 (or 10), and add the product with it.",
        )
    samples, refused = list[SampleRow](), list[Refused]()
    for number, path in enumerate(paths, 1):
        try:
            picture = read_picture(path, depth)
            samples.append(add_picture(store, product, picture, actor, label, file_hash=_file_hash(path)))
        except StationError as fault:
            if fault.code not in (ErrorCode.SAMPLE_REFUSED, ErrorCode.PICTURE_UNREADABLE):
                raise
            refused.append(Refused(str(path), fault.sentence))
        if done is not None:
            done(number, len(paths))
    return Added(tuple(samples), tuple(refused))


def _file_hash(path: Path) -> str:
    with suppress(OSError):  # the picture was read: that it is gone now matters little
        return sha256_of(path)
    return ""


def list_files(folder: Path) -> list[Path]:
    """Return the pictures of a folder and below; raises FOLDER_UNUSABLE."""
    from almrr_core.data.folders import list_pictures

    return list_pictures(folder)


def add_logged(store: Store, inspection_id: int, actor: Actor, label: Label = Label.GOOD) -> SampleRow:
    """Add a picture of the log; raises SAMPLE_REFUSED, also where the log has the picture no more."""
    detail = store.detail(inspection_id)
    if detail.picture is None:
        raise StationError(
            ErrorCode.SAMPLE_REFUSED,
            f"The picture of part {detail.row.part_id} cannot be a sample: {detail.picture_note}",
            "Choose a part whose picture was kept.",
        )
    return add_picture(store, detail.row.product, detail.picture, actor, label, inspection_id)


def label_part(
    store: Store, inspection_id: int, label: Label, actor: Actor, defect_class: str = "", note: str = ""
) -> None:
    """Label an inspection, and let the pools follow in the same transaction.

    GOOD makes its picture a normal of its pool, BAD a defect of the acceptance pool, and with UNSURE it leaves
    the pools. A picture that was not kept, or is there already, changes nothing but the label. Raises
    BAD_ARGUMENT for an unknown id.
    """
    detail, new = store.detail(inspection_id), None
    if label is not Label.UNSURE and detail.picture is not None:
        new = new_sample(store, detail.row.product, detail.picture, label, inspection_id)
    store.add_label(inspection_id, label, actor, defect_class, note, new)


def remove(store: Store, sample: SampleRow, actor: Actor, reason: str) -> None:
    """Take a sample out of its pool; its row and its file stay, so that a model's lineage can be shown."""
    store.remove_sample(sample.sample_id, actor, reason)


def summary(store: Store, product: str) -> tuple[PoolSummary, ...]:
    """Return what the three pools hold, in the order of `Pool`."""
    samples = store.samples(product)
    return tuple(_summary(pool, [one for one in samples if one.pool is pool]) for pool in Pool)


def _summary(pool: Pool, samples: Sequence[SampleRow]) -> PoolSummary:
    good = sum(one.label is Label.GOOD for one in samples)
    newest = max((one.added_at for one in samples), default=None)
    return PoolSummary(pool, good, len(samples) - good, newest)


def sample_picture(store: Store, sample: SampleRow) -> Picture:
    """Return a sample's picture, also of a removed one; raises PICTURE_UNREADABLE."""
    return read_picture(store.folder / sample.path)


def set_mask(store: Store, sample: SampleRow, mask: Mask) -> None:
    """Store where the defect of a sample is, (H, W) as its picture; raises WRITE_FAILED."""
    write_png(store.folder / mask_file(sample), mask.astype(np.uint8) * np.uint8(255))


def mask_of(store: Store, sample: SampleRow) -> Mask | None:
    """Return the mask of a defect, None where nobody drew one and for a normal; raises PICTURE_UNREADABLE."""
    if sample.label is not Label.BAD:
        return None  # its file may be left from when it was a defect
    path = store.folder / mask_file(sample)
    return np.asarray(read_picture(path) > 127) if path.is_file() else None
