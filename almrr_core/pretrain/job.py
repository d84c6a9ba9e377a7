"""What a pre-training is asked for, and what it reports while it runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from almrr_core.errors import ErrorCode, StationError
from almrr_core.pretrain.recipe import Recipe

DEFAULT_MINUTES = 60.0


@dataclass(frozen=True, slots=True)
class PretrainJob:
    """One pre-training: nothing in, a backbone's weights, card and loss log in the folder `out`.

    The budget is `steps` or `minutes` of wall time in all (earlier runs of a resumed one included); neither
    gives DEFAULT_MINUTES. No step depends on the budget: a longer one passes through the same states.
    """

    out: Path
    steps: int | None = None
    minutes: float | None = None
    seed: int = 0
    device: str = "auto"
    resume: bool = False
    recipe: Recipe = field(default_factory=Recipe)

    def __post_init__(self) -> None:
        """Refuse a budget that makes no sense."""
        minutes = self.minutes if self.minutes is not None else 1.0
        wrong = self.steps is not None and (self.minutes is not None or self.steps < 1)
        if wrong or minutes <= 0 or not math.isfinite(minutes):
            raise StationError(
                ErrorCode.BAD_ARGUMENT,
                "The pre-training cannot start: its budget makes no sense.",
                "Give either steps or minutes, more than 0.",
            )

    @property
    def seconds(self) -> float:
        """Return the time budget in seconds; infinite where steps decide."""
        if self.steps is not None:
            return math.inf
        return 60 * (DEFAULT_MINUTES if self.minutes is None else self.minutes)


class Stage(StrEnum):
    """What a pre-training is doing."""

    SURFACES = "making surfaces"
    TRAINING = "pre-training"
    SCORING = "held-out score"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a pre-training stands: the last step's loss, pictures per second, the last score (or None)."""

    stage: Stage
    step: int = 0
    fraction: float = 0.0
    loss: float = 0.0
    pictures_per_second: float = 0.0
    score: float | None = None


Report = Callable[[Progress], None]
Cancelled = Callable[[], bool]
