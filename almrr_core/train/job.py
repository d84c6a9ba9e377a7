"""What a training is asked for, and what it reports while it runs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from almrr_core.data.samples import Sample
from almrr_core.errors import ErrorCode, StationError
from almrr_core.models.almrr import Form, Profile
from almrr_core.models.weights import SHIPPED, default_backbone
from almrr_core.types import Geometry

DEFAULT_MINUTES = 20.0


@dataclass(frozen=True, slots=True)
class TrainJob:
    """One training: normals in, bundle out.

    16-bit pictures of `data` have `bit_depth` bits (8..16; None: 16). `data` holds train/good (MVTec
    layout) or is a folder of normal pictures. The budget is `steps` gradient steps or `minutes` of wall
    time from the call on; neither gives DEFAULT_MINUTES, 0 of either gives the closed form alone (hybrid)
    or an untrained model (paper). `form` None means the profile's own, `backbone` None what
    `chosen_backbone` says. `backbone_seed` asks for a randomly initialised backbone instead of weights.
    `pack_backbone` stores the backbone in the bundle; None where the next version of the program may come
    with another one (`packs`). `shade` (hybrid) also judges the picture's own brightness and colour, which
    finds faint stains and wide changes of tone; None what the parent does, else `chosen_shade`.

    With `normals` and `held_out` given (both, or neither) these pictures train and calibrate, and `data` is not
    read. `parent` is a bundle whose backbone and sizes are used; with `warm` its weights too, and pictures that
    it was not trained on then make up at least half of what is drawn. Its form and geometry must be the job's.
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
    pack_backbone: bool | None = None
    normals: tuple[Sample, ...] = ()
    held_out: tuple[Sample, ...] = ()
    parent: Path | None = None
    warm: bool = False
    shade: bool | None = None
    bit_depth: int | None = None

    def __post_init__(self) -> None:
        """Refuse a budget or batch that makes no sense."""
        minutes = self.minutes if self.minutes is not None else 0.0
        if self.steps is not None and self.minutes is not None:
            self._refuse("both steps and minutes are given")
        if (self.steps or 0) < 0 or minutes < 0 or not math.isfinite(minutes):
            self._refuse("the budget is not a number from 0 up")
        if not 2 <= self.batch <= 1024:
            self._refuse(f"the batch size {self.batch} is not in 2..1024")
        if bool(self.normals) != bool(self.held_out):
            self._refuse("pictures to train on need pictures held out, and the other way round")
        if self.warm and self.parent is None:
            self._refuse("there is no model to go on from")
        if self.shade and self.chosen_form is Form.PAPER:
            self._refuse("the paper's form cannot judge brightness and colour", "Take the hybrid form.")

    @staticmethod
    def _refuse(
        what: str, remedy: str = "Give either steps or minutes, from 0 up, and a batch size of at least 2."
    ) -> None:
        raise StationError(ErrorCode.BAD_ARGUMENT, f"The training cannot start: {what}.", remedy)

    @property
    def chosen_form(self) -> Form:
        """Return the form, the profile's own where none is named."""
        return self.form or (Form.HYBRID if self.profile is Profile.COMPACT else Form.PAPER)

    @property
    def chosen_backbone(self) -> str:
        """Return the backbone's name, the profile's own where none is named.

        That of the compact profile is the shipped one where no ImageNet weights are on this machine, or where
        `weights` names what `almrr pretrain` made.
        """
        if self.backbone is not None or self.profile is Profile.PAPER:
            return self.backbone or "resnet50"
        return "resnet18" if self.backbone_seed is not None else default_backbone(self.weights)

    @property
    def chosen_shade(self) -> bool:
        """Return whether brightness and colour are judged too; where nobody says, with the shipped backbone.

        It is made to look past the light; ImageNet's see some of the tone by themselves.
        """
        if self.shade is None:
            return self.chosen_form is Form.HYBRID and self.chosen_backbone == SHIPPED
        return self.shade

    def packs(self, backbone: str) -> bool:
        """Return whether a bundle with this backbone carries it.

        A random one exists nowhere else. Where nobody says, the shipped one is stored too: it may change with
        the program, and a model must outlive that.
        """
        packed = backbone == SHIPPED if self.pack_backbone is None else self.pack_backbone
        return packed or self.backbone_seed is not None

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
    CHECKING = "self-test"


@dataclass(frozen=True, slots=True)
class WorstNormal:
    """A training normal that the model under training finds odd, and the highest logit it has for it."""

    path: Path
    score: float


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training stands; losses are of the last step, times in seconds, `fraction` in 0..1.

    `worst`: the training normals found oddest so far, the oddest first. `notice`: a sentence for a person.
    """

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
    worst: tuple[WorstNormal, ...] = ()
    notice: str = ""
