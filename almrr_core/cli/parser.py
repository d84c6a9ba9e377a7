"""The words of the command line: commands and their options."""

from __future__ import annotations

from argparse import BooleanOptionalAction
from collections.abc import Sequence
from pathlib import Path

from almrr_core.cli.console import Outcome
from almrr_core.cli.lifecycle_options import add_models, add_promote, add_retrain
from almrr_core.cli.options import (
    LARGEST_SEED,
    MINUTES,
    Add,
    Commands,
    Options,
    Parser,
    add_budget,
    add_device,
    command_of,
    finite,
    whole,
)

__all__ = ["LARGEST_SEED", "MINUTES", "Options", "parse"]

BACKBONES = ("resnet18", "texture18", "resnet50", "resnet50v2")
PROFILES = ("compact", "paper")
FORMS = ("hybrid", "paper")


def parse(argv: Sequence[str] | None) -> Options:
    """Return the options, with the command in `run`; raises BAD_ARGUMENT, and SystemExit after --help."""
    return _parser().parse_args(argv)


def _parser() -> Parser:
    parser = Parser(
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
    _add_pretrain(commands)
    _add_run(commands)
    add_retrain(commands)
    add_promote(commands)
    add_models(commands)
    return parser


def _add_train(commands: Commands) -> None:
    text = "Train on a folder of normal pictures (train/good of a data set, or a plain folder)."
    command = command_of(commands, "train", _train, text)
    add = command.add_argument
    add("data", type=Path, metavar="DATA", help="folder with the normal pictures")
    add("--out", type=Path, required=True, metavar="BUNDLE", help="folder for the trained model")
    add("--profile", choices=PROFILES, default=PROFILES[0], help="sizes (default: compact, for a CPU)")
    add("--form", choices=FORMS, help="what the refinement sees (default: hybrid; paper with that profile)")
    text = (
        "features (default: resnet18 where its weights are here, else texture18; resnet50 with profile paper)"
    )
    add("--backbone", choices=BACKBONES, help=text)
    add("--weights", type=Path, metavar="FILE|DIR", help="the backbone's weights, or a folder with them")
    add("--random-backbone", action="store_true", help="no weights: random features, far weaker")
    text = "judge brightness and colour too, or not (default: with texture18, which hardly sees them)"
    add("--shade", action=BooleanOptionalAction, help=text)
    text = "store the backbone in the bundle (default: texture18, which may change with the program)"
    add("--pack-backbone", action=BooleanOptionalAction, help=text)
    text = "bits of a camera whose pictures come in 16 (default: 16); the model remembers it"
    add("--bit-depth", type=whole(8, 16), metavar="N", help=text)
    add("--textures", type=Path, metavar="DIR", help="pictures of textures for simulated anomalies")
    _add_geometry(add)
    add_device(add)
    add_budget(command)
    add("--batch", type=whole(1), default=8, metavar="N", help="pictures per step (default: 8)")
    add("--seed", type=whole(0, LARGEST_SEED), default=0, metavar="N", help="default: 0")
    add("--resume", action="store_true", help="go on where an interrupted training of BUNDLE stopped")


def _add_geometry(add: Add) -> None:
    add("--tile", type=whole(1), metavar="N", help="cut into squares of N pixels (default: whole picture)")
    add("--overlap", type=whole(0), default=0, metavar="M", help="pixels shared by neighbouring tiles")
    add("--scale", type=finite(), default=1.0, metavar="S", help="scale pictures by S before cutting")
    add("--input-size", type=whole(1), default=256, metavar="N", help="side the model sees (default: 256)")


def _add_bundle(add: Add) -> None:
    add("bundle", type=Path, metavar="BUNDLE", help="folder of a trained model")
    add_device(add)
    add("--weights", type=Path, metavar="FILE|DIR", help="the backbone's weights, or a folder with them")


def _add_evaluate(commands: Commands) -> None:
    text = "Measure a model on test/ and ground_truth/ of a data set."
    add = command_of(commands, "evaluate", _evaluate, text).add_argument
    _add_bundle(add)
    add("data", type=Path, metavar="DATA", help="folder with test/ and ground_truth/")
    add("--maps", type=Path, metavar="DIR", help="write raw score maps and scores.csv into DIR")


def _add_inspect(commands: Commands) -> None:
    text = "Judge pictures; one JSON line per picture on standard output (UTF-8)."
    add = command_of(commands, "inspect", _inspect, text).add_argument
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
    add = command_of(
        commands, "info", _info, "Say what a trained model is and where its limits lie."
    ).add_argument
    add("bundle", type=Path, metavar="BUNDLE", help="folder of a trained model")


def _add_self_test(commands: Commands) -> None:
    text = "Check that this machine computes right, and that a model gives its golden scores."
    add = command_of(commands, "self-test", _self_test, text).add_argument
    add("bundle", type=Path, nargs="?", metavar="BUNDLE", help="folder of a trained model")
    add_device(add)
    add("--weights", type=Path, metavar="FILE|DIR", help="the bundle's backbone weights")


def _add_demo(commands: Commands) -> None:
    text = "Train on a generated surface, plant defects of kinds not trained on, and inspect them."
    add = command_of(commands, "demo", _demo, text).add_argument
    add(
        "--out", type=Path, metavar="DIR", help="new folder for pictures and model (default: a temporary one)"
    )
    add("--minutes", type=finite(0), default=1.0, metavar="M", help="of training (default: 1)")
    add("--steps", type=whole(0), metavar="N", help="train N steps instead")
    add_device(add)
    add("--seed", type=whole(0, LARGEST_SEED), default=0, metavar="N", help="another surface (default: 0)")


def _add_pretrain(commands: Commands) -> None:
    text = "Train a backbone on generated textures alone, or repeat the first steps of the shipped one."
    command = command_of(commands, "pretrain", _pretrain, text)
    add = command.add_argument
    add("--out", type=Path, metavar="DIR", help="folder for weights, card, loss log and checkpoint")
    add("--verify", action="store_true", help="repeat the first steps of DIR (default: the shipped backbone)")
    add("--resume", action="store_true", help="go on where an interrupted pre-training of DIR stopped")
    budget = command.add_mutually_exclusive_group().add_argument
    budget("--steps", type=whole(1), metavar="N", help="train N steps")
    budget("--minutes", type=finite(0), metavar="M", help="train for M minutes in all (default: 60)")
    add("--seed", type=whole(0, LARGEST_SEED), default=0, metavar="N", help="default: 0")
    add_device(add)


def _add_run(commands: Commands) -> None:
    text = (
        "Run the line of a data folder without a window; one JSON line per part on standard output (UTF-8)."
    )
    add = command_of(commands, "run", _run, text).add_argument
    add("--data-dir", type=Path, metavar="DIR", help="the station's folder (default: that of the window)")
    add("--demo", action="store_true", help="run the demo line: a simulated camera and the shipped model")
    add(
        "--parts",
        type=whole(1),
        metavar="N",
        help="end after N parts (default: Ctrl+C, or the source's end)",
    )
    add("--seconds", type=finite(0), metavar="S", help="end after S seconds")


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


def _pretrain(options: Options) -> Outcome:
    from almrr_core.cli.pretraining import run

    return run(options)


def _run(options: Options) -> Outcome:
    from almrr_core.cli.line import run

    return run(options)
