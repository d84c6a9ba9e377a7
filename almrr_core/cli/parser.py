"""The words of the command line: commands, their options, and which values are refused."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, TypeAlias

from almrr_core.cli.console import Outcome
from almrr_core.errors import ErrorCode, StationError

BACKBONES = ("resnet18", "resnet50", "resnet50v2")
PROFILES = ("compact", "paper")
FORMS = ("hybrid", "paper")
DEVICES = ("auto", "cpu", "cuda")
MINUTES = 20.0  # of training, when nothing else is said
LARGEST_SEED = 2**63 - 1

Options = argparse.Namespace


def parse(argv: Sequence[str] | None) -> Options:
    """Return the options, with the command in `run`; raises BAD_ARGUMENT, and SystemExit after --help."""
    return _parser().parse_args(argv)


class _Parser(argparse.ArgumentParser):
    """Refuses by StationError: argparse's own exit code 2 means an internal error here."""

    def error(self, message: str) -> NoReturn:
        sentence = f"The command line cannot be used: {message}."
        raise StationError(ErrorCode.BAD_ARGUMENT, sentence, f"See {self.prog} --help.")


Commands: TypeAlias = "argparse._SubParsersAction[_Parser]"  # the only name argparse has for it


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="almrr",
        description="Find defects on textured surfaces, having seen normal pictures only.",
        epilog="Exit code: 0 good, 1 bad input or anything NOT_INSPECTED, 2 internal error.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_train(commands)
    _add_evaluate(commands)
    _add_inspect(commands)
    _add_info(commands)
    _add_self_test(commands)
    _add_demo(commands)
    return parser


