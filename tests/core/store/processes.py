"""Starting `child.py` and talking with it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def child(what: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run `child.py`; at the end it is killed if it still lives."""
    command = [sys.executable, "-m", "tests.core.store.child", what, str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True, encoding="utf-8") as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    """Return the next line the child says, "" at its end."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def release(process: subprocess.Popen[str]) -> None:
    """Send the line that a holding child waits for, and see it end well."""
    process.communicate("\n", timeout=60)
    assert process.returncode == 0
