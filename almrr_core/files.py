"""Files that are either whole or absent: atomic writes, hashes, and frozen values as JSON."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from almrr_core.errors import ErrorCode, StationError


def resources() -> Path:
    """Return the folder of what is shipped beside the code: backbones, icons, translations."""
    return Path(__file__).resolve().parent.parent / "resources"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content as 64 hex digits; memory is constant."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_atomic(path: Path, content: bytes) -> None:
    """Write `content` to `path` by temporary file, fsync and rename; raises WRITE_FAILED."""
    if not path.name:
        raise write_failed(path, IsADirectoryError(errno.EISDIR, "it is a folder"))
    temporary = path.with_name(f".{os.getpid()}-{threading.get_ident()}.tmp")  # fits beside any legal name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise write_failed(path, error) from error


def write_json(path: Path, value: object) -> None:
    """Write `value` (JSON types only) atomically as indented UTF-8 JSON; NaN is refused."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    write_atomic(path, text.encode() + b"\n")


def read_json(path: Path) -> Any:
    """Read UTF-8 JSON; raises OSError or ValueError, which the caller names."""
    return json.loads(path.read_bytes().decode("utf-8"))


@contextmanager
def folder_in_one_step(target: Path) -> Iterator[Path]:
    """Yield a hidden folder beside `target` to be filled; on success it replaces `target`, else it is removed.

    An older `target` is moved aside first and put back if the final rename fails, or by the next call if the
    process was killed between the two renames.
    """
    partial, aside = _beside(target, "partial"), _beside(target, "old")
    if aside.exists() and not target.exists():
        aside.replace(target)
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        yield partial
        for path in partial.rglob("*"):
            if path.is_file():
                _sync(path)
        _replace_folder(partial, target)
    except OSError as error:
        raise write_failed(target, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _beside(target: Path, what: str) -> Path:
    return target.with_name(f".{target.name}.almrr-{what}")  # a name that no person gives a folder


def _replace_folder(partial: Path, target: Path) -> None:
    aside = _beside(target, "old")
    shutil.rmtree(aside, ignore_errors=True)
    if target.exists():
        os.replace(target, aside)
    try:
        os.replace(partial, target)
    except OSError:
        if aside.exists():
            os.replace(aside, target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _sync(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def write_failed(path: Path, error: OSError) -> StationError:
    """Return the fault for a file or folder that could not be written."""
    return StationError(
        ErrorCode.WRITE_FAILED,
        f"{path} could not be written: {error.strerror or error}.",
        "Check free disk space and the folder's permissions.",
        path=str(path),
    )
