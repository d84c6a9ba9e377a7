"""`almrr train`: a folder of normal pictures becomes a bundle."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from almrr_core.cli.console import Outcome, say
from almrr_core.cli.info import summary
from almrr_core.cli.parser import MINUTES, Options
from almrr_core.cli.progress import duration, shown_progress
from almrr_core.errors import ErrorCode, StationError

if TYPE_CHECKING:
    from almrr_core.models.bundle import Card
    from almrr_core.train.job import Progress, TrainJob


def run(options: Options) -> Outcome:
    """Train as asked, say what came out; raises what `train.loop.train` raises."""
    job = _job(options)
    refuse_foreign_folder(job.out)
    _warn_of_unused_bits(job)
    card = train_shown(job)
    for line in summary(card):
        say(line)
    say(f"The model is in {job.out}.")
    return Outcome({"bundle": str(job.out)} | card.to_json())


def _job(options: Options) -> TrainJob:
    from almrr_core.models.almrr import Form, Profile
    from almrr_core.train.job import TrainJob
    from almrr_core.types import Geometry

    minutes = options.minutes
    if minutes is None and options.steps is None:
        minutes = MINUTES
    return TrainJob(
        data=options.data,
        out=whole_path(options.out),
        profile=Profile(options.profile),
        form=Form(options.form) if options.form else None,
        backbone=options.backbone,
        weights=options.weights,
        backbone_seed=options.seed if options.random_backbone else None,
        textures=options.textures,
        geometry=Geometry(options.input_size, options.tile, options.overlap, options.scale),
        device=options.device,
        steps=options.steps,
        minutes=minutes,
        batch=options.batch,
        seed=options.seed,
        resume=options.resume,
        pack_backbone=options.pack_backbone,
        shade=options.shade,
        bit_depth=options.bit_depth,
    )


def _warn_of_unused_bits(job: TrainJob) -> None:
    from almrr_core.data.depth import unused_bits
    from almrr_core.data.folders import find_normals

    if job.bit_depth is None and unused_bits(find_normals(job.data)):
        say("Warning: the pictures have 16 bits and use 12 at most, so they are taken as nearly black.")
        say("Train with --bit-depth 12 (or 10) if the camera has so many.")


def whole_path(path: Path) -> Path:
    """Return an absolute path without `..`: files are put beside a bundle, by its name."""
    return Path(os.path.abspath(path))


def refuse_foreign_folder(out: Path) -> None:
    """Raise BAD_ARGUMENT where the bundle would take the place of something that is no bundle."""
    try:
        free = not out.exists() or (
            out.is_dir() and (not any(out.iterdir()) or (out / "card.json").is_file())
        )
    except OSError as error:
        raise _taken(out, f"cannot be looked into ({error.strerror})") from error
    if not free:
        raise _taken(out, "holds something that is not a model")


def _taken(out: Path, why: str) -> StationError:
    sentence = f"The model cannot be written: {out} {why}."
    return StationError(ErrorCode.BAD_ARGUMENT, sentence, "Name a new folder, or that of an older model.")


def train_shown(job: TrainJob) -> Card:
    """Train with progress on standard error, having said with which backbone; Ctrl+C keeps a checkpoint."""
    from almrr_core.train.loop import train

    say(_backbone(job))
    with shown_progress() as show, interruptible() as stop:

        def report(progress: Progress) -> None:
            stop.between_steps = progress.stage == "training"
            show(progress.fraction, str(progress.stage), details(progress))

        return train(job, report, lambda: stop.asked)


def _backbone(job: TrainJob) -> str:
    from almrr_core.models.weights import SHIPPED, shipped_weights, weights_here

    name = job.chosen_backbone
    if job.backbone_seed is not None:
        return f"Backbone: {name} with random weights (seed {job.backbone_seed})."
    place = job.weights or weights_here(name)
    if name == SHIPPED and place == shipped_weights(name):
        return f"Backbone: {name}, the program's own, trained on generated textures alone."
    return f"Backbone: {name} from {place or 'the official address'}."


def details(progress: Progress) -> str:
    """Return step, losses, pace and time left of a training."""
    if progress.stage != "training":
        return ""
    total = f"/{progress.steps}" if progress.steps else ""
    left = "" if progress.seconds_left is None else f" · {duration(progress.seconds_left)} left"
    parts = {"reconstruction": progress.reconstruction, "focal": progress.focal, "dice": progress.dice}
    losses = " · ".join(f"{name} {value:.3g}" for name, value in parts.items())
    return f"step {progress.step}{total} · {losses} · {progress.pictures_per_second:.1f} pictures/s{left}"


class _Stop:
    """Whether somebody pressed Ctrl+C, and whether the training is where it can save itself."""

    def __init__(self) -> None:
        self.asked = False
        self.between_steps = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.asked or not self.between_steps:
            raise KeyboardInterrupt
        self.asked = True
        say("Stopping after this step; the training so far is kept. Ctrl+C again ends at once.")


@contextmanager
def interruptible() -> Iterator[_Stop]:
    """Turn the first Ctrl+C between two steps into a wish to stop."""
    stop = _Stop()
    before = signal.signal(signal.SIGINT, stop)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
