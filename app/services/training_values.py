"""The frozen values of samples, trainings and models that services hand to views."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from almrr_core.lifecycle.figures import Compared, Figures, GateReport, Light, Reason, Source
from almrr_core.types import Limits, ModelRow, Picture, Pool, SampleRow, ScoreMap

__all__ = [
    "Added",
    "Captured",
    "Chart",
    "Choice",
    "Compared",
    "Counted",
    "Figures",
    "Forecast",
    "GateReport",
    "Learning",
    "Light",
    "Mode",
    "ModelFacts",
    "ModelState",
    "Pair",
    "Phase",
    "PoolContent",
    "Reason",
    "Source",
]


@dataclass(frozen=True, slots=True)
class PoolContent:
    """What a pool holds: normals, defects, when the newest came in (UTC), and its newest samples first."""

    pool: Pool
    good: int
    bad: int
    newest: datetime | None
    samples: tuple[SampleRow, ...]


@dataclass(frozen=True, slots=True)
class Added:
    """What became of pictures that were offered: how many came in, and why the others did not, in sentences."""

    count: int
    refused: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Captured:
    """A picture taken from the source, with what is odd about it in sentences; without any it is fine."""

    name: str
    picture: Picture
    remarks: tuple[str, ...]


class Mode(StrEnum):
    """How a training begins; the values are those of `lifecycle.retrain.Mode`."""

    QUICK = "quick"  # goes on from the active model
    FULL = "full"  # anew


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person asks for; without `minutes` or `steps` the mode's own budget.

    `parent` is another model's folder to go on from. `shade`: judge brightness and colour too; None: as the
    active model does.
    """

    mode: Mode = Mode.QUICK
    minutes: float | None = None
    parent: Path | None = None
    steps: int | None = None
    shade: bool | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What Retrain would do: `seconds` it takes, doubts in sentences; or a `fault` why it cannot.

    `backbone` is the name of the network that gives the features. `shade`: whether the model would judge
    brightness and colour too, None where its form cannot.
    """

    seconds: float = 0.0
    normals: int = 0
    held_out: int = 0
    first: bool = False  # the product has no model yet
    backbone: str = ""
    shade: bool | None = False
    warnings: tuple[str, ...] = ()
    fault: str = ""
    remedy: str = ""


class Phase(StrEnum):
    """Where a retraining stands."""

    IDLE = "idle"
    CHECKING = "checking"
    DOUBTFUL = "doubtful"  # a person must say whether to go on
    TRAINING = "training"
    COMPARING = "comparing"
    READY = "ready"  # a candidate waits for a decision
    PROMOTING = "promoting"


@dataclass(frozen=True, slots=True)
class Learning:
    """News of a training; `losses` (reconstruction, focal, dice) of the last step, None outside of steps."""

    stage: str
    step: int
    fraction: float
    seconds_left: float | None
    pictures_per_second: float
    losses: tuple[float, float, float] | None
    worst: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """How far something is that is counted."""

    done: int
    total: int


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A compared picture with both models' maps and the limits each judges by."""

    one: Compared
    picture: Picture
    active_map: ScoreMap
    candidate_map: ScoreMap
    active_limits: Limits
    candidate_limits: Limits


class ModelState(StrEnum):
    """What a model is now."""

    ACTIVE = "active"
    FORMER = "former"  # was active before
    CANDIDATE = "candidate"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A model of the timeline; numbers are None where its bundle cannot be read (`fault` says why)."""

    row: ModelRow
    state: ModelState
    normals: int | None = None
    held_out: int | None = None
    steps: int | None = None
    seconds: float | None = None
    backbone: str = ""
    metrics: tuple[tuple[str, float], ...] = ()
    promoted: tuple[tuple[datetime, str, str], ...] = ()  # when, who, why; newest first
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """The control chart of PASS scores: (when, mean, average) a subgroup, centre and limits of the average."""

    sentence: str
    drifted: bool
    steady: bool
    points: tuple[tuple[datetime, float, float], ...]
    centre: float
    low: float
    high: float
    since: datetime
