"""`almrr pretrain`: a backbone of one's own from generated textures, or the proof of the shipped one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from almrr_core.cli.console import GOOD, REFUSED, Outcome, put
from almrr_core.cli.parser import Options
from almrr_core.cli.progress import shown_progress
from almrr_core.cli.training import interruptible, whole_path
from almrr_core.errors import ErrorCode, StationError

if TYPE_CHECKING:
    from almrr_core.pretrain.job import Progress


def run(options: Options) -> Outcome:
    """Pre-train into --out, or repeat the first steps of what lies there (or is shipped) with --verify."""
    if options.verify:
        return _verify(options.out)
    if options.out is None:
        sentence = "The pre-training cannot start: it has no folder to write into."
        raise StationError(ErrorCode.BAD_ARGUMENT, sentence, "Name one with --out.")
    return _pretrain(options, whole_path(options.out))


def _verify(folder: Path | None) -> Outcome:
    from almrr_core.files import resources
    from almrr_core.pretrain.verify import TOLERANCE, verify

    place = folder or resources() / "backbones"
    done = verify(place)
    put(
        f"{done.steps} steps of {place} repeated: the losses differ by {done.difference:.1e} at most "
        f"({'reproduced' if done.good else 'NOT reproduced'}; allowed are {TOLERANCE:g})."
    )
    result = {"folder": str(place), "reproduced": done.good} | asdict(done)
    return Outcome(result, GOOD if done.good else REFUSED)


def _pretrain(options: Options, out: Path) -> Outcome:
    from almrr_core.pretrain.job import PretrainJob, Stage
    from almrr_core.pretrain.loop import pretrain

    _refuse_older(out, options.resume)
    job = PretrainJob(out, options.steps, options.minutes, options.seed, options.device, options.resume)
    with shown_progress() as show, interruptible() as stop:

        def report(progress: Progress) -> None:
            stop.between_steps = progress.stage is Stage.TRAINING
            show(progress.fraction, str(progress.stage), _details(progress))

        result = pretrain(job, report, lambda: stop.asked)
    put(
        f"{result.steps} steps. Held-out merit (mean of image AUROC and pixel AP on other textures) "
        f"{100 * result.score:.1f}, of random weights {100 * result.random:.1f}. The weights, their card and "
        f"the log are in {out}."
    )
    return Outcome({"out": str(out)} | asdict(result))


def _refuse_older(out: Path, resume: bool) -> None:
    """Raise BAD_ARGUMENT where a new run would write over an older one."""
    if not resume and out.exists() and (not out.is_dir() or any(out.iterdir())):
        sentence = f"The pre-training cannot be put into {out}: it is not an empty folder."
        raise StationError(ErrorCode.BAD_ARGUMENT, sentence, "Name a new folder, or continue with --resume.")


def _details(progress: Progress) -> str:
    score = "" if progress.score is None else f" · held-out merit {100 * progress.score:.1f}"
    pace = f"{progress.pictures_per_second:.0f} pictures/s"
    return f"step {progress.step} · loss {progress.loss:.3f} · {pace}{score}"
