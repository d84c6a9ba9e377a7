"""What the command line writes: results as UTF-8 on standard output, messages on standard error."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from almrr_core.files import write_failed

GOOD, REFUSED, INTERNAL = 0, 1, 2  # exit codes


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended: its result as JSON types, for `--json`, and the exit code."""

    result: dict[str, Any]
    code: int = GOOD


class OutputClosed(Exception):  # noqa: N818 - an event, no fault
    """Nobody reads standard output any more."""


def put(text: str = "") -> None:
    """Write a line of the result to standard output at once; raises OutputClosed, WRITE_FAILED."""
    try:
        _write(sys.stdout, text)
    except OSError as error:
        # Windows reports a closed pipe as an invalid argument
        if isinstance(error, BrokenPipeError) or error.errno == errno.EINVAL:
            raise OutputClosed from error
        raise write_failed(Path("standard output"), error) from error


def say(text: str) -> None:
    """Write a message as one printable line to standard error; a message nobody can read is dropped."""
    try:
        _write(sys.stderr, printable(text))
    except OSError:
        abandon_output(sys.stderr)


def printable(text: object) -> str:
    """Return the text on one line: line breaks and bytes that are no text, as in file names, escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))


def utf8(text: str) -> bytes:
    r"""Return UTF-8; a byte of a file name that is no text becomes `\udcXX`, inside JSON a valid escape."""
    return text.encode("utf-8", "backslashreplace")


def table(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """Return lines with aligned columns; the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        cells[0] = row[0].ljust(widths[0])
        yield "  ".join(cells).rstrip()


def abandon_output(stream: TextIO | None = None) -> None:
    """Send what Python still wants to write at its end into nothing, instead of into a closed pipe."""
    try:
        number = (stream or sys.stdout).fileno()
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, number)
        os.close(nothing)
    except (OSError, ValueError, io.UnsupportedOperation):
        pass  # not a real file: nothing is written at the end


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # pythonw on Windows has no streams
        return
    stream.flush()
    stream.buffer.write(utf8(text + "\n"))  # the text layer would use the system's code page
    stream.buffer.flush()
