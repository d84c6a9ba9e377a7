"""16-bit files of cameras with fewer bits: what is stored low is read as nearly black."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from almrr_core.errors import StationError
from almrr_core.imaging import read_picture

LOOKED_AT = 8  # pictures, evenly picked
USUAL = 12  # bits of most cameras that store 16


def unused_bits(paths: Sequence[Path]) -> bool:
    """Return whether pictures have 16 bits and none of those looked at uses more than USUAL.

    Unreadable ones are passed over here; who reads them says so.
    """
    picked = paths[:: max(1, len(paths) // LOOKED_AT)][:LOOKED_AT]
    found = [_unused(path) for path in picked]
    return True in found and False not in found


def _unused(path: Path) -> bool | None:
    """Return None for what has 8 bits or cannot be read."""
    try:
        whole, fewer = read_picture(path), read_picture(path, USUAL)
    except StationError:
        return None
    if np.array_equal(whole, fewer):
        return None
    return int(whole.max()) < 1 << 8 - (16 - USUAL)
