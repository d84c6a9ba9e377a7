"""Where pictures lie: DIR/pictures/YYYY/MM/DD/<part>.png (UTC), the raw map beside it as <part>.npy (float16).

A crash may come between a file and its row. While a part is being recorded, or its picture deleted, a small
mark lies in DIR/pictures/.unfinished, named by the picture; at the next start the marks say what to clean
up, without looking through a million files.
"""

from __future__ import annotations

import io
import itertools
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

import numpy as np

from almrr_core.errors import StationError
from almrr_core.files import write_atomic
from almrr_core.imaging import read_picture, write_png
from almrr_core.store.database import file_fault
from almrr_core.types import Mask, Picture, Record, ScoreMap

FOLDER = "pictures"
_HALF = np.finfo(np.float16)
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.+=-]+")
_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")  # names Windows keeps for itself
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture on disk: its path below the data folder ("": none was kept), its bytes and the map's."""

    picture: str
    size: int


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A mark that was still there: which part and view, and the picture that may lie half done."""

    part_id: str
    view: str
    picture: str
    mark: Path


class Pictures:
    """The picture folder of one log; safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._marks = folder / FOLDER / ".unfinished"
        try:
            self._marks.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise file_fault(error, self._marks, folder) from error

    @contextmanager
    def recording(self, record: Record, keep: bool) -> Iterator[Kept]:
        """Write picture and map whole, yield them for the row, and remove them again if that raises.

        Raises DISK_FULL and WRITE_FAILED.
        """
        picture, mark = self._reserve(record)
        try:
            yield self._write(picture, record) if keep and record.frame.picture is not None else Kept("", 0)
        except BaseException:
            self._remove(picture)
            raise
        finally:
            with suppress(OSError):
                mark.unlink()

    def announce(self, doomed: Sequence[tuple[str, str, str]]) -> None:
        """Mark pictures (part id, view, path) that are about to leave their rows."""
        for part_id, view, picture in doomed:
            self._mark(picture, part_id, view, "w")

    def delete(self, doomed: Sequence[tuple[str, str, str]]) -> None:
        """Delete pictures that left their rows, with their maps and marks."""
        for _, _, picture in doomed:
            self._remove(picture)
            with suppress(OSError):
                self._mark_path(picture).unlink()

    def unfinished(self) -> list[Unfinished]:
        """Return what a crash left, oldest name first."""
        found = []
        for mark in sorted(self._marks.glob("*.png")):
            part_id, _, view = mark.read_text(encoding="utf-8", errors="replace").partition("\n")
            found.append(Unfinished(part_id, view, self._picture_of(mark.name), mark))
        return found

    def clean(self, left: Unfinished, keep_picture: bool) -> None:
        """Remove a mark with the temporary files of its day, and its picture unless a row names it."""
        for temporary in (self._folder / left.picture).parent.glob(".*.tmp"):
            with suppress(OSError):
                temporary.unlink()
        if not keep_picture:
            self._remove(left.picture)
        with suppress(OSError):
            left.mark.unlink()

    def load(self, picture: str) -> tuple[Picture | None, ScoreMap | None, str]:
        """Return picture, map (h, w) float32 and "", or what is missing and why."""
        path = self._folder / picture
        score_map = self._load_map(path.with_suffix(".npy"))
        try:
            return read_picture(path), score_map, ""
        except StationError as error:
            return None, score_map, error.sentence

    def load_mask(self, picture: str) -> Mask | None:
        """Return the (H, W) mask beside a picture, None where nobody drew one; raises PICTURE_UNREADABLE."""
        path = mask_path(self._folder / picture)
        return np.asarray(read_picture(path) > 127) if path.is_file() else None

    def write_mask(self, picture: str, mask: Mask) -> None:
        """Write a mask beside a picture as PNG of 0 and 255; raises DISK_FULL and WRITE_FAILED."""
        path = mask_path(self._folder / picture)
        try:
            write_png(path, mask.astype(np.uint8) * np.uint8(255))
        except StationError as error:
            cause = error.__cause__
            fault = file_fault(cause, path, self._folder) if isinstance(cause, OSError) else error
            raise fault from error

    def _reserve(self, record: Record) -> tuple[str, Path]:
        """Return a free path and its mark; parts whose ids look alike as file names get a number."""
        day = f"{record.decided_at.astimezone(UTC):%Y/%m/%d}"
        name = _file_name(record.request.part_id)
        for number in itertools.count(1):
            picture = f"{FOLDER}/{day}/{name if number == 1 else f'{name}-{number}'}.png"
            if (self._folder / picture).exists():
                continue
            with suppress(FileExistsError):
                return picture, self._mark(picture, record.request.part_id, record.view, "x")
        raise AssertionError("unreachable: counting has no end")

    def _mark(self, picture: str, part_id: str, view: str, mode: str) -> Path:
        mark = self._mark_path(picture)
        try:
            with mark.open(mode, encoding="utf-8", errors="backslashreplace", newline="") as stream:
                stream.write(f"{part_id}\n{view}")
        except FileExistsError:
            raise
        except OSError as error:
            with suppress(OSError):
                mark.unlink(missing_ok=True)  # an empty one would name no part
            raise file_fault(error, mark, self._folder) from error
        return mark

    def _mark_path(self, picture: str) -> Path:
        return self._marks / picture.removeprefix(f"{FOLDER}/").replace("/", ",")

    @staticmethod
    def _picture_of(mark_name: str) -> str:
        return f"{FOLDER}/{mark_name.replace(',', '/')}"

    def _write(self, picture: str, record: Record) -> Kept:
        path = self._folder / picture
        assert record.frame.picture is not None
        try:
            write_png(path, record.frame.picture)
            size = path.stat().st_size
            if record.model_map is not None:
                size += _write_map(path.with_suffix(".npy"), record.model_map)
            _sync_folder(path.parent)
        except StationError as error:
            cause = error.__cause__
            fault = file_fault(cause, path, self._folder) if isinstance(cause, OSError) else error
            raise fault from error
        return Kept(picture, size)

    def _remove(self, picture: str) -> None:
        path = self._folder / picture
        for file in (path, path.with_suffix(".npy"), mask_path(path)):
            with suppress(OSError):
                file.unlink()

    @staticmethod
    def _load_map(path: Path) -> ScoreMap | None:
        try:
            return np.asarray(np.load(path, allow_pickle=False), np.float32)
        except (OSError, ValueError, EOFError):
            return None


def mask_path(picture: Path) -> Path:
    """Return where the mask of a picture lies; no part's file can have that name."""
    return picture.with_name(f"{picture.stem}~mask.png")


def _file_name(part_id: str) -> str:
    name = _NOT_IN_A_NAME.sub("_", part_id)[:_LONGEST].lstrip(".") or "part"
    return f"_{name}" if _DEVICE.match(name) else name


def _write_map(path: Path, score_map: ScoreMap) -> int:
    buffer = io.BytesIO()
    np.save(buffer, np.clip(score_map, _HALF.min, _HALF.max).astype(np.float16))
    write_atomic(path, buffer.getvalue())
    return buffer.tell()


def _sync_folder(folder: Path) -> None:
    """Make renames last through a power cut before the row that names them is written; Windows can't."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
