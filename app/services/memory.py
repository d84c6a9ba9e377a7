"""How memory goes back to the system: glibc keeps what is freed, in a heap for each thread.

Left alone it held 240 MiB that nobody used beside 270 MiB in use after four minutes of the demo line, and more
by and by. On other systems nothing is done here.
"""

from __future__ import annotations

import ctypes
import sys

HEAPS = 2  # for all threads; each keeps what the largest moment of its threads took
_ARENA_MAX = -8  # of glibc's malloc.h


def limit_heaps() -> None:
    """Keep few heaps; for the start, before there are threads.

    Mapping large arrays by themselves (M_MMAP_THRESHOLD) would also keep the heaps small, but then their pages
    are made anew for every part: from 1 MiB up it cost a third of a part's time, from 4 MiB up a tenth at 5 MP.
    """
    library = _glibc()
    if library is not None:
        library.mallopt(_ARENA_MAX, HEAPS)


def give_back() -> None:
    """Return what is free in the heaps to the system; it takes some ms, so not on the GUI thread."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(ctypes.c_size_t(0))


def _glibc() -> ctypes.CDLL | None:
    """Return the C library where it is glibc."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
