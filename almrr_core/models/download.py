"""Fetching a file whose name holds the start of its SHA-256: whole and checked, or not at all."""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path

from almrr_core.errors import ErrorCode, StationError
from almrr_core.files import sha256_of, write_failed

Progress = Callable[[int, int], None]  # (bytes done, bytes in all; 0 where the server does not say)

FOLDER_VARIABLE = "ALMRR_WEIGHTS"
TIMEOUT = 30.0  # seconds without a byte
PIECE = 1 << 18  # bytes


def download(url: str, folder: Path, progress: Progress | None = None, timeout: float = TIMEOUT) -> Path:
    """Fetch `url`, whose file name ends in `-<start of its SHA-256>.<suffix>`; return its path in `folder`.

    The file is whole and checked, or absent, also when `progress` raises (which cancels). `timeout` is in
    seconds without a byte. Raises DOWNLOAD_FAILED (no connection, broken off, wrong checksum; it says where
    to put which file by hand) and WRITE_FAILED.
    """
    target = folder / url.rsplit("/", 1)[-1]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _fetch(url, target, progress, timeout)
    except OSError as error:
        raise write_failed(target, error) from error
    return target


def _fetch(url: str, target: Path, progress: Progress | None, timeout: float) -> None:
    partial = target.with_name(target.name + ".partial")
    try:
        with partial.open("wb") as stream, closing(_pieces(url, target, timeout)) as pieces:
            for piece, total in pieces:
                stream.write(piece)
                if progress is not None:
                    progress(stream.tell(), total)
            stream.flush()
            os.fsync(stream.fileno())
        # of the file, not of the stream: it also notices a second download into the same file
        if not sha256_of(partial).startswith(target.stem.rsplit("-", 1)[-1]):
            raise _download_failed(url, target, "the checksum of what came does not match")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _pieces(url: str, target: Path, timeout: float) -> Generator[tuple[bytes, int], None, None]:
    done = total = 0
    try:
        with urllib.request.urlopen(url, timeout=timeout) as response:
            total = int(response.headers.get("Content-Length") or 0)
            while piece := response.read(PIECE):
                done += len(piece)
                yield piece, total
    except urllib.error.HTTPError as error:
        error.close()
        raise _download_failed(url, target, f"the server answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _download_failed(url, target, str(getattr(error, "reason", error))) from error
    if done < total:  # read() in pieces does not complain by itself
        raise _download_failed(url, target, f"the connection broke off after {done} of {total} bytes")


def _download_failed(url: str, target: Path, reason: str) -> StationError:
    return StationError(
        ErrorCode.DOWNLOAD_FAILED,
        f"{url} could not be fetched: {reason}.",
        f"Try again, or fetch it on another computer and put it at {target}, "
        f"or into the folder that the variable {FOLDER_VARIABLE} names.",
        url=url,
    )
