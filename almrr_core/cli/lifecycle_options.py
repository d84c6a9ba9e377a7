"""The words of `almrr retrain`, `almrr promote` and `almrr models`."""

from __future__ import annotations

from argparse import BooleanOptionalAction
from pathlib import Path

from almrr_core.cli.console import Outcome
from almrr_core.cli.options import (
    LARGEST_SEED,
    Add,
    Commands,
    Options,
    add_budget,
    add_device,
    command_of,
    whole,
)


def _add_station(add: Add) -> None:
    add("--data-dir", type=Path, metavar="DIR", help="the station's folder (default: that of the window)")


def add_retrain(commands: Commands) -> None:
    """Add the command `retrain`."""
    text = "Train a product's model on the normals in its pools, and compare it with the active one."
    command = command_of(commands, "retrain", _retrain, text)
    add = command.add_argument
    _add_station(add)
    add("--product", required=True, metavar="P", help="the product")
    add("--add", type=Path, metavar="DIR", help="first add the pictures of DIR as normals")
    mode = command.add_mutually_exclusive_group().add_argument
    mode("--quick", action="store_true", help="go on from the active model, 2 minutes (default)")
    mode("--full", action="store_true", help="train anew, 20 minutes")
    mode("--from", dest="from_bundle", type=Path, metavar="BUNDLE", help="go on from another model")
    add_budget(command, "that of the mode")
    add("--batch", type=whole(2, 1024), default=8, metavar="N", help="pictures per step (default: 8)")
    add("--seed", type=whole(0, LARGEST_SEED), default=0, metavar="N", help="default: 0")
    text = "judge brightness and colour too, or not (default: as the model before, which only --full changes)"
    add("--shade", action=BooleanOptionalAction, help=text)
    add("--note", default="", metavar="TEXT", help="a note on the model")
    add_device(add)


def add_promote(commands: Commands) -> None:
    """Add the command `promote`."""
    text = "Make a model the active one of its product; an older one rolls back."
    add = command_of(commands, "promote", _promote, text).add_argument
    add("model", metavar="MODEL", help="as 'almrr models' names it, M-0002")
    _add_station(add)
    add("--note", required=True, metavar="TEXT", help="why, for the log")
    add("--confirm-red", action="store_true", help="promote it although the comparison is red")
    add_device(add)


def add_models(commands: Commands) -> None:
    """Add the command `models`."""
    text = "List the models of the station's products, with their pools and the trend of good parts."
    add = command_of(commands, "models", _models, text).add_argument
    _add_station(add)
    add("--product", metavar="P", help="only this product")


def _retrain(options: Options) -> Outcome:
    from almrr_core.cli.lifecycle import retrain

    return retrain(options)


def _promote(options: Options) -> Outcome:
    from almrr_core.cli.lifecycle import promote

    return promote(options)


def _models(options: Options) -> Outcome:
    from almrr_core.cli.lifecycle import models

    return models(options)