def _command(
    commands: Commands, name: str, run: Callable[[Options], Outcome], text: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
    command.set_defaults(run=run)
    command.add_argument("--json", type=Path, metavar="FILE", help="also write the result to FILE as JSON")
    return command


def _add_train(commands: Commands) -> None:
    text = "Train on a folder of normal pictures (train/good of a data set, or a plain folder)."
    command = _command(commands, "train", _train, text)
    add = command.add_argument
    add("data", type=Path, metavar="DATA", help="folder with the normal pictures")
    add("--out", type=Path, required=True, metavar="BUNDLE", help="folder for the trained model")
    add("--profile", choices=PROFILES, default=PROFILES[0], help="sizes (default: compact, for a CPU)")
    add("--form", choices=FORMS, help="what the refinement sees (default: hybrid; paper with that profile)")
    add("--backbone", choices=BACKBONES, help="features (default: resnet18; resnet50 with profile paper)")
    add("--weights", type=Path, metavar="FILE|DIR", help="the backbone's weights, or a folder with them")
    add("--random-backbone", action="store_true", help="no weights: random features, far weaker")
    add("--pack-backbone", action="store_true", help="store the backbone in the bundle")
    add("--textures", type=Path, metavar="DIR", help="pictures of textures for simulated anomalies")
    _add_geometry(add)
    _add_device(add)
    _add_budget(command)
    add("--batch", type=_whole(1), default=8, metavar="N", help="pictures per step (default: 8)")
    add("--seed", type=_whole(0, LARGEST_SEED), default=0, metavar="N", help="default: 0")
    add("--resume", action="store_true", help="go on where an interrupted training of BUNDLE stopped")


Add = Callable[..., argparse.Action]


def _add_geometry(add: Add) -> None:
    add("--tile", type=_whole(1), metavar="N", help="cut into squares of N pixels (default: whole picture)")
    add("--overlap", type=_whole(0), default=0, metavar="M", help="pixels shared by neighbouring tiles")
    add("--scale", type=_finite(), default=1.0, metavar="S", help="scale pictures by S before cutting")
    add("--input-size", type=_whole(1), default=256, metavar="N", help="side the model sees (default: 256)")


def _add_budget(command: argparse.ArgumentParser) -> None:
    add = command.add_mutually_exclusive_group().add_argument
    add("--steps", type=_whole(0), metavar="N", help="train N steps")
    text = f"train for M minutes (default: {MINUTES:g}; 0: the closed form alone)"
    add("--minutes", type=_finite(0), metavar="M", help=text)


def _add_device(add: Add) -> None:
    add("--device", choices=DEVICES, default="auto", help="where to compute (default: auto)")


def _add_bundle(add: Add) -> None:
    add("bundle", type=Path, metavar="BUNDLE", help="folder of a trained model")
    _add_device(add)
    add("--weights", type=Path, metavar="FILE|DIR", help="the backbone's weights, or a folder with them")


def _add_evaluate(commands: Commands) -> None:
    text = "Measure a model on test/ and ground_truth/ of a data set."
    add = _command(commands, "evaluate", _evaluate, text).add_argument
    _add_bundle(add)
    add("data", type=Path, metavar="DATA", help="folder with test/ and ground_truth/")
    add("--maps", type=Path, metavar="DIR", help="write raw score maps and scores.csv into DIR")


def _add_inspect(commands: Commands) -> None:
    text = "Judge pictures; one JSON line per picture on standard output (UTF-8)."
    add = _command(commands, "inspect", _inspect, text).add_argument
    _add_bundle(add)
    add(
        "paths",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="pictures, or folders of them (after --: any name)",
    )
    add("--out", type=Path, metavar="DIR", help="write pictures with heat map and regions into DIR")


def _add_info(commands: Commands) -> None:
    add = _command(
        commands, "info", _info, "Say what a trained model is and where its limits lie."
    ).add_argument
    add("bundle", type=Path, metavar="BUNDLE", help="folder of a trained model")


def _add_self_test(commands: Commands) -> None:
    text = "Check that this machine computes right, and that a model gives its golden scores."
    add = _command(commands, "self-test", _self_test, text).add_argument
    add("bundle", type=Path, nargs="?", metavar="BUNDLE", help="folder of a trained model")
    _add_device(add)
    add("--weights", type=Path, metavar="FILE|DIR", help="the bundle's backbone weights")


def _add_demo(commands: Commands) -> None:
    text = "Train on a generated surface, plant defects of kinds not trained on, and inspect them."
    add = _command(commands, "demo", _demo, text).add_argument
    add(
        "--out", type=Path, metavar="DIR", help="new folder for pictures and model (default: a temporary one)"
    )
    add("--minutes", type=_finite(0), default=1.0, metavar="M", help="of training (default: 1)")
    add("--steps", type=_whole(0), metavar="N", help="train N steps instead")
    _add_device(add)
    add("--seed", type=_whole(0, LARGEST_SEED), default=0, metavar="N", help="another surface (default: 0)")


def _whole(least: int, most: int | None = None) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if value < least or (most is not None and value > most):
            limits = f"from {least} up" if most is None else f"in {least}..{most}"
            raise argparse.ArgumentTypeError(f"{text} is not a whole number {limits}")
        return value

    return number


def _finite(least: float | None = None) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = float(text)
        if not math.isfinite(value) or (least is not None and value < least):
            limits = "" if least is None else f" from {least} up"
            raise argparse.ArgumentTypeError(f"{text} is not a number{limits}")
        return value

    return number


def _train(options: Options) -> Outcome:
    from almrr_core.cli.training import run

    return run(options)


def _evaluate(options: Options) -> Outcome:
    from almrr_core.cli.evaluation import run

    return run(options)


def _inspect(options: Options) -> Outcome:
    from almrr_core.cli.inspection import run

    return run(options)


def _info(options: Options) -> Outcome:
    from almrr_core.cli.info import run

    return run(options)


def _self_test(options: Options) -> Outcome:
    from almrr_core.cli.checks import run

    return run(options)


def _demo(options: Options) -> Outcome:
    from almrr_core.cli.demo import run

    return run(options)
