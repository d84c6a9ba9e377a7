"""The gate: figures by definition, whose verdict would change, and when the light is green, amber or red."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from almrr_core.errors import ErrorCode, StationError
from almrr_core.evaluate.metrics import image_ap, image_auroc
from almrr_core.judge import verdict_of
from almrr_core.lifecycle import pools
from almrr_core.lifecycle.figures import Figures, Light, Source
from almrr_core.lifecycle.gate import Gate, limits_of
from almrr_core.lifecycle.rules import judge
from almrr_core.runtime.engine import Engine
from almrr_core.store import Store
from almrr_core.types import Box, Label, Limits, ModelId, Pool, Recipe, Verdict
from tests.core.lifecycle.helpers import ANNA, PRODUCT, in_pool, log_part, second_model, surface, with_spot

CANDIDATE = ModelId("M-0002")
GOOD_FIGURES = Figures(40, 10, 100, 2, 0, 1, 3, 0.95, 0.9, 0.5)


@pytest.fixture
def middle(store: Store, recipe: Recipe, bundle: Path) -> Recipe:
    """A recipe whose limits divide normal parts: about half PASS."""
    engine = Engine.load(bundle, "cpu")
    scores = sorted(engine.inspect(surface(seed)).score for seed in range(10))
    limits = Limits(scores[4] + 1e-4, scores[7] + 1e-4, scores[7])
    return store.add_recipe(replace(recipe, limits=limits), ANNA)


@pytest.mark.usefixtures("one_thread")
def test_figures_and_changes_are_those_of_both_models(
    store: Store, middle: Recipe, bundle: Path, other: Path
) -> None:
    second_model(store, other)
    normals = in_pool(Pool.ACCEPTANCE, 3)
    samples = [pools.add_picture(store, PRODUCT, picture, ANNA) for picture in normals]
    defects = [with_spot(surface(seed)) for seed in (60, 61)]
    samples += [pools.add_picture(store, PRODUCT, picture, ANNA, Label.BAD) for picture in defects]
    logged = [log_part(store, middle, surface(seed), seed) for seed in (70, 71)]
    trained = log_part(store, middle, in_pool(Pool.TRAIN, 1, 80)[0], 80)
    pools.label_part(store, trained, Label.GOOD, ANNA)
    log_part(store, middle, None, 81)
    gate = Gate.load(store, CANDIDATE, device="cpu")
    seen = list[tuple[int, int]]()
    report = gate.compare(done=lambda done, total: seen.append((done, total)))
    assert (report.candidate, report.active) == ("M-0002", "M-0001")
    assert seen[-1] == (7, 7)
    recents = [one.inspection_id for one in report.pictures if one.source is Source.RECENT]
    assert recents == logged[::-1], "what is in a pool, or has no picture, is not compared as recent"
    engines = [Engine.load(folder, "cpu") for folder in (bundle, other)]
    limits = (middle.limits, engines[1].limits)
    pictures = [*normals, *defects, surface(71), surface(70)]
    scores = [[engine.inspect(picture).score for picture in pictures] for engine in engines]
    assert [one.active_score for one in report.pictures][:5] == pytest.approx(scores[0][:5])
    assert [one.candidate_score for one in report.pictures] == pytest.approx(scores[1])
    verdicts = [
        [verdict_of(score, limit) for score in row] for row, limit in zip(scores, limits, strict=True)
    ]
    assert [one.candidate for one in report.pictures] == verdicts[1]
    wrong = sum(verdict is not Verdict.PASS for verdict in verdicts[1][:3])
    found = report.candidate_figures
    assert (found.normals, found.defects, found.unlabelled, found.false_rejects) == (3, 2, 2, wrong)
    truth = [False] * 3 + [True] * 2
    assert found.auroc == image_auroc(scores[1][:5], truth)
    assert found.ap == image_ap(scores[1][:5], truth)
    assert found.pixel_ap is None
    assert {one.path for one in report.changes} == {one.path for one in report.pictures if one.changed}
    moves = [abs(one.candidate_score - one.active_score) for one in report.changes]
    assert moves == sorted(moves, reverse=True)
    maps = gate.maps(report.pictures[0])
    assert np.array_equal(maps.picture, normals[0])
    assert maps.candidate.shape == maps.active.shape == normals[0].shape
    assert not np.array_equal(maps.candidate, maps.active)


@pytest.mark.usefixtures("one_thread")
def test_a_model_against_itself_changes_nothing(store: Store, middle: Recipe, bundle: Path) -> None:
    second_model(store, bundle)
    limits = replace(middle, model_id=CANDIDATE)
    store.add_recipe(limits, ANNA)
    store.add_recipe(middle, ANNA)
    for number, picture in enumerate(in_pool(Pool.ACCEPTANCE, 2)):
        mask = np.zeros(picture.shape, np.bool_)
        mask[40:70, 50:90] = True
        pools.add_picture(store, PRODUCT, picture, ANNA)
        bad = pools.add_picture(store, PRODUCT, with_spot(surface(500 + number)), ANNA, Label.BAD)
        pools.set_mask(store, bad, mask)
    report = Gate.load(store, CANDIDATE, device="cpu").compare()
    assert report.changes == ()
    assert report.active_figures == report.candidate_figures
    assert report.candidate_figures.pixel_ap is not None
    assert report.shift == pytest.approx(0)


@pytest.mark.usefixtures("one_thread")
def test_the_log_s_own_score_is_taken_where_the_model_is_the_same(
    store: Store, middle: Recipe, other: Path
) -> None:
    row = store.model(middle.model_id)
    assert row is not None
    second_model(store, other)
    log_part(store, middle, surface(1), 1, score=123.0, model_hash=row.seal)
    log_part(store, middle, surface(2), 2, score=123.0, model_hash="another")
    newest, oldest = Gate.load(store, CANDIDATE, device="cpu").compare().pictures
    assert newest.active_score != 123.0
    assert oldest.active_score == 123.0


@pytest.mark.usefixtures("one_thread")
def test_a_picture_that_the_region_does_not_lie_in_is_left_out_by_name(
    store: Store, middle: Recipe, other: Path
) -> None:
    second_model(store, other)
    region = replace(middle.geometry, roi=Box(4, 4, 120, 120))
    recipe = store.add_recipe(replace(middle, geometry=region), ANNA)
    whole = pools.add_picture(store, PRODUCT, in_pool(Pool.ACCEPTANCE, 1)[0], ANNA)
    small = pools.add_picture(store, PRODUCT, in_pool(Pool.ACCEPTANCE, 1, side=100)[0], ANNA)
    drawn = pools.add_picture(store, PRODUCT, with_spot(surface(62)), ANNA, Label.BAD)
    pools.set_mask(store, drawn, np.ones((90, 90), np.bool_))  # of another size than its picture
    log_part(store, recipe, surface(70, 64), 70, np.nan, Verdict.NOT_INSPECTED)
    fits = log_part(store, recipe, surface(71), 71)
    report = Gate.load(store, CANDIDATE, device="cpu").compare()
    assert {one.sample_id for one in report.pictures} == {whole.sample_id, None}
    assert {one.inspection_id for one in report.pictures} == {fits, None}
    names = [sentence.partition(": The region of interest 120 x 120")[0] for sentence in report.left_out]
    assert names[:2] == [f"{small.sha256}.png", f"{drawn.sha256}.png"]
    assert [names[2].endswith(".png"), len(names)] == [True, 3]


@pytest.mark.usefixtures("one_thread")
def test_what_was_ever_a_sample_is_not_compared_as_recent(store: Store, middle: Recipe, other: Path) -> None:
    second_model(store, other)
    kept, removed = in_pool(Pool.TRAIN, 2)
    pools.add_picture(store, PRODUCT, kept, ANNA)
    pools.remove(store, pools.add_picture(store, PRODUCT, removed, ANNA), ANNA, "dust")
    for number, picture in enumerate((kept, removed)):
        log_part(store, middle, picture, number)
    fresh = log_part(store, middle, surface(700), 2)
    report = Gate.load(store, CANDIDATE, device="cpu").compare()
    assert [one.inspection_id for one in report.pictures] == [fresh]
    assert report.left_out == ()


@pytest.mark.usefixtures("one_thread")
def test_a_picture_that_is_gone_is_named_and_a_stop_stops(store: Store, middle: Recipe, other: Path) -> None:
    second_model(store, other)
    sample = pools.add_picture(store, PRODUCT, in_pool(Pool.ACCEPTANCE, 1)[0], ANNA)
    log_part(store, middle, surface(70), 70)
    (store.folder / sample.path).unlink()
    gate = Gate.load(store, CANDIDATE, device="cpu")
    report = gate.compare()
    assert len(report.pictures) == 1
    assert "does not exist" in report.left_out[0]
    with pytest.raises(StationError) as stopped:
        gate.compare(cancelled=lambda: True)
    assert stopped.value.code is ErrorCode.TRAINING_CANCELLED


def test_models_that_cannot_be_compared(store: Store, recipe: Recipe, other: Path) -> None:
    with pytest.raises(StationError, match="M-0404 is not there"):
        Gate.load(store, ModelId("M-0404"))
    row = second_model(store, other)
    store.delete_model(row.model_id, ANNA)
    with pytest.raises(StationError, match="M-0002 was deleted"):
        Gate.load(store, CANDIDATE)


def test_a_model_keeps_the_limits_it_was_last_used_with(store: Store, recipe: Recipe, other: Path) -> None:
    row = second_model(store, other)
    calibrated = Limits(1.0, 2.0, 2.0, 1)
    store.add_recipe(replace(recipe, limits=Limits(0.5, 3.0, 3.0, 77)), ANNA)
    assert limits_of(store, row, calibrated) == Limits(1.0, 2.0, 2.0, 77)
    store.add_recipe(replace(recipe, model_id=CANDIDATE, limits=Limits(1.5, 2.5, 2.5)), ANNA)
    store.add_recipe(recipe, ANNA)
    assert limits_of(store, row, calibrated) == Limits(1.5, 2.5, 2.5)


def test_limits_of_another_region_of_interest_are_not_the_model_s(
    store: Store, recipe: Recipe, other: Path
) -> None:
    row, calibrated = second_model(store, other), Limits(1.0, 2.0, 2.0, 1)
    whole = replace(recipe, model_id=CANDIDATE, limits=Limits(1.5, 2.5, 2.5))
    left, right = (replace(recipe.geometry, roi=Box(x, 0, 64, 64)) for x in (0, 64))
    for used in (
        whole,
        replace(whole, geometry=left, limits=Limits(0.5, 0.75, 0.75)),
        replace(whole, geometry=left, limits=Limits(0.25, 0.5, 0.5)),
        replace(recipe, geometry=right, limits=Limits(9.0, 9.5, 9.5, 77)),
    ):
        store.add_recipe(used, ANNA)
    assert limits_of(store, row, calibrated) == Limits(1.0, 2.0, 2.0, 77)  # never used in this region
    store.add_recipe(replace(recipe, geometry=left, limits=Limits(9.0, 9.5, 9.5, 78)), ANNA)
    assert limits_of(store, row, calibrated) == Limits(0.25, 0.5, 0.5, 78)  # the last ones there
    store.add_recipe(replace(recipe, limits=Limits(9.0, 9.5, 9.5, 79)), ANNA)
    assert limits_of(store, row, calibrated) == Limits(1.5, 2.5, 2.5, 79)
    gate = Gate.load(store, CANDIDATE, device="cpu")
    assert gate.limits() == (Limits(9.0, 9.5, 9.5, 79), Limits(1.5, 2.5, 2.5, 79))


CASES = [
    ({}, 5, Light.GREEN, "No figure is worse: false rejects 2 → 2 of 40, escapes 1 → 1"),
    ({"escapes": 2}, 0, Light.RED, "More labelled defects would escape: 2 instead of 1 of 10"),
    ({"escapes": 0}, 0, Light.GREEN, "escapes 1 → 0"),
    ({"false_rejects": 3}, 0, Light.AMBER, "More normal pictures would be rejected: 3 instead of 2 of 40"),
    ({"false_rejects": 5}, 0, Light.RED, "5 instead of 2 of 40"),
    ({"unlabelled_rejects": 7}, 0, Light.AMBER, "More unlabelled pictures would be rejected: 7 instead of 3"),
    ({"unlabelled_rejects": 8}, 0, Light.RED, "8 instead of 3 of 100"),
    ({"auroc": 0.94}, 0, Light.AMBER, "AUROC 94.0 instead of 95.0"),
    ({"auroc": 0.92}, 0, Light.RED, "AUROC 92.0 instead of 95.0"),
    ({"ap": 0.87}, 0, Light.AMBER, "AP 87.0 instead of 90.0"),
    ({"pixel_ap": 0.47}, 0, Light.AMBER, "pixel AP 47.0 instead of 50.0"),
    ({}, 8, Light.AMBER, "The verdict of 8 of 150 pictures would change"),
]


@pytest.mark.parametrize(("change", "changed", "light", "words"), CASES)
def test_the_light_and_its_reason(change: dict[str, float], changed: int, light: Light, words: str) -> None:
    found, reasons = judge(GOOD_FIGURES, replace(GOOD_FIGURES, **change), changed)  # type: ignore[arg-type]
    assert (found, reasons[0].light) == (light, light)
    assert words in reasons[0].sentence


def test_little_evidence_is_amber_and_the_worst_reason_comes_first() -> None:
    few = replace(GOOD_FIGURES, normals=19, defects=0, auroc=None, ap=None, escapes=0)
    light, reasons = judge(few, few, 0)
    assert light is Light.AMBER
    assert ["Only 19" in reasons[0].sentence, "No defect was compared" in reasons[1].sentence] == [True, True]
    light, reasons = judge(few, replace(few, false_rejects=9), 0)
    assert [one.light for one in reasons] == [Light.RED, Light.AMBER, Light.AMBER]
    assert light is Light.RED
