"""`pretrain`: steps until the budget ends, with checkpoints, held-out scores and the best weights exported."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch

from almrr_core.errors import ErrorCode, StationError
from almrr_core.models.backbone import Backbone, build_backbone
from almrr_core.models.bundle import round_backbone
from almrr_core.pretrain.job import Cancelled, PretrainJob, Progress, Report, Stage
from almrr_core.pretrain.record import LOG, Line, described, export, read_log, write_log
from almrr_core.pretrain.score import Figures, HeldOut
from almrr_core.pretrain.state import FILE, State
from almrr_core.pretrain.views import VIEWS
from almrr_core.runtime.engine import resolve_device
from almrr_core.runtime.hardware import hardware_name

CHECKPOINT_SECONDS, SCORE_SECONDS = 180.0, 900.0
EVERY = 50  # steps of a line of the log, after the exact ones


@dataclass(frozen=True, slots=True)
class Result:
    """What came out: steps made, and the held-out merits (0..1) of random and trained weights."""

    steps: int
    seconds: float
    random: float
    score: float


def pretrain(job: PretrainJob, report: Report | None = None, cancelled: Cancelled | None = None) -> Result:
    """Train until the budget ends; `job.out` then holds the best-scored weights, their card and the log.

    Weights are exported whenever a held-out score is the best so far, every SCORE_SECONDS and at the end; a
    cancelled run keeps its checkpoint and raises TRAINING_CANCELLED. Runs with the same seed on the same
    machine pass through the same states. Raises DEVICE_MISSING, CHECKPOINT_WRONG, WRITE_FAILED and
    TRAINING_DIVERGED.
    """
    with quick_numbers():
        run = _Run(job, report or (lambda _: None), cancelled or (lambda: False))
        return run.all()


@contextmanager
def quick_numbers() -> Iterator[None]:
    """Flush denormal numbers, or a CPU step takes 10× as long; float32 is float32 on a GPU too."""
    torch.set_flush_denormal(True)
    rounds = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.backends.cudnn.allow_tf32 = rounds


def halves(device: torch.device) -> bool:
    """Return whether bfloat16 is fast here: on CUDA, and on CPUs with instructions for it."""
    if device.type == "cuda":
        return True
    ask: Callable[[], dict[str, object]] = getattr(torch.cpu, "get_capabilities", dict)  # not in older torch
    found = ask()
    return any(found.get(name) for name in ("amx_bf16", "avx512_bf16"))


@dataclass(slots=True, eq=False)
class _Run:
    job: PretrainJob
    report: Report
    cancelled: Cancelled
    state: State = field(init=False)
    held_out: HeldOut = field(init=False)
    lines: list[Line] = field(default_factory=list)
    sums: list[float] = field(default_factory=list)
    start: Figures = field(init=False)
    best: float = -1.0
    score: float | None = None
    started: float = field(default_factory=time.monotonic)
    saved: float = field(default_factory=time.monotonic)
    scored: float = field(default_factory=time.monotonic)

    def all(self) -> Result:
        """Run from the start or the checkpoint to the end of the budget."""
        device = resolve_device(self.job.device)
        self.report(Progress(Stage.SURFACES))
        self.state = State(self.job.recipe, self.job.seed, device)
        if self.job.resume:  # whether it can be is said before anything is made
            self._take_up()
        self.held_out = HeldOut(device, self.job.recipe.held_out)
        self.report(Progress(Stage.SCORING))
        self.start = self._score(build_backbone("texture18", seed=self.job.seed))
        if not self.job.resume:
            self.lines = [Line(0, 0.0, 0.0, self.start.merit)]
        self._steps(halves(device))
        self._judge()
        self._save()
        return Result(self.state.step, self.elapsed, self.start.merit, self.best)

    def _take_up(self) -> None:
        spent = self.state.restore(self.job.out)
        self.lines = [line for line in read_log(self.job.out / LOG) if line.step <= self.state.step]
        scores = [line.score for line in self.lines if line.score is not None]
        self.best = max(scores[1:], default=-1.0)
        self.started = time.monotonic() - spent

    @property
    def elapsed(self) -> float:
        """Return the seconds spent, earlier runs included."""
        return time.monotonic() - self.started

    def _steps(self, half: bool) -> None:
        begun, first = time.monotonic(), self.state.step
        while not self._done():
            if self.cancelled():
                self._stop()
            try:
                self.sums.append(self.state.advance(half))
            except StationError:
                self._note()
                raise
            if self.state.step <= self.job.recipe.exact or self.state.step % EVERY == 0:
                self._note()
            seen = (self.state.step - first) * self.job.recipe.batch * VIEWS
            pace = seen / (time.monotonic() - begun)
            self.report(self._progress(Stage.TRAINING, pace))
            now = time.monotonic()
            if now - self.scored > SCORE_SECONDS:
                self._judge()
            if now - self.saved > CHECKPOINT_SECONDS:
                self._save()

    def _done(self) -> bool:
        if self.job.steps is not None:
            return self.state.step >= self.job.steps
        return self.elapsed >= self.job.seconds

    def _note(self) -> None:
        if self.sums:
            self.lines.append(Line(self.state.step, self.elapsed, sum(self.sums) / len(self.sums)))
            self.sums.clear()

    def _judge(self) -> None:
        """Score the average; export it where it is the best so far."""
        self.report(self._progress(Stage.SCORING, 0.0))
        self._note()
        figures = self._score(self.state.average)
        self.score = figures.merit
        self.lines[-1] = replace(self.lines[-1], score=self.score)
        if self.score > self.best:
            self.best = self.score
            facts: dict[str, object] = {
                "recipe": described(self.job.recipe),
                "seed": self.job.seed,
                "steps": self.state.step,
                "minutes": round(self.elapsed / 60, 1),
                "device": self.state.device.type,
                "hardware": f"{hardware_name(self.state.device)}, torch {torch.__version__}",
                "bfloat16": halves(self.state.device),
                "held_out": {"random": self.start.rounded(), "trained": figures.rounded()},
            }
            export(self.job.out, self.state.average, facts, self.lines)
        self.scored = time.monotonic()

    def _score(self, backbone: Backbone) -> Figures:
        rounded = copy.deepcopy(backbone).cpu().eval()
        round_backbone(rounded)  # to what the file keeps
        return self.held_out.score(rounded)

    def _save(self) -> None:
        self._note()
        write_log(self.job.out / LOG, self.lines)
        self.state.save(self.job.out, self.elapsed)
        self.saved = time.monotonic()

    def _stop(self) -> None:
        self._save()
        raise StationError(
            ErrorCode.TRAINING_CANCELLED,
            f"The pre-training was stopped after {self.state.step} steps.",
            f"Its state is kept in {self.job.out / FILE}: continue with --resume.",
        )

    def _progress(self, stage: Stage, pace: float) -> Progress:
        step, job = self.state.step, self.job
        fraction = step / job.steps if job.steps is not None else min(1.0, self.elapsed / job.seconds)
        loss = self.sums[-1] if self.sums else self.lines[-1].loss
        return Progress(stage, step, fraction, loss, pace, self.score)
