from __future__ import annotations

import numpy as np
import pytest

from almrr_core.evaluate.bootstrap import Chosen, paired_difference


def test_a_constant_gain_is_certain_and_noise_is_not() -> None:
    random = np.random.default_rng(0)
    base = random.normal(size=80)
    other = base + random.normal(0, 1, 80)

    def mean_of(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> object:
        return lambda chosen: float(values[chosen].mean())

    certain = paired_difference(mean_of(base), mean_of(base + 0.5), 80)  # type: ignore[arg-type]
    assert certain is not None
    assert (certain.value, certain.low, certain.high) == pytest.approx((0.5, 0.5, 0.5))
    noisy = paired_difference(mean_of(base), mean_of(other), 80)  # type: ignore[arg-type]
    assert noisy is not None
    standard_error = (other - base).std() / np.sqrt(80)
    assert noisy.high - noisy.low == pytest.approx(3.92 * standard_error, rel=0.15)
    again = paired_difference(mean_of(base), mean_of(other), 80)  # type: ignore[arg-type]
    assert noisy == again


def test_what_cannot_be_said_is_left_out() -> None:
    def never(chosen: Chosen) -> float | None:
        return None

    def sometimes(chosen: Chosen) -> float | None:
        return 1.0 if 0 in chosen else None

    assert paired_difference(never, never, 5) is None
    found = paired_difference(sometimes, sometimes, 5, draws=50)
    assert found is not None
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)
