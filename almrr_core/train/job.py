"""What a training is asked for, and what it reports while it runs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from almrr_core.errors import ErrorCode, StationError
from almrr_core.models.almrr import Form, Profile
from almrr_core.types import Geometry

DEFAULT_MINUTES = 20.0


@dataclass(frozen=True, slots=True)
class TrainJob:
    """One training: normals in, bundle out.

    `data` holds train/good (MVTec layout) or is a folder of normal pictures. The budget is `steps` gradient
    steps or `minutes` of wall time from the call on; neither gives DEFAULT_MINUTES, 0 of either gives the
    closed form alone (hybrid) or an untrained model (paper). `form` None means the profile's own, `backbone`
    None resnet18 (compact) or resnet50 (paper). `backbone_seed` asks for a randomly initialised backbone,
    packed into the bundle, instead of weights.
    """

    data: Path
    out: Path
    profile: Profile = Profile.COMPACT
    form: Form | None = None
    backbone: str | None = None
    weights: Path | None = None
    backbone_seed: int | None = None
    textures: Path | None = None
    geometry: Geometry = field(default_factory=Geometry)
    device: str = "auto"
    steps: int | None = None
    minutes: float | None = None
    batch: int = 8
    seed: int = 0
    resume: bool = False
    pack_backbone: bool = False

    def __post_init__(self) -> None:
        """Refuse a budget or batch that makes no sense."""
        minutes = self.minutes if self.minutes is not None else 0.0
        if self.steps is not None and self.minutes is not None:
            self._refuse("both steps and minutes are given")
        if (self.steps or 0) < 0 or minutes < 0 or not math.isfinite(minutes):
            self._refuse("the budget is not a number from 0 up")
        if not 2 <= self.batch <= 1024:
            self._refuse(f"the batch size {self.batch} is not in 2..1024")

    @staticmethod
    def _refuse(what: str) -> None:
        raise StationError(
            ErrorCode.BAD_ARGUMENT,
            f"The training cannot start: {what}.",
            "Give either steps or minutes, from 0 up, and a batch size of at least 2.",
        )

    @property
    def chosen_form(self) -> Form:
        """Return the form, the profile's own where none is named."""
        return self.form or (Form.HYBRID if self.profile is Profile.COMPACT else Form.PAPER)

    @property
    def chosen_backbone(self) -> str:
        """Return the backbone's name, the profile's own where none is named."""
        return self.backbone or ("resnet18" if self.profile is Profile.COMPACT else "resnet50")

    @property
    def seconds(self) -> float | None:
        """Return the time budget in seconds, None where steps decide."""
        if self.steps is not None:
            return None
        return 60 * (DEFAULT_MINUTES if self.minutes is None else self.minutes)


class Stage(StrEnum):
    """What a training is doing."""

    DOWNLOADING = "downloading weights"
    READING = "reading pictures"
    CLOSED_FORM = "closed form"
    TRAINING = "training"
    CALIBRATING = "calibrating"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training stands; losses are of the last step, times in seconds, `fraction` in 0..1."""

    stage: Stage
    step: int = 0
    steps: int | None = None
    seconds: float = 0.0
    seconds_left: float | None = None
    reconstruction: float = 0.0
    focal: float = 0.0
    dice: float = 0.0
    pictures_per_second: float = 0.0
    fraction: float = 0.0
