"""What the parts of the command line's grammar share: how a command is made, and which numbers are refused."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeAlias

from almrr_core.cli.console import Outcome
from almrr_core.errors import ErrorCode, StationError

DEVICES = ("auto", "cpu", "cuda")
MINUTES = 20.0  # of training, when nothing else is said
LARGEST_SEED = 2**63 - 1

Options = argparse.Namespace
Add = Callable[..., argparse.Action]


class Parser(argparse.ArgumentParser):
    """Refuses by StationError: argparse's own exit code 2 means an internal error here."""

    def error(self, message: str) -> NoReturn:
        """Raise BAD_ARGUMENT."""
        sentence = f"The command line cannot be used: {message}."
        raise StationError(ErrorCode.BAD_ARGUMENT, sentence, f"See {self.prog} --help.")


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"  # the only name argparse has for it


def command_of(
    commands: Commands, name: str, run: Callable[[Options], Outcome], text: str
) -> argparse.ArgumentParser:
    """Add a command that `run` carries out, with the option `--json`."""
    command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
    command.set_defaults(run=run)
    command.add_argument("--json", type=Path, metavar="FILE", help="also write the result to FILE as JSON")
    return command


def add_budget(command: argparse.ArgumentParser, default: str = f"{MINUTES:g}") -> None:
    """Add `--steps` and `--minutes`, of which one may be given."""
    add = command.add_mutually_exclusive_group().add_argument
    add("--steps", type=whole(0), metavar="N", help="train N steps")
    text = f"train for M minutes (default: {default}; 0: the closed form alone)"
    add("--minutes", type=finite(0), metavar="M", help=text)


def add_device(add: Add) -> None:
    """Add `--device`."""
    add("--device", choices=DEVICES, default="auto", help="where to compute (default: auto)")


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return what reads a whole number of at least `least`, at most `most`."""

    def number(text: str) -> int:
        value = int(text)
        if value < least or (most is not None and value > most):
            limits = f"from {least} up" if most is None else f"in {least}..{most}"
            raise argparse.ArgumentTypeError(f"{text} is not a whole number {limits}")
        return value

    return number


def finite(least: float | None = None) -> Callable[[str], float]:
    """Return what reads a finite number of at least `least`."""

    def number(text: str) -> float:
        value = float(text)
        if not math.isfinite(value) or (least is not None and value < least):
            limits = "" if least is None else f" from {least} up"
            raise argparse.ArgumentTypeError(f"{text} is not a number{limits}")
        return value

    return number
