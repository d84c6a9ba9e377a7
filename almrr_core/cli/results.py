"""Result files of `--json`, and the log file that a bug is written to."""

from __future__ import annotations

import json
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from almrr_core.cli.console import utf8
from almrr_core.files import write_atomic, write_failed

APP = "almrr-line-inspector"


def to_line(value: object) -> str:
    r"""Return JSON on one line; NaN is refused.

    Text stays readable. A file name that is no UTF-8 is written with `\udcXX` escapes, which Python's
    `os.fsencode(json.loads(...))` turns back into the name's bytes.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def write_result(path: Path, result: dict[str, Any]) -> None:
    """Write a command's result atomically as indented UTF-8 JSON; raises WRITE_FAILED."""
    text = json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False)
    try:
        write_atomic(path, utf8(text + "\n"))
    except OSError as error:  # of a path that goes through a file
        raise write_failed(path, error) from error


def error_result(code: str, sentence: str, remedy: str = "") -> dict[str, Any]:
    """Return what a result file holds when there is no result."""
    return {"error": {"code": code, "sentence": sentence, "remedy": remedy}}


def log_bug() -> str:
    """Append the exception being handled to the log file and return where that is, for people."""
    text = f"{datetime.now(UTC).isoformat()}\n{traceback.format_exc()}\n"
    for folder in (_log_folder(), Path(tempfile.gettempdir())):
        path = folder / "almrr.log"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as stream:
                stream.write(utf8(text))
        except OSError:
            continue
        return str(path)
    return f"this text, for no log file could be written: {text}"


def _log_folder() -> Path:
    from platformdirs import user_log_path

    return user_log_path(APP, appauthor=False)
