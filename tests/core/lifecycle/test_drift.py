"""The control chart: steady parts stay quiet, a shift is told, and too little says nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from almrr_core.judge import calibrate
from almrr_core.lifecycle.drift import FEWEST, SUBGROUP, Drift, DriftState, chart, drift
from almrr_core.store import Store
from almrr_core.types import LogRow, Recipe, Verdict
from tests.core.lifecycle.helpers import ANNA, PRODUCT, START, log_part

FAR = 1e9  # a review limit that no score reaches


def rows(scores: list[float]) -> list[LogRow]:
    return [
        LogRow(
            inspection_id=number,
            part_id=f"P-{number}",
            at=START + timedelta(seconds=number),
            product=PRODUCT,
            source_id="camera",
            verdict=Verdict.PASS,
            score=score,
            review_limit=FAR,
            fail_limit=FAR,
            model_id="M-0001",
            recipe_version=1,
            latency_ms=1.0,
        )
        for number, score in enumerate(scores)
    ]


def charted(seed: int, parts: int, shift: float = 0.0, normals: int = 100) -> Drift:
    random = np.random.default_rng(seed)
    calibration = calibrate(random.normal(size=normals))
    return chart(calibration, FAR, rows(list(random.normal(shift, 1, parts))), START)


def test_steady_parts_rarely_alarm_even_with_few_normals() -> None:
    states = [charted(seed, 1000, normals=normals).state for seed in range(40) for normals in (12, 60, 300)]
    assert states.count(DriftState.DRIFTED) <= 1


@pytest.mark.parametrize(("shift", "way"), [(1.0, "higher"), (-1.2, "lower")])
def test_a_shift_is_told_with_its_size(shift: float, way: str) -> None:
    found = charted(1, 600, shift)
    assert found.state is DriftState.DRIFTED
    assert f"standard deviations {way} than at calibration: retrain suggested." in found.sentence
    assert (found.points[-1].average > found.high) == (shift > 0)


def test_a_shift_that_nobody_needs_to_know_is_no_alarm() -> None:
    assert charted(2, 4000, 0.2, normals=3000).state is DriftState.STEADY


def test_few_parts_say_nothing() -> None:
    found = charted(3, FEWEST * SUBGROUP - 1, 5.0)
    assert found.state is DriftState.UNKNOWN
    assert len(found.points) == FEWEST - 1
    assert found.parts == FEWEST * SUBGROUP - 1
    single = chart(calibrate([1.0]), FAR, rows([1.0] * 200), START)
    assert single.state is DriftState.UNKNOWN


def test_points_are_the_means_of_the_newest_subgroups() -> None:
    scores = [float(number) for number in range(SUBGROUP * 2 + 3)]
    found = chart(calibrate([0.0, 2.0]), FAR, rows(scores), START)
    means = [point.mean for point in found.points]
    assert means == [np.mean(scores[3 : 3 + SUBGROUP]), np.mean(scores[3 + SUBGROUP :])]
    assert found.points[0].average == pytest.approx(1.0 + 0.2 * (means[0] - 1.0))
    assert found.points[-1].at == START + timedelta(seconds=SUBGROUP * 2 + 2)


def test_normals_over_the_review_limit_are_no_pass_and_do_not_count() -> None:
    found = chart(calibrate([0.0, 1.0, 2.0, 50.0]), 10.0, rows([]), START)
    assert found.centre == pytest.approx(1.0)


def test_the_log_since_the_promotion_is_charted(store: Store, recipe: Recipe) -> None:
    tuned = store.add_recipe(replace(recipe, created_at=datetime.now(UTC), reason="limits"), ANNA)
    for number in range(FEWEST * SUBGROUP):
        log_part(store, tuned, None, number, score=-50.0, start=recipe.created_at)
    log_part(store, tuned, None, 10_000, score=99.0, verdict=Verdict.FAIL, start=recipe.created_at)
    log_part(store, tuned, None, -5, score=70.0, start=recipe.created_at)
    found = drift(store, PRODUCT)
    assert found is not None
    assert found.parts == FEWEST * SUBGROUP
    assert found.state is DriftState.DRIFTED
    assert "lower" in found.sentence
    assert drift(store, "tiles") is None
