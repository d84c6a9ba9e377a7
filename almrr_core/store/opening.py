"""Taking a data folder: one station at a time, its log brought up to date, what a crash left cleaned up."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import URL, Connection, select

from almrr_core.errors import ErrorCode, StationError
from almrr_core.store import schema
from almrr_core.store.database import Database, file_fault
from almrr_core.store.missing import name_missing
from almrr_core.store.pictures import Pictures, Unfinished
from almrr_core.store.recording import part_number, storable
from almrr_core.store.tables import inspection
from almrr_core.types import Actor

FILE_NAME, LOCK_NAME, BACKUPS = "log.sqlite", "station.lock", "backups"
STATION = Actor("station")  # who does what nobody did


def lock_folder(folder: Path) -> FileLock:
    """Make the folder and take its lock, which ends with the process; raises STATION_RUNNING, WRITE_FAILED."""
    lock = FileLock(folder / LOCK_NAME, timeout=0, thread_local=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        sentence = f"Another station is running on the data folder {folder}."
        remedy = "Close it, or choose another data folder."
        raise StationError(ErrorCode.STATION_RUNNING, sentence, remedy, folder=str(folder)) from error
    except OSError as error:
        raise file_fault(error, folder, folder) from error
    return lock


def open_database(folder: Path, url: str | None, busy_seconds: float) -> Database:
    """Return the log with the newest tables: DIR/log.sqlite, or what the URL of a server names.

    Raises LOG_NEWER, LOG_DAMAGED, LOG_LOCKED, DISK_FULL, WRITE_FAILED.
    """
    path = folder / FILE_NAME
    place: str | URL = url or URL.create("sqlite", database=str(path))
    if url is not None or schema.stored_version(path, busy_seconds) != schema.HEAD:
        # a migration copies tables: foreign keys would take the copy's drop for a deletion
        database = Database(place, folder, busy_seconds, foreign_keys=False)
        try:
            schema.migrate(database, path if url is None else None, folder / BACKUPS)
        finally:
            database.close()
    return Database(place, folder, busy_seconds)


def recover(database: Database, pictures: Pictures) -> int:
    """Clean up after a crash and return how many parts were being recorded and are not in the log."""
    found = pictures.unfinished()
    if not found:
        return 0
    with database.write() as connection:
        # a power cut may have emptied a mark: a picture that a row names stays, whatever the mark says
        pictured = inspection.c.picture.in_([left.picture for left in found])
        named = set(connection.scalars(select(inspection.c.picture).where(pictured)))
        unnamed = [left for left in found if left.picture not in named]
        lost = [
            left.part_id.strip("\0") or Path(left.picture).stem
            for left in unnamed
            if not _has_row(connection, left)
        ]
        name_missing(connection, STATION, lost, "being recorded")
    for left in found:
        pictures.clean(left, keep_picture=left.picture in named)
    return len(lost)


def _has_row(connection: Connection, left: Unfinished) -> bool:
    """Return whether a part's view is in the log, with another picture or none."""
    number = part_number(connection, left.part_id)
    where = (inspection.c.part == number, inspection.c.view == storable(left.view))
    return connection.execute(select(inspection.c.id).where(*where)).first() is not None
