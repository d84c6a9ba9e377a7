"""What the tests of the command line share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from almrr_core.models.bundle import build_model, read_bundle, write_bundle
from tests.conftest import ROOT

SIDE = 128
TRAIN = ("--form", "paper", "--input-size", str(SIDE), "--random-backbone", "--batch", "2")


def read(path: Path) -> dict[str, Any]:
    value = json.loads(path.read_bytes())
    assert isinstance(value, dict)
    return value


def rewritten(bundle: str, folder: Path, **changes: Any) -> str:
    """The same model with another card."""
    stored = read_bundle(Path(bundle))
    golden = replace(stored.golden, logits=stored.golden.logits.copy())
    write_bundle(folder, build_model(stored), replace(stored.card, **changes), golden, True)
    return str(folder)


def run_python(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """The real program in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm"}
    command = [sys.executable, "-P", *arguments]
    return subprocess.Popen(command, env=environment, text=True, encoding="utf-8", **options)


def lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]
