"""Verdicts, regions and limits: against slow twins, and by simulation of normal scores."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import ndimage, stats

from almrr_core.errors import ErrorCode, StationError
from almrr_core.judge import (
    Calibration,
    calibrate,
    default_limits,
    expected_escapes,
    expected_false_rejects,
    frame_score,
    regions_of,
    verdict_of,
)
from almrr_core.types import Limits, Verdict


def slow_score(score_map: np.ndarray) -> float:
    """Mean over the existing pixels of each 9×9 window, the highest of them."""
    height, width = score_map.shape
    return max(
        float(score_map[max(y - 4, 0) : y + 5, max(x - 4, 0) : x + 5].astype(np.float64).mean())
        for y in range(height)
        for x in range(width)
    )


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (3, 5), (8, 9), (9, 9), (31, 23)])
def test_frame_score_equals_the_slow_mean_filter(shape: tuple[int, int]) -> None:
    seed = secrets.randbits(32)
    score_map = np.random.default_rng(seed).normal(-3, 5, shape).astype(np.float32)
    assert frame_score(score_map) == pytest.approx(slow_score(score_map), rel=1e-6, abs=1e-6), seed


def test_frame_score_equals_torch_average_pooling() -> None:
    seed = secrets.randbits(32)
    score_map = np.random.default_rng(seed).normal(0, 5, (40, 57)).astype(np.float32)
    pooled = torch.nn.functional.avg_pool2d(
        torch.from_numpy(score_map)[None, None], 9, stride=1, padding=4, count_include_pad=False
    )
    assert frame_score(score_map) == pytest.approx(float(pooled.max()), rel=1e-5), seed


def test_a_constant_map_scores_its_constant_exactly() -> None:
    for value in (0.1, -7.3, 1e-3):
        assert frame_score(np.full((20, 33), value, np.float32)) == np.float32(value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("judge", [frame_score, lambda m: regions_of(m, Limits(0, 0, 0))])
def test_a_map_that_is_not_finite_is_refused(bad: float, judge: Callable[[np.ndarray], object]) -> None:
    score_map = np.full((12, 12), -5, np.float32)
    score_map[7, 3] = bad
    with pytest.raises(StationError) as caught:
        judge(score_map)
    assert caught.value.code is ErrorCode.SCORE_INVALID


@pytest.mark.parametrize("shape", [(0, 4), (4,), (1, 4, 4)])
def test_a_map_of_the_wrong_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(StationError):
        frame_score(np.zeros(shape, np.float32))


def test_verdict_counts_the_limits_themselves() -> None:
    limits = Limits(review=1.0, fail=2.0, pixel=2.0)
    scores = [np.nextafter(1.0, 0), 1.0, np.nextafter(2.0, 0), 2.0, np.inf, -np.inf, np.nan]
    expected = ["PASS", "REVIEW", "REVIEW", "FAIL", "FAIL", "PASS", "NOT_INSPECTED"]
    assert [verdict_of(score, limits) for score in scores] == [Verdict(word) for word in expected]


def test_regions_equal_a_slow_labelling() -> None:
    seed = secrets.randbits(32)
    rng = np.random.default_rng(seed)
    score_map = ndimage.gaussian_filter(rng.standard_normal((60, 70)), 1).astype(np.float32)
    limits = Limits(0.0, 0.3, pixel=0.2, min_area=3)
    labels, count = ndimage.label(score_map >= 0.2, structure=np.ones((3, 3)))
    expected = []
    for label in range(1, count + 1):
        inside = labels == label
        if inside.sum() >= 3:
            ys, xs = np.nonzero(inside)
            box = (xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1)
            values = score_map[inside].astype(np.float64)
            expected.append((*box, inside.sum(), values.max(), pytest.approx(values.mean())))
    expected.sort(key=lambda row: -row[5])
    found = [
        (r.box.x, r.box.y, r.box.width, r.box.height, r.area, r.maximum, r.mean)
        for r in regions_of(score_map, limits)
    ]
    assert len(expected) > 3 and found == expected, seed


def test_the_pixel_limit_counts_even_where_float32_cannot_hold_it() -> None:
    for limit in (0.1, 0.7, 1 / 3):
        near = np.float32(limit)
        score_map = np.array([[np.nextafter(near, np.float32(-9)), -9, near, -9, np.nextafter(near, 9)]])
        expected = int((score_map.astype(np.float32).astype(np.float64) >= limit).sum())
        assert len(regions_of(score_map.astype(np.float32), Limits(limit, limit, limit))) == expected
    assert regions_of(np.zeros((9, 9), np.float32), Limits(1e39, 1e39, 1e39)) == ()


def test_by_default_every_fail_shows_a_region_and_diagonals_join() -> None:
    score_map = np.full((30, 30), 2.5, np.float32)
    limits = default_limits(calibrate([1.0, 2.0]))
    at_limit = Limits(frame_score(score_map), frame_score(score_map), frame_score(score_map))
    assert verdict_of(frame_score(score_map), at_limit) is Verdict.FAIL
    assert len(regions_of(score_map, at_limit)) == 1
    assert len(regions_of(np.eye(12, dtype=np.float32) * 1e6, limits)) == 1


def test_many_regions_on_a_large_map_are_fast() -> None:
    score_map = np.random.default_rng(1).standard_normal((2048, 2048)).astype(np.float32)
    start = time.thread_time()
    regions = regions_of(score_map, Limits(3, 3, 3))
    assert len(regions) > 4000
    assert time.thread_time() - start < 3


# --------------------------------------------------------------------------------- calibration

FAMILIES = {
    "exponential": stats.expon(),
    "normal": stats.norm(-4, 0.7),
    "heavy": stats.genpareto(0.15),
    "gumbel": stats.gumbel_r(),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_limits_reach_their_rates_and_intervals_cover(name: str) -> None:
    family, rng = FAMILIES[name], np.random.default_rng(20)
    drawn = [calibrate(family.rvs(size=300, random_state=rng)) for _ in range(60)]
    fail, review = (np.array([getattr(c, key).value for c in drawn]) for key in ("fail", "review"))
    assert not any(c.provisional for c in drawn)
    assert 1 / 3000 < np.median(family.sf(fail)) < 1 / 333
    assert 0.006 < np.median(family.sf(review)) < 0.016
    for key, rate in (("fail", 1e-3), ("review", 1e-2)):
        truth = family.isf(rate)
        covered = np.mean([getattr(c, key).low <= truth <= getattr(c, key).high for c in drawn])
        assert covered >= 0.85


@pytest.mark.parametrize("n", [3, 10, 40, 150])
def test_few_normals_give_the_maximum_plus_a_margin(n: int) -> None:
    rng = np.random.default_rng(n)
    drawn = [calibrate(stats.expon.rvs(size=n, random_state=rng)) for _ in range(600)]
    assert all(c.provisional and c.fail.value > c.review.value > max(c.scores) for c in drawn)
    fails = np.array([c.fail.value for c in drawn])
    assert 1 / 4000 < np.median(stats.expon.sf(fails)) < 1 / 250
    truth = stats.expon.isf(1e-3)
    assert np.mean([c.fail.low <= truth <= c.fail.high for c in drawn]) >= 0.88


def test_more_normals_narrow_the_interval() -> None:
    scores = np.random.default_rng(3).gumbel(size=2000)
    widths = [c.fail.high - c.fail.low for c in (calibrate(scores[:n]) for n in (5, 50, 2000))]
    assert widths[0] > widths[1] > widths[2]


def awkward() -> dict[str, list[float]]:
    rng = np.random.default_rng(8)
    return {
        "one": [1.5],
        "one zero": [0.0],
        "two": [-2.0, -1.0],
        "two equal": [-2.0, -2.0],
        "constant": [5.0] * 50,
        "constant, many": [5.0] * 400,
        "two values": [0.0] * 250 + [1.0] * 50,
        "rounded": np.round(rng.exponential(size=300), 1).tolist(),
        "outlier": [*rng.exponential(size=299), 1e6],
        "few with outlier": [*rng.exponential(size=20), 1e6],
        "cauchy": rng.standard_cauchy(300).tolist(),
        "huge": (1e30 * rng.exponential(size=300)).tolist(),
        "tiny": (1e-30 * rng.exponential(size=300)).tolist(),
        "normals at the far left": (-1e4 + rng.exponential(size=250)).tolist(),
    }


@pytest.mark.parametrize("name", awkward())
def test_awkward_scores_give_usable_limits(name: str) -> None:
    scores = awkward()[name]
    calibration = calibrate(scores)
    limits = default_limits(calibration)
    assert limits.review <= limits.fail == limits.pixel
    for estimate in (calibration.review, calibration.fail):
        assert estimate.low <= estimate.value <= estimate.high
        assert np.isfinite([estimate.low, estimate.high]).all()
    rejected = np.mean(np.array(scores) >= limits.fail)
    assert rejected <= 0.02  # constant or tied scores must not all fail
    assert calibration.provisional or name in {
        "rounded", "outlier", "cauchy", "huge", "tiny", "normals at the far left",
    }  # fmt: skip


def test_one_gross_outlier_does_not_carry_the_limit_away() -> None:
    clean = np.random.default_rng(4).exponential(size=299)
    with_outlier = calibrate([*clean, 1e6])
    assert with_outlier.fail.value < 5 * calibrate(clean).fail.value


def test_limits_follow_shift_and_scale() -> None:
    scores = np.random.default_rng(5).gumbel(size=250)
    plain, moved = calibrate(scores), calibrate(-20 + 3 * scores)
    assert moved.fail.value == pytest.approx(-20 + 3 * plain.fail.value, rel=1e-9)
    few, moved = calibrate(scores[:30]), calibrate(-20 + 3 * scores[:30])
    assert moved.fail.value == pytest.approx(-20 + 3 * few.fail.value, rel=1e-9)


@pytest.mark.parametrize("n", [1, 12, 300])
def test_expected_false_rejects_agrees_with_the_limits(n: int) -> None:
    scores = np.random.default_rng(6).exponential(size=n)
    calibration = calibrate(scores, fail_rate=0.002, review_rate=0.004)
    assert expected_false_rejects(calibration, calibration.fail.value) == pytest.approx(2, rel=0.05)
    assert expected_false_rejects(calibration, calibration.review.value) == pytest.approx(4, rel=0.05)
    assert expected_false_rejects(calibration, -1.0) == 1000
    median = float(np.sort(scores)[n // 2])
    assert expected_false_rejects(calibration, median) == pytest.approx(1000 * np.mean(scores >= median))
    steps = [expected_false_rejects(calibration, x) for x in np.linspace(scores.max(), 40, 9)]
    assert steps == sorted(steps, reverse=True)


def test_expected_escapes_counts_defects_below_the_limit() -> None:
    assert expected_escapes([1, 2, 3, 4], 3) == 500  # a score at the limit is caught
    assert expected_escapes([5, 6], 3) == 0
    assert expected_escapes([], 3) is None
    with pytest.raises(StationError):
        expected_escapes([float("nan")], 3)


@pytest.mark.parametrize(
    ("scores", "code"),
    [
        ([], ErrorCode.TOO_FEW_NORMALS),
        ([1, np.nan], ErrorCode.SCORE_INVALID),
        ([np.inf], ErrorCode.SCORE_INVALID),
    ],
)
def test_scores_that_say_nothing_are_refused(scores: list[float], code: ErrorCode) -> None:
    with pytest.raises(StationError) as caught:
        calibrate(scores)
    assert caught.value.code is code


@pytest.mark.parametrize(("fail", "review"), [(0, 0.01), (0.02, 0.01), (0.001, 0.5), (np.nan, 0.01)])
def test_rates_that_make_no_sense_are_refused(fail: float, review: float) -> None:
    with pytest.raises(StationError) as caught:
        calibrate([1, 2], fail_rate=fail, review_rate=review)
    assert caught.value.code is ErrorCode.BAD_ARGUMENT


def test_order_does_not_matter_and_json_gives_the_same_value_back() -> None:
    scores = np.random.default_rng(7).exponential(size=220)
    calibration = calibrate(scores, pixel_maxima=scores + 3)
    assert calibrate(scores[::-1]).fail == calibration.fail
    assert calibration.n == 220 and calibration.pixel is not None
    assert calibration.pixel.value == pytest.approx(calibration.fail.value + 3)
    assert Calibration.from_json(json.loads(json.dumps(calibration.to_json()))) == calibration
    plain = calibrate(scores[:9])
    assert Calibration.from_json(json.loads(json.dumps(plain.to_json()))) == plain


def test_default_limits_take_a_pixel_limit_and_an_area() -> None:
    limits = default_limits(calibrate([1.0, 2.0, 3.0]), pixel=0.5, min_area=7)
    assert (limits.pixel, limits.min_area) == (0.5, 7)


def test_calibrating_ten_thousand_normals_takes_under_a_second() -> None:
    scores = np.random.default_rng(secrets.randbits(32)).exponential(size=10_000)
    start = time.thread_time()
    calibrate(scores)
    assert time.thread_time() - start < 1
