"""What the command line of the window takes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """`data_dir` None: the user's; `bundle` stands in for the shipped demo model."""

    data_dir: Path | None = None
    demo: bool = False
    start: bool = False
    screenshots: Path | None = None
    bundle: Path | None = None


def parse(arguments: Sequence[str]) -> Options:
    """Return the options; exits with a message for what is none."""
    parser = argparse.ArgumentParser(
        prog="python -m app", description="Watch a line: the ALMRR line inspector."
    )
    add = parser.add_argument
    add(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="settings, log, pictures and models (default: the user's)",
    )
    add("--demo", action="store_true", help="set up the demo line and start it")
    add("--start", action="store_true", help="start the line at once")
    add("--screenshots", type=Path, metavar="DIR", help=argparse.SUPPRESS)
    add("--bundle", type=Path, metavar="DIR", help=argparse.SUPPRESS)
    return Options(**vars(parser.parse_args(arguments)))
