"""Counters: what was logged since a reset and in the shift, whatever the clock does."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from almrr_core.types import (
    GOOD,
    Box,
    Counts,
    Geometry,
    ModelId,
    Record,
    Verdict,
)
from app.services.tally import Tally, scale_of, shift_start
from app.services.values import TruthCounts
from tests.core.parts import plain_recipe, plain_record

NOW = datetime.now(UTC)
RECORD = plain_record(plain_recipe(), "a", NOW, score=0.5)


def record(verdict: Verdict, truth: str | None = None, score: float = 0.5) -> Record:
    return replace(RECORD, verdict=verdict, score=score, frame=replace(RECORD.frame, truth=truth))


@pytest.fixture
def tally() -> Tally:
    return Tally(Counts(passed=5), NOW - timedelta(hours=1), Counts(passed=7), shift_start(NOW))


def test_it_goes_on_from_what_the_log_holds(tally: Tally) -> None:
    for verdict in Verdict:
        tally.add(record(verdict))
    assert tally.since_reset == Counts(passed=6, review=1, fail=1, not_inspected=1)
    assert tally.shift == Counts(passed=8, review=1, fail=1, not_inspected=1)
    assert tally.since_reset.yield_fraction == pytest.approx(6 / 9)
    assert tally.truth is None


def test_a_reset_leaves_the_shift(tally: Tally) -> None:
    tally.reset(NOW)
    tally.add(record(Verdict.FAIL))
    assert (tally.since_reset, tally.shift) == (Counts(fail=1), Counts(passed=7, fail=1))
    assert tally.reset_at == NOW


def test_a_part_decided_before_the_reset_is_not_counted_after_it(tally: Tally) -> None:
    tally.reset(NOW + timedelta(seconds=1))
    tally.add(RECORD)
    assert tally.since_reset == Counts()


def test_a_clock_set_back_stops_no_counter(tally: Tally) -> None:
    tally.reset(NOW + timedelta(hours=2))
    tally.add(RECORD)
    assert tally.since_reset == Counts(passed=1)


def test_a_new_shift_begins_at_midnight() -> None:
    yesterday = shift_start(NOW) - timedelta(days=1)
    tally = Tally(Counts(), NOW, Counts(passed=9), yesterday)
    assert (tally.shift, tally.shift_at) == (Counts(), shift_start(NOW))
    local = shift_start(NOW).astimezone()
    assert (local.hour, local.minute, local.second) == (0, 0, 0)


def test_verdicts_against_the_truth(tally: Tally) -> None:
    seen = [
        (Verdict.PASS, GOOD),
        (Verdict.REVIEW, GOOD),
        (Verdict.FAIL, GOOD),
        (Verdict.FAIL, "hole"),
        (Verdict.REVIEW, "hole"),
        (Verdict.PASS, "hole"),
        (Verdict.NOT_INSPECTED, "hole"),
    ]
    for verdict, truth in seen:
        tally.add(record(verdict, truth))
    assert tally.truth == TruthCounts(caught=2, escaped=1, false_rejects=1, good=3, false_reviews=1)
    tally.reset(NOW)
    assert tally.truth is None


def test_the_last_scores_are_those_of_product_model_and_region(tally: Tally) -> None:
    tally.add(record(Verdict.PASS, score=9.0))  # of another product than the one asked for
    tally.begin_scores(scale_of(RECORD.recipe), (3.0, 2.0))
    tally.add(record(Verdict.PASS, score=4.0))
    for other in (
        {"product": "silk"},
        {"model_id": ModelId("M-0009")},
        {"geometry": Geometry(roi=Box(0, 0, 9, 9))},
    ):
        tally.add(replace(record(Verdict.PASS, score=8.0), recipe=replace(RECORD.recipe, **other)))
    tally.add(record(Verdict.NOT_INSPECTED, score=math.nan))
    assert tally.scores == (4.0, 3.0, 2.0)
    for number in range(600):
        tally.add(record(Verdict.PASS, score=float(number)))
    assert (len(tally.scores), tally.scores[0]) == (500, 599.0)
