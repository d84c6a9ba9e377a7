"""The log for other programs: CSV, and ZIP with the pictures. Both are whole or not there."""

from __future__ import annotations

import csv
import io
import math
import os
import shutil
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from sqlalchemy import Connection, select

from almrr_core.errors import ErrorCode, StationError
from almrr_core.store import queries
from almrr_core.store.database import Database, file_fault
from almrr_core.store.tables import inspection, utc_text
from almrr_core.types import LogFilter, LogOrder, LogRow

_AT_ONCE = 500
_CSV_IN_ZIP = "inspections.csv"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would calculate with it
COLUMNS = (
    *("inspection", "part", "decided_at_utc", "product", "source", "verdict", "score", "review_limit"),
    *("fail_limit", "model", "recipe_version", "latency_ms", "lot", "serial", "name", "reason", "truth"),
    *("label", "defect_class", "picture"),
)


Stop = Callable[[], bool]


def never() -> bool:
    """Go on to the end."""
    return False


def export_csv(database: Database, wanted: LogFilter, target: Path, stop: Stop = never) -> int:
    """Write the inspections, newest first, as CSV (UTF-8 with BOM, comma, one head line); return how many.

    A text that a spreadsheet would take for a formula gets an apostrophe in front; `picture` is the path
    below the data folder. Raises DISK_FULL, WRITE_FAILED, and EXPORT_STOPPED once `stop` says so.
    """
    with _whole(target) as partial, partial.open("w", encoding="utf-8-sig", newline="") as stream:
        return _write_rows(stream, _rows(database, wanted), _nothing, stop)


def export_zip(database: Database, folder: Path, wanted: LogFilter, target: Path, stop: Stop = never) -> int:
    """Write `inspections.csv` and the pictures with their maps, by their paths below the data folder, as ZIP.

    Returns the number of inspections. A picture that retention deletes meanwhile is left out. Raises as
    `export_csv`.
    """
    with (
        _whole(target) as partial,
        # a clock that jumped may have dated a picture before 1980
        zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive,
        tempfile.TemporaryFile(dir=target.parent) as table,
    ):
        text = io.TextIOWrapper(table, "utf-8-sig", newline="")

        def add(picture: str) -> None:
            stem = picture.removesuffix(".png")
            for name in (picture, f"{stem}.npy", f"{stem}~mask.png"):
                with suppress(FileNotFoundError):
                    archive.write(folder / name, name)

        count = _write_rows(text, _rows(database, wanted), add, stop)
        text.flush()
        table.seek(0)
        entry = zipfile.ZipInfo(_CSV_IN_ZIP)
        entry.compress_type = zipfile.ZIP_DEFLATED
        with archive.open(entry, "w", force_zip64=True) as stream:
            shutil.copyfileobj(table, stream)
        text.detach()
        return count


def _nothing(picture: str) -> None:
    """Leave the picture where it is."""


def _write_rows(
    stream: TextIO, rows: Iterator[tuple[LogRow, str | None]], with_picture: Callable[[str], None], stop: Stop
) -> int:
    writer, count = csv.writer(stream), 0
    writer.writerow(COLUMNS)
    for row, picture in rows:
        if stop():
            raise StationError(ErrorCode.EXPORT_STOPPED, "The export was stopped; nothing was written.")
        writer.writerow(_cells(row, picture))
        if picture is not None:
            with_picture(picture)
        count += 1
    return count


def _cells(row: LogRow, picture: str | None) -> list[str]:
    score = "" if math.isnan(row.score) else repr(row.score)
    numbers = (repr(row.review_limit), repr(row.fail_limit))
    made_by = (row.model_id, str(row.recipe_version), f"{row.latency_ms:.1f}")
    texts = (row.lot, row.serial, row.name, row.reason, row.truth or "", row.label or "", row.defect_class)
    source = (_plain(row.product), _plain(row.source_id), row.verdict.value)
    first = (str(row.inspection_id), _plain(row.part_id), utc_text(row.at))
    return [*first, *source, score, *numbers, *made_by, *map(_plain, texts), picture or ""]


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _rows(database: Database, wanted: LogFilter) -> Iterator[tuple[LogRow, str | None]]:
    """Return rows with their pictures' paths, page by page, so that memory stays small."""
    last: LogRow | None = None
    while True:
        with database.read() as connection:
            page = queries.page(connection, wanted, LogOrder.NEWEST, last, _AT_ONCE)
            pictures = _pictures(connection, page)
        yield from ((row, pictures[row.inspection_id]) for row in page)
        if len(page) < _AT_ONCE:
            return
        last = page[-1]


def _pictures(connection: Connection, page: tuple[LogRow, ...]) -> dict[int, str | None]:
    ids = [row.inspection_id for row in page]
    query = select(inspection.c.id, inspection.c.picture).where(inspection.c.id.in_(ids))
    return {row.id: row.picture for row in connection.execute(query)}


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """Yield a file beside `target` that replaces it at the end, and is removed on any exception."""
    partial = target.with_name(f".{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with partial.open("rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(partial, target)
    except OSError as error:
        raise file_fault(error, target, target.parent) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
