"""One database: many readers, one writer at a time, and its faults in words."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from almrr_core.errors import ErrorCode, StationError
from almrr_core.files import write_failed

BUSY_SECONDS = 10.0  # how long a write waits for another program
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the last is a limit on the size of one file
_ENOUGH = 1 << 20  # bytes free under which an I/O error is a full disk
_WRITES = "almrr_writes"  # execution option: this transaction will write


class Database:
    """Reads may run on any thread, each on a connection of its own; writes pass one lock."""

    def __init__(
        self, url: str | URL, folder: Path, busy_seconds: float = BUSY_SECONDS, foreign_keys: bool = True
    ) -> None:
        self.url, self.folder = make_url(url), folder
        self._lock = threading.Lock()
        self._engine = _build_engine(self.url, busy_seconds, foreign_keys)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection that sees one moment of the log."""
        with _in_words(self.url, self.folder), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that is committed, or on any exception rolled back."""
        with (
            _in_words(self.url, self.folder),
            self._lock,
            self._engine.connect().execution_options(**{_WRITES: True}) as connection,
            connection.begin(),
        ):
            yield connection

    def close(self) -> None:
        """Close all connections; SQLite then moves its write-ahead log into the file."""
        self._engine.dispose()


def _build_engine(url: URL, busy_seconds: float, foreign_keys: bool) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url)
    engine = create_engine(url, connect_args={"timeout": busy_seconds})

    def connected(connection: Any, entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = (
            None  # we say BEGIN ourselves: the driver's own leaves out DDL and SELECT
        )
        for pragma in ("journal_mode=WAL", "synchronous=FULL", f"foreign_keys={int(foreign_keys)}"):
            connection.execute(f"PRAGMA {pragma}")

    def begun(connection: Connection) -> None:
        # a writer takes its lock at once: one that read first could not wait for another's
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    return engine


@contextmanager
def _in_words(url: URL, folder: Path) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        fault = sqlite_fault(error.orig, Path(url.database or ""), folder)
        if fault is None:
            raise
        raise fault from error


def sqlite_fault(error: BaseException | None, path: Path, folder: Path) -> StationError | None:
    """Return what a person should know of an error of SQLite at `path`; None where it is a bug."""
    if not isinstance(error, sqlite3.Error):
        return None
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte: the kind without its detail
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        sentence = f"The log {path} is locked by another program."
        return StationError(ErrorCode.LOG_LOCKED, sentence, "Close what else has it open.", path=str(path))
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return log_damaged(path, str(error))
    if code == sqlite3.SQLITE_FULL:
        return disk_full(folder)
    if code == sqlite3.SQLITE_IOERR and shutil.disk_usage(folder).free < _ENOUGH:
        return disk_full(folder)
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        return write_failed(path, OSError(str(error)))
    return None


def disk_full(folder: Path) -> StationError:
    """Return the fault for a disk without room."""
    sentence = f"The disk of {folder} is full: nothing can be recorded."
    remedy = "Free disk space, or keep fewer pictures (Settings, retention)."
    return StationError(ErrorCode.DISK_FULL, sentence, remedy, folder=str(folder))


def log_damaged(path: Path, what: str) -> StationError:
    """Return the fault for a log that cannot be read; nobody touches the file."""
    sentence = f"The log {path} cannot be used: {what}. It was left as it is."
    remedy = "Move it away to start a new log, or put back a copy from the folder backups."
    return StationError(ErrorCode.LOG_DAMAGED, sentence, remedy, path=str(path))


def file_fault(error: OSError, path: Path, folder: Path) -> StationError:
    """Return the fault for a file that could not be written."""
    return disk_full(folder) if error.errno in FULL else write_failed(path, error)
