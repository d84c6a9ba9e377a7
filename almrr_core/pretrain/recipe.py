"""The numbers of the recipe that tests make smaller; those of the losses and views stand where they act."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class HeldOutSizes:
    """How much the held-out score is taken from: surfaces, and pieces of each, `size` pixels a side.

    The closed form is fitted to `normals`, its logit to `fitted` pieces with known anomalies or none, and
    `tested` pieces with unknown ones and as many more without are judged.
    """

    surfaces: int = 9
    normals: int = 40
    fitted: int = 9
    tested: int = 24
    size: int = 256


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the steps are made.

    A step sees `batch` of the surfaces (0.6 MB each); `first` are there before the first step, and each step
    adds one until there are `capacity`. AdamW's `rate` rises with the square of the step over `warm_up` steps
    and then stays; the weights that are shipped are an average over about the last eighth of all steps
    (`average_power`, as in training). The first `exact` steps run in float32, so that another machine with
    the same kind of device can reproduce them: at their low rates the rounding of two machines does not grow.
    """

    first: int = 64
    capacity: int = 3000
    batch: int = 36
    rate: float = 2e-3
    warm_up: int = 200
    decay: float = 0.02
    clip: float = 5.0
    average_power: float = 7.0
    exact: int = 20
    held_out: HeldOutSizes = field(default_factory=HeldOutSizes)
