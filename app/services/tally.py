"""What was logged, counted where it is logged: on the recorder's thread, read by the window."""

from __future__ import annotations

import dataclasses
import math
import threading
from collections import deque
from datetime import UTC, datetime, timedelta

from almrr_core.types import GOOD, Counts, Geometry, ModelId, Recipe, Record, Verdict
from app.services.values import TruthCounts

MOST_SCORES = 500
STRAGGLES = timedelta(seconds=10)  # from verdict to log, at most
Scale = tuple[str, ModelId, Geometry]  # what scores must share to be compared
_FIELD = {
    Verdict.PASS: "passed",
    Verdict.REVIEW: "review",
    Verdict.FAIL: "fail",
    Verdict.NOT_INSPECTED: "not_inspected",
}


def scale_of(recipe: Recipe) -> Scale:
    """Return product, model and geometry: scores of the same ones compare."""
    return recipe.product, recipe.model_id, recipe.geometry


def shift_start(now: datetime) -> datetime:
    """Return the last local midnight before `now`, as UTC."""
    local = now.astimezone()
    return datetime(local.year, local.month, local.day).astimezone(UTC)


class Tally:
    """Counts since a reset and for the shift; the truth of simulated parts; the last scores.

    Begins with what the log holds, so counters survive a restart; the truth is counted since the reset or the
    program's start. Every property gives one consistent value, on any thread.
    """

    def __init__(self, since_reset: Counts, reset_at: datetime, shift: Counts, shift_at: datetime) -> None:
        self._lock = threading.Lock()
        self._since_reset, self._reset_at = since_reset, reset_at
        self._shift, self._shift_at = shift, shift_at
        self._truth: TruthCounts | None = None
        self._scale: Scale | None = None
        self._scores: deque[float] = deque(maxlen=MOST_SCORES)

    def add(self, record: Record) -> None:
        """Count one part that is in the log."""
        with self._lock:
            self._turn(datetime.now(UTC))
            if scale_of(record.recipe) == self._scale and not math.isnan(record.score):
                self._scores.appendleft(record.score)
            if not _just_before(record.decided_at, self._shift_at):
                self._shift = _plus(self._shift, record.verdict)
            if _just_before(record.decided_at, self._reset_at):
                return
            self._since_reset = _plus(self._since_reset, record.verdict)
            if record.frame.truth is not None and record.verdict is not Verdict.NOT_INSPECTED:
                good = record.frame.truth == GOOD
                self._truth = _judged(self._truth or TruthCounts(), good, record.verdict)

    def reset(self, now: datetime) -> None:
        """Count from `now` on."""
        with self._lock:
            self._since_reset, self._reset_at, self._truth = Counts(), now, None

    def begin_scores(self, scale: Scale, newest_first: tuple[float, ...]) -> None:
        """Forget the last scores and go on from these, which the log has, with the parts of this scale."""
        with self._lock:
            self._scale = scale
            self._scores = deque(newest_first[:MOST_SCORES], maxlen=MOST_SCORES)

    @property
    def since_reset(self) -> Counts:
        """Return what was logged since `reset_at`."""
        with self._lock:
            return self._since_reset

    @property
    def reset_at(self) -> datetime:
        """Return when the counters were reset, UTC."""
        with self._lock:
            return self._reset_at

    @property
    def shift(self) -> Counts:
        """Return what was logged since `shift_at`."""
        with self._lock:
            self._turn(datetime.now(UTC))
            return self._shift

    @property
    def shift_at(self) -> datetime:
        """Return when the shift began, UTC."""
        with self._lock:
            return self._shift_at

    @property
    def truth(self) -> TruthCounts | None:
        """Return verdicts against the truth, None before a part with a known truth."""
        with self._lock:
            return self._truth

    @property
    def scores(self) -> tuple[float, ...]:
        """Return the last scores, newest first."""
        with self._lock:
            return tuple(self._scores)

    def _turn(self, now: datetime) -> None:
        start = shift_start(now)
        if start > self._shift_at:  # a clock set back does not make a new shift
            self._shift, self._shift_at = Counts(), start


def _just_before(decided_at: datetime, start: datetime) -> bool:
    """Whether a part that was on its way to the log belongs to the time before; no clock set back."""
    return timedelta() < start - decided_at < STRAGGLES


def _plus(counts: Counts, verdict: Verdict) -> Counts:
    name = _FIELD[verdict]
    return dataclasses.replace(counts, **{name: getattr(counts, name) + 1})


def _judged(truth: TruthCounts, good: bool, verdict: Verdict) -> TruthCounts:
    if good:
        return dataclasses.replace(
            truth,
            good=truth.good + 1,
            false_rejects=truth.false_rejects + (verdict is Verdict.FAIL),
            false_reviews=truth.false_reviews + (verdict is Verdict.REVIEW),
        )
    missed = verdict is Verdict.PASS
    return dataclasses.replace(truth, escaped=truth.escaped + missed, caught=truth.caught + (not missed))
