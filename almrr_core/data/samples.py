"""Which normal pictures train and which are held out for calibration, and both as model inputs."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from almrr_core.data.tiling import cut
from almrr_core.errors import ErrorCode, StationError
from almrr_core.files import sha256_of
from almrr_core.imaging import crop, fit, read_picture, to_rgb
from almrr_core.types import Box, Geometry, Picture

FEWEST_WHOLE = 10  # with fewer pictures each one is divided into blocks


@dataclass(frozen=True, slots=True)
class Sample:
    """A normal picture, or the block `box` of it (in pixels of the picture as read).

    `sha256` is the picture's `content_hash`, by which the pools know it too; `bit_depth` that of a 16-bit file.
    """

    path: Path
    sha256: str
    box: Box | None = None
    bit_depth: int | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """The samples that train and those held out for calibration and model choice; neither is empty."""

    train: tuple[Sample, ...]
    held_out: tuple[Sample, ...]


def content_hash(picture: Picture) -> str:
    """Return the SHA-256 of a picture's size and pixels; a gray picture is the same as RGB or gray."""
    if picture.ndim == 3 and (picture == picture[..., :1]).all():
        picture = picture[..., 0]
    digest = hashlib.sha256(repr(picture.shape).encode())
    digest.update(np.ascontiguousarray(picture).data)
    return digest.hexdigest()


def split_normals(
    paths: Iterable[Path],
    held_out: float = 0.2,
    geometry: Geometry | None = None,
    bit_depth: int | None = None,
) -> Split:
    """Divide normal pictures by the hash of their files; pictures with the same pixels count once.

    From FEWEST_WHOLE pictures up a picture's side depends on its own file alone, whatever else is
    there; only where a side would be empty the nearest picture crosses over. With fewer, each picture
    gives a block to both sides: its longer axis is cut once, near the start or the end by its hash.
    `geometry` keeps the blocks in its region of interest and makes the held-out one a tile wide where
    half the picture has room for it. Raises TOO_FEW_NORMALS, PICTURE_UNREADABLE, GEOMETRY_MISMATCH.
    """
    if not 0 < held_out < 1:
        raise StationError(ErrorCode.BAD_ARGUMENT, f"A held-out share of {held_out} is not between 0 and 1.")
    samples = _without_copies(paths, bit_depth)
    if not samples:
        raise StationError(
            ErrorCode.TOO_FEW_NORMALS, "There are no normal pictures to train on.", "Give at least one."
        )
    if len(samples) < FEWEST_WHOLE:
        return _by_blocks(samples, held_out, geometry or Geometry())
    return _by_content(samples, held_out)


def _without_copies(paths: Iterable[Path], bit_depth: int | None) -> dict[str, Sample]:
    """Return each picture once, by its file's hash: that has always divided them, and figures rest on it."""
    samples, known = dict[str, Sample](), set[str]()
    for path in paths:
        try:
            digest = sha256_of(path)
        except OSError:
            read_picture(path)  # says what is wrong in a sentence
            raise
        if digest in samples:
            continue
        sha256 = content_hash(read_picture(path, bit_depth))
        if sha256 not in known:
            samples[digest] = Sample(path, sha256, bit_depth=bit_depth)
            known.add(sha256)
    return samples


def _fraction(digest: str) -> float:
    """Return a number in 0..1 that only the file decides."""
    return int(digest[:13], 16) / 16**13


def _by_content(samples: Mapping[str, Sample], held_out: float) -> Split:
    fractions = sorted(map(_fraction, samples))
    border = min(max(held_out, np.nextafter(fractions[0], 1)), fractions[-1])  # one on each side at least
    out = tuple(sample for digest, sample in samples.items() if _fraction(digest) < border)
    train = tuple(sample for digest, sample in samples.items() if _fraction(digest) >= border)
    return Split(train, out)


