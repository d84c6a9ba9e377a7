"""Whether a log can be used, and bringing an older one to the newest tables, its file backed up first."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path, PurePath
from struct import unpack_from

from sqlalchemy import inspect, text

from almrr_core.errors import ErrorCode, StationError
from almrr_core.store.database import Database, log_damaged, sqlite_fault

HEAD = "0001"  # the newest migration; alembic is loaded only for a log that is not there yet
MIGRATIONS = Path(__file__).parent / "migrations"
_MAGIC = b"SQLite format 3\0"
_CHECKED_WHOLE = 32 << 20  # bytes up to which every page is checked at each start (0.1 s)


def stored_version(path: Path, busy_seconds: float) -> str | None:
    """Return the migration an SQLite log stands at, None for a new one; only reads.

    Raises LOG_DAMAGED for a file that is cut short, no database or not ours, LOG_LOCKED.
    """
    if not path.exists() or path.stat().st_size == 0:
        return None
    _check_header(path)
    try:
        reading = f"{sqlite_uri(path.resolve())}?mode=ro"
        with closing(sqlite3.connect(reading, uri=True, timeout=busy_seconds)) as log:
            return _read_version(log, path)
    except sqlite3.Error as error:
        raise sqlite_fault(error, path, path.parent) or error from error


def sqlite_uri(path: PurePath) -> str:
    """Return the URI by which SQLite opens an absolute path: it refuses one that names a share's host."""
    uri = path.as_uri()
    return uri if uri.startswith("file:///") else uri.replace("file://", "file:////", 1)


def _check_header(path: Path) -> None:
    with path.open("rb") as stream:
        header = stream.read(100)
    if len(header) < 100 or not header.startswith(_MAGIC):
        raise log_damaged(path, "it is not an SQLite database")
    (page,) = unpack_from(">H", header, 16)
    (pages,) = unpack_from(">I", header, 28)
    waiting = path.with_name(f"{path.name}-wal")  # pages that are not yet in the file
    if path.stat().st_size < pages * (65536 if page == 1 else page) and not waiting.exists():
        raise log_damaged(path, "it is cut short")


def _read_version(log: sqlite3.Connection, path: Path) -> str | None:
    tables = {name for (name,) in log.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return None
    if not {"alembic_version", "inspection"} <= tables:
        raise log_damaged(path, "it is a database of another program")
    (version,) = log.execute("SELECT version_num FROM alembic_version").fetchone()
    if path.stat().st_size <= _CHECKED_WHOLE:
        (answer,) = log.execute("PRAGMA quick_check(1)").fetchone()
        if answer != "ok":
            raise log_damaged(path, f"it is damaged ({answer.splitlines()[-1]})")
    return str(version)


def migrate(database: Database, path: Path | None, backups: Path, scripts: Path = MIGRATIONS) -> None:
    """Bring the tables to the newest migration in one transaction; a log that has tables is backed up first.

    `path` is the SQLite file; None for a server, whose administrator backs it up. Raises LOG_NEWER for a
    log of a newer program, DISK_FULL, WRITE_FAILED.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    directory = ScriptDirectory.from_config(config)
    stored = _version_of(database)
    if stored is not None and stored not in {script.revision for script in directory.walk_revisions()}:
        raise _newer(path, stored)
    if stored == directory.get_current_head():
        return
    if stored is not None and path is not None:
        _back_up(path, backups, stored)
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _version_of(database: Database) -> str | None:
    with database.read() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found


def _newer(path: Path | None, stored: str) -> StationError:
    return StationError(
        ErrorCode.LOG_NEWER,
        f"The log {path or 'on the server'} was written by a newer program (its tables are at {stored}).",
        "Install the newer program, or choose another data folder.",
        stored=stored,
    )


def _back_up(path: Path, backups: Path, stored: str) -> None:
    """Copy the log, with what still waits in its write-ahead log, to backups/log-<version>-<UTC>.sqlite."""
    target = backups / f"log-{stored}-{datetime.now(UTC):%Y%m%dT%H%M%S}.sqlite"
    partial = target.with_suffix(".tmp")
    try:
        backups.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as log, closing(sqlite3.connect(partial)) as copy:
            log.backup(copy)
        with partial.open("rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(partial, target)
    except sqlite3.Error as error:
        raise sqlite_fault(error, target, backups) or error from error
    finally:
        partial.unlink(missing_ok=True)
