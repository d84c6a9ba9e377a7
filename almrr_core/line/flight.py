"""The parts in flight: asked for or taken, not yet in the log. Noted in a small file, so a crash loses no name.

The file has one line of fixed length per part, overwritten in place and never synced: it outlives the death of
the program, which is what it is for. After a power cut it may be behind by some parts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from almrr_core.errors import ErrorCode, StationError
from almrr_core.files import write_failed
from almrr_core.types import PartId

LONGEST_ID = 64  # ASCII characters
_SLOT = LONGEST_ID + 1
_EMPTY = PartId("")


class InFlight:
    """A set of part ids that several threads use; with a path it is mirrored there, from empty on.

    A file that cannot be written is told to `failed`; the set itself is right all the same.
    """

    def __init__(self, path: Path | None, failed: Callable[[StationError], None]) -> None:
        self._path, self._failed = path, failed
        self._lock = threading.Lock()
        self._slots: list[PartId] = []
        if path is not None:
            try:
                path.write_bytes(b"")
            except OSError as error:
                failed(write_failed(path, error))

    def add(self, part_id: PartId) -> None:
        """Note a part; raises TRIGGER_REFUSED for one that is in flight already."""
        with self._lock:
            if part_id in self._slots:
                raise duplicate(part_id)
            at = self._slots.index(_EMPTY) if _EMPTY in self._slots else len(self._slots)
            self._slots[at : at + 1] = [part_id]
            self._write(at, part_id)

    def remove(self, part_id: PartId) -> None:
        """Forget a part that is in the log or was refused."""
        with self._lock:
            at = self._slots.index(part_id)
            self._slots[at] = _EMPTY
            self._write(at, _EMPTY)

    def _write(self, at: int, part_id: PartId) -> None:
        if self._path is None:
            return
        try:
            with self._path.open("r+b", buffering=0) as stream:
                stream.seek(at * _SLOT)
                stream.write(part_id.ljust(_SLOT - 1).encode("ascii") + b"\n")
        except OSError as error:
            self._failed(write_failed(self._path, error))


def left_over(path: Path) -> tuple[PartId, ...]:
    """Return the ids that the file of an ended line still names; nothing where there is no such file."""
    try:
        text = path.read_bytes().decode("ascii", "replace")
    except OSError:
        return ()
    return tuple(PartId(line.strip()) for line in text.splitlines() if line.strip())


def duplicate(part_id: str) -> StationError:
    """Return the fault for a part id that was given before."""
    return StationError(
        ErrorCode.TRIGGER_REFUSED,
        f"The part id {part_id} was given before.",
        "Give every part an id of its own.",
    )
