"""Is one model better than another on the same pictures? A paired bootstrap over pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Chosen = NDArray[np.intp]  # (n,) numbers of pictures, drawn with replacement


@dataclass(frozen=True, slots=True)
class Difference:
    """After minus before, and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def paired_difference(
    before: Callable[[Chosen], float | None],
    after: Callable[[Chosen], float | None],
    pictures: int,
    draws: int = 1000,
    seed: int = 0,
) -> Difference | None:
    """Return the difference of a figure of two models, each draw of pictures being the same for both.

    `before` and `after` give the figure on the chosen pictures, None where it cannot be said (such draws are
    left out). None where it cannot be said on all of them.
    """
    whole = np.arange(pictures)
    value = _difference(before, after, whole)
    if value is None:
        return None
    random = np.random.default_rng(seed)
    drawn = (_difference(before, after, random.integers(0, pictures, pictures)) for _ in range(draws))
    found = [one for one in drawn if one is not None]
    low, high = np.quantile(found, (0.025, 0.975)) if found else (np.nan, np.nan)
    return Difference(value, float(low), float(high))


def _difference(
    before: Callable[[Chosen], float | None], after: Callable[[Chosen], float | None], chosen: Chosen
) -> float | None:
    first, second = before(chosen), after(chosen)
    return None if first is None or second is None else second - first
