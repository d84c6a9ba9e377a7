"""The training: closed form first, then gradient steps until the budget ends, then the better of the two."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from almrr_core.data.anomalies import AnomalyOptions, rotate_normals, simulate
from almrr_core.data.train_families import PERLIN
from almrr_core.errors import ErrorCode, StationError
from almrr_core.models.almrr import Form, Profile, upsample
from almrr_core.models.bundle import Card
from almrr_core.models.closed_form import FOLDS
from almrr_core.train.checkpoint import load_checkpoint, remove_checkpoint, save_checkpoint
from almrr_core.train.closed import fit_closed_form
from almrr_core.train.criterion import Criterion, Figures
from almrr_core.train.finish import balance_on_held_out, save_bundle
from almrr_core.train.job import Progress, Stage, TrainJob
from almrr_core.train.loss import LossParts, dice_loss, focal_loss, reconstruction_loss
from almrr_core.train.session import Session, prepare
from almrr_core.train.state import TrainState, copy_of
from almrr_core.train.worst import Worst

RATES = {Profile.COMPACT: 1e-3, Profile.PAPER: 3e-4}
WARM_RATE = 0.3  # of the rate, when going on from trained weights
CHECKPOINT_SECONDS = 60.0
CLIP = 10.0  # largest gradient norm

Report = Callable[[Progress], None]
Cancelled = Callable[[], bool]


def train(job: TrainJob, progress: Report | None = None, cancelled: Cancelled | None = None) -> Card:
    """Train on the job's normals and leave its bundle; returns the bundle's card.

    `progress` is called after every step, `cancelled` before it; a cancelled training keeps its checkpoint
    and raises TRAINING_CANCELLED. A loss that is not finite raises TRAINING_DIVERGED with the last good state
    kept. The hybrid form leaves a usable bundle as soon as its closed form is fitted. Runs with the same job,
    steps and seed on the same CPU and thread count give the same weights.
    """
    report = progress or (lambda _: None)
    with _repeatable(), _named_memory():
        session = prepare(job, report)
        ask = cancelled or (lambda: False)
        if not job.resume:
            remove_checkpoint(session)
        metrics: dict[str, float | None] = {}
        closed: Figures | None = None
        criterion = Criterion(session)
        if job.chosen_form is Form.HYBRID:
            report(Progress(Stage.CLOSED_FORM, seconds=session.elapsed))
            fit_closed_form(session)
            balance_on_held_out(session, session.model)
            closed = criterion.judge(session.model.closed_logit)
            metrics |= closed.named("closed")
        state = TrainState(session, RATES[job.profile] * (WARM_RATE if job.warm else 1.0))
        spent = load_checkpoint(session, state) if job.resume else 0.0
        session.started -= spent
        if closed is not None and not job.resume and not job.warm:  # a warm start has a better bundle already
            card = save_bundle(session, copy_of(session.model), 0, False, metrics)
            if job.steps == 0 or job.seconds == 0:
                return card
        _Loop(session, state, report, ask).run()
        report(Progress(Stage.CALIBRATING, state.step, seconds=session.elapsed, fraction=1.0))
        return _leave_better(session, state, criterion, closed, metrics)


def _leave_better(
    session: Session,
    state: TrainState,
    criterion: Criterion,
    closed: Figures | None,
    metrics: dict[str, float | None],
) -> Card:
    """Write the trained model, or the closed form alone where the criterion says training made it worse."""
    model = state.average.eval()
    balance_on_held_out(session, model)
    trained = criterion.judge(model)
    metrics = metrics | trained.named("trained")
    better = closed is None or trained.merit >= closed.merit
    if not better:
        nn.init.zeros_(model.refinement.out.weight)
        if model.refinement.out.bias is not None:
            nn.init.zeros_(model.refinement.out.bias)
        balance_on_held_out(session, model)
    trained_at_all = state.step > 0 or session.job.warm
    card = save_bundle(session, model, state.step, trained=better and trained_at_all, metrics=metrics)
    remove_checkpoint(session)
    return card


@dataclass(slots=True, eq=False)
class _Loop:
    """The gradient steps of one session."""

    session: Session
    state: TrainState
    report: Report
    cancelled: Cancelled
    saved_at: float = 0.0
    worst: Worst = field(init=False)

    def __post_init__(self) -> None:
        self.worst = Worst([sample.path for sample in self.session.split.train])

    def run(self) -> None:
        """Step until the budget ends."""
        self.saved_at = time.monotonic()
        begun, first = time.monotonic(), self.state.step
        while not self._done():
            if self.cancelled():
                self._stop(ErrorCode.TRAINING_CANCELLED, "The training was stopped")
            parts = self._step()
            pace = (self.state.step - first) / max(time.monotonic() - begun, 1e-9)
            self.report(self._progress(parts, pace))
            if time.monotonic() - self.saved_at > CHECKPOINT_SECONDS:
                save_checkpoint(self.session, self.state)
                self.saved_at = time.monotonic()

    def _done(self) -> bool:
        job = self.session.job
        if job.steps is not None:
            return self.state.step >= job.steps
        return self.session.elapsed >= (job.seconds or 0.0)

    def _step(self) -> tuple[float, float, float]:
        session, state = self.session, self.state
        state.model.train()
        buffers = {name: value.clone() for name, value in state.model.refinement.named_buffers()}
        parts = _losses(session, self.worst)
        values = torch.stack([parts.reconstruction, parts.focal, parts.dice]).tolist()
        state.optimiser.zero_grad(set_to_none=True)
        total = parts.total
        total.backward()
        norm = nn.utils.clip_grad_norm_(state.parameters, CLIP)
        if not torch.isfinite(total) or not torch.isfinite(norm):
            for name, value in state.model.refinement.named_buffers():
                value.copy_(buffers[name])  # the forward pass has already moved the running statistics
            self._stop(ErrorCode.TRAINING_DIVERGED, "The training's loss is not a finite number any more")
        state.before_step()
        state.optimiser.step()
        state.after_step()
        return values[0], values[1], values[2]

    def _stop(self, code: ErrorCode, what: str) -> None:
        save_checkpoint(self.session, self.state)
        raise StationError(
            code,
            f"{what} after {self.state.step} steps.",
            "Its last good state is kept: continue with --resume, or start again.",
            step=self.state.step,
        )

    def _progress(self, parts: tuple[float, float, float], pace: float) -> Progress:
        job, elapsed, step = self.session.job, self.session.elapsed, self.state.step
        if job.steps is not None:
            left, fraction = (job.steps - step) / max(pace, 1e-9), step / max(job.steps, 1)
        else:
            budget = job.seconds or 0.0
            left, fraction = max(budget - elapsed, 0.0), min(elapsed / max(budget, 1e-9), 1.0)
        per_second, worst = pace * job.batch, self.worst.top()
        return Progress(Stage.TRAINING, step, job.steps, elapsed, left, *parts, per_second, fraction, worst)


def _losses(session: Session, worst: Worst) -> LossParts:
    """Draw a batch, simulate anomalies and return the losses (method.md §1, both branches).

    `worst` is told the scores of the pictures that were left normal.
    """
    job, model, generator = session.job, session.model, session.generator
    batch = session.pool.sample(job.batch, generator)
    as_published = job.chosen_form is Form.PAPER
    # the closed form knows the layout of normals as they come: turned ones would teach to distrust it
    normal = rotate_normals(batch.images, generator) if as_published else batch.images
    options = AnomalyOptions((PERLIN,)) if as_published else AnomalyOptions()
    made = simulate(normal, session.textures, generator, options)
    changed = made.families >= 0
    stages = session.stages(made.images)  # in float32: whitening would magnify bf16's rounding
    with torch.autocast(session.device.type, torch.bfloat16, enabled=session.device.type == "cuda"):
        output = model.judge(stages, batch.owners % FOLDS)
    target = _targets(session, output.features, normal, changed)
    logit = upsample(output.logit.float(), job.geometry.input_size)
    worst.note(batch.owners[~changed], logit.detach().amax((1, 2, 3))[~changed])
    return LossParts(
        reconstruction_loss(output.repaired.float(), target.float()),
        focal_loss(logit, made.masks),
        dice_loss(logit, made.masks),
    )


@torch.no_grad()
def _targets(session: Session, features: Tensor, normal: Tensor, changed: Tensor) -> Tensor:
    """Return φ: the features of the normal pictures, computed only where an anomaly changed them."""
    target = features.detach().clone()
    if changed.any():
        repaired = session.model.features(session.stages(normal[changed]))
        target[changed] = repaired.to(target.dtype)
    return target


@contextmanager
def _repeatable() -> Iterator[None]:
    """Keep the caller's random stream and flush denormal numbers, or a CPU step takes 10× as long.

    The flag is the thread's: torch's own threads inherit it when they start, so a process that trains should
    do nothing else first. Afterwards it is off, as torch has it.
    """
    devices = list(range(torch.cuda.device_count()))
    torch.set_flush_denormal(True)
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        torch.set_flush_denormal(False)


@contextmanager
def _named_memory() -> Iterator[None]:
    """Say in a sentence that the device's memory is full."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise StationError(
            ErrorCode.OUT_OF_MEMORY,
            "The training does not fit into the GPU's memory.",
            "Choose a smaller batch with --batch, or train on the CPU with --device cpu.",
        ) from error