def _by_blocks(samples: Mapping[str, Sample], held_out: float, geometry: Geometry) -> Split:
    train, out = [], []
    for digest, sample in samples.items():
        picture = read_picture(sample.path, sample.bit_depth)
        crop(picture, geometry.roi)  # refuses a region that is not inside
        area = geometry.roi or Box(0, 0, picture.shape[1], picture.shape[0])
        large, small = _two_blocks(area, held_out, geometry, at_start=int(digest[-1], 16) % 2 == 0)
        train.append(replace(sample, box=large))
        out.append(replace(sample, box=small))
    return Split(tuple(train), tuple(out))


def _two_blocks(area: Box, held_out: float, geometry: Geometry, at_start: bool) -> tuple[Box, Box]:
    """Return the training and the held-out block, which share no pixel and fill the area."""
    length = max(area.width, area.height)
    if length < 2:
        raise StationError(
            ErrorCode.TOO_FEW_NORMALS, "A picture of one pixel cannot be divided.", "Give larger pictures."
        )
    if geometry.tile is None:
        least = -(-length // geometry.input_size)  # a pixel of the model's input
    else:
        least = int(np.ceil(geometry.tile / geometry.scale))
    small = min(max(1, round(length * held_out)), length - 1)
    if small < least <= length // 2:
        small = least
    first, second = (small, length - small) if at_start else (length - small, small)
    if area.width >= area.height:
        blocks = [replace(area, width=first), replace(area, x=area.x + first, width=second)]
    else:
        blocks = [replace(area, height=first), replace(area, y=area.y + first, height=second)]
    return (blocks[1], blocks[0]) if at_start else (blocks[0], blocks[1])


def load_inputs(samples: Iterable[Sample], geometry: Geometry) -> NDArray[np.uint8]:
    """Return all tiles or whole pictures of the samples as model inputs (N, s, s, 3) RGB uint8.

    Order: samples, then their tiles by rows. Memory grows with N·s²·3 bytes (s 256: 0.2 MB each).
    Raises PICTURE_UNREADABLE naming the file, GEOMETRY_MISMATCH.
    """
    parts = deque(sample_inputs(sample, geometry) for sample in samples)
    side, at = geometry.input_size, 0
    inputs = np.empty((sum(map(len, parts)), side, side, 3), np.uint8)
    while parts:  # each part is let go once copied, so that the peak stays near one set
        part = parts.popleft()
        inputs[at : at + len(part)] = part
        at += len(part)
    return inputs


def sample_inputs(sample: Sample, geometry: Geometry) -> NDArray[np.uint8]:
    """Return the model inputs (n, s, s, 3) RGB uint8 of one sample; gray is replicated.

    A block is shown at the scale at which the line shows whole pictures: tiles are cut inside it, and
    in whole-picture mode it is cut from the resized picture. What is smaller than an input is
    continued by reflection, never stretched; in whole-picture mode it stays in its place.
    """
    picture = read_picture(sample.path, sample.bit_depth)
    if sample.box is None:
        return cut(picture, geometry)[0]
    if geometry.tile is not None:
        return cut(picture, replace(geometry, roi=sample.box))[0]
    return _whole_block(picture, sample.box, geometry)[None]


def _whole_block(picture: Picture, box: Box, geometry: Geometry) -> NDArray[np.uint8]:
    side = geometry.input_size
    area = geometry.roi or Box(0, 0, picture.shape[1], picture.shape[0])
    crop(picture, box)
    left, right = (round((x - area.x) * side / area.width) for x in (box.x, box.x + box.width))
    top, bottom = (round((y - area.y) * side / area.height) for y in (box.y, box.y + box.height))
    block = fit(picture, geometry)[top:bottom, left:right]  # both blocks round their border alike
    around = (top, side - bottom, left, side - right)  # it stays in its place: the model knows places
    return to_rgb(np.asarray(cv2.copyMakeBorder(block, *around, cv2.BORDER_REFLECT_101), np.uint8))
