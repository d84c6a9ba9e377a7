"""Golden pictures: inputs with the logits that every engine must reproduce from them."""

from __future__ import annotations

import io
import math
import zipfile
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from almrr_core.models.aggregation import POOL

MOST_GOLDEN = 64  # pictures
Number = TypeVar("Number", np.uint8, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Golden:
    """Pictures (n, S, S, 3) uint8 RGB and the raw logit differences (n, M, M) float32 they must give."""

    pictures: NDArray[np.uint8]
    logits: NDArray[np.float32]


def golden_bytes(golden: Golden) -> bytes:
    """Return the npz, packed small: green, red − green, blue − green (or gray alone), as steps along rows."""
    pictures = golden.pictures[..., [1, 0, 2]]
    pictures[..., 1:] -= pictures[..., :1]  # modulo 256, as the steps
    if not pictures[..., 1:].any():
        pictures = pictures[..., 0]
    steps = np.diff(pictures, axis=2, prepend=np.uint8(0))
    stream = io.BytesIO()
    np.savez_compressed(stream, steps=steps, logits=golden.logits.astype(np.float32))
    return stream.getvalue()


def read_golden(content: bytes, side: int) -> Golden:
    """Read what `golden_bytes` wrote for inputs of `side` pixels; any exception means it is not that."""
    gray, logits = (side, side), (side // POOL, side // POOL)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        steps = _read_array(archive, "steps.npy", np.uint8, (gray, (*gray, 3)))
        wanted = _read_array(archive, "logits.npy", np.float32, (logits,))
    if len(steps) != len(wanted) or not np.isfinite(wanted).all():
        raise ValueError("pictures and logits do not belong together")
    pictures = np.cumsum(steps, axis=2, dtype=np.uint8)
    if pictures.ndim == 3:
        return Golden(np.repeat(pictures[..., None], 3, axis=3), wanted)
    pictures[..., 1:] += pictures[..., :1]
    return Golden(np.ascontiguousarray(pictures[..., [1, 0, 2]]), wanted)


def _read_array(
    archive: zipfile.ZipFile, name: str, kind: type[Number], shapes: tuple[tuple[int, ...], ...]
) -> NDArray[Number]:
    """Read (n, *one of `shapes`) with 1 ≤ n ≤ MOST_GOLDEN; the size is known before anything is unpacked."""
    with archive.open(name) as stream:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError(f"{name} has another version")
        shape, fortran, found = np.lib.format.read_array_header_1_0(stream)
        if found != kind or fortran or shape[1:] not in shapes or not 1 <= shape[0] <= MOST_GOLDEN:
            raise ValueError(f"{name} has shape {shape} and type {found}")
        size = math.prod(shape) * np.dtype(kind).itemsize
        return np.frombuffer(stream.read(size), kind).reshape(shape)
