from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import numpy as np
import pytest

from almrr_core.errors import ErrorCode, StationError
from almrr_core.store import Store
from almrr_core.store.recording import MOST_REGIONS
from almrr_core.types import LogFilter, LogOrder, PartId, Recipe, Verdict
from tests.core.store.helpers import START, a_picture, picture_files, record_of


def test_a_record_comes_back_whole(store: Store, recipe: Recipe) -> None:
    texts: dict[str, Any] = {"lot": "L-7", "serial": "00012", "name": "/in/a b.png", "truth": "scratch"}
    record = record_of(recipe, score=3.25, picture=a_picture(), **texts)
    number = store.record(record, keep_picture=True)
    got = store.detail(number)
    row = got.row
    assert (row.inspection_id, row.part_id, row.at, row.product) == (number, "P-1", START, "weave")
    assert (row.verdict, row.score, row.review_limit, row.fail_limit) == (Verdict.FAIL, 3.25, 1.4, 2.6)
    assert {name: getattr(row, name) for name in texts} == texts
    assert (row.source_id, row.model_id, row.recipe_version) == ("camera-1", "M-0001", 1)
    assert (row.latency_ms, got.inspect_ms, row.has_picture, row.label) == (60.25, 41.5, True, None)
    assert (got.limits, got.geometry, got.regions) == (recipe.limits, recipe.geometry, record.regions)
    assert (got.model_hash, got.station_id, got.line_id, got.view) == (
        "ab" * 32,
        "station-1",
        "line-1",
        "top",
    )
    times = (got.trigger_at, got.grabbed_at, got.output_at)
    assert times == (record.request.trigger_at, record.frame.grabbed_at, record.output_at)
    assert got.picture is not None and got.score_map is not None and record.model_map is not None
    assert np.array_equal(got.picture, a_picture())
    assert got.score_map.dtype == np.float32
    assert np.allclose(got.score_map, record.model_map, rtol=1e-3)
    assert got.picture_path == store.folder / "pictures/2026/07/23/P-1.png"
    assert (got.picture_note, got.labels) == ("", ())
    assert store.page(LogFilter(), LogOrder.NEWEST, None, 5) == (row,)


def test_a_part_that_was_not_inspected_has_no_score(store: Store, recipe: Recipe) -> None:
    number = store.record(record_of(recipe, score=math.nan), keep_picture=True)
    got = store.detail(number)
    assert got.row.verdict is Verdict.NOT_INSPECTED
    assert math.isnan(got.row.score)
    assert got.row.reason == "the file is damaged"
    assert (got.picture, got.score_map, got.picture_path) == (None, None, None)
    assert got.picture_note == "The picture was not kept."


def test_a_picture_is_kept_only_where_asked(store: Store, recipe: Recipe) -> None:
    number = store.record(record_of(recipe, picture=a_picture()), keep_picture=False)
    assert not store.detail(number).row.has_picture
    assert picture_files(store.folder) == set()


def test_gray_pictures_and_values_beyond_half_precision_are_kept(store: Store, recipe: Recipe) -> None:
    gray = np.arange(30 * 20, dtype=np.uint8).reshape(30, 20)
    wild = np.array([[-1e6, 1e6], [0.5, 2.0]], np.float32)
    record = replace(record_of(recipe, picture=gray), model_map=wild)
    got = store.detail(store.record(record, keep_picture=True))
    assert got.picture is not None and got.score_map is not None
    assert np.array_equal(got.picture, gray)
    assert got.score_map.tolist() == [[-65504.0, 65504.0], [0.5, 2.0]]


def test_times_of_any_zone_are_stored_as_utc(store: Store, recipe: Recipe) -> None:
    zone = timezone(timedelta(hours=-7))
    record = record_of(recipe)
    number = store.record(replace(record, decided_at=record.decided_at.astimezone(zone)), keep_picture=False)
    assert store.detail(number).row.at == START
    assert store.detail(number).row.at.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "part_id", ["a/b:c", "..", "con", "x" * 400, "Prüfling 7 🙂", "line\nbreak", "nul\0", "bad\udcff", ""]
)
def test_any_part_id_is_recorded(store: Store, recipe: Recipe, part_id: str) -> None:
    number = store.record(record_of(recipe, part_id=part_id, picture=a_picture()), keep_picture=True)
    got = store.detail(number)
    assert got.picture is not None
    assert got.picture_path is not None
    assert got.picture_path.parent == store.folder / "pictures/2026/07/23"
    assert store.find_part(PartId(part_id))


def test_parts_with_like_names_do_not_share_a_picture(store: Store, recipe: Recipe) -> None:
    names = ["a/b", "a:b", "a_b"]
    seeds = dict(enumerate(names))
    numbers = {
        seed: store.record(record_of(recipe, name, picture=a_picture(seed=seed)), keep_picture=True)
        for seed, name in seeds.items()
    }
    for seed, number in numbers.items():
        picture = store.detail(number).picture
        assert picture is not None
        assert np.array_equal(picture, a_picture(seed=seed))


def test_views_share_a_part_and_a_view_is_there_once(store: Store, recipe: Recipe) -> None:
    for seed, view in enumerate(("top", "side")):
        store.record(record_of(recipe, view=view, picture=a_picture(seed=seed)), keep_picture=True)
    before = picture_files(store.folder)
    with pytest.raises(StationError, match="Part P-1 is already in the log") as caught:
        store.record(record_of(recipe, view="top", picture=a_picture(seed=9)), keep_picture=True)
    assert caught.value.code is ErrorCode.BAD_ARGUMENT
    assert picture_files(store.folder) == before
    assert store.count(LogFilter()) == 2


def test_a_recipe_that_was_never_added_is_refused_and_leaves_no_file(store: Store, recipe: Recipe) -> None:
    with pytest.raises(StationError, match="Recipe v9 of weave is not in the log"):
        store.record(record_of(replace(recipe, version=9), picture=a_picture()), keep_picture=True)
    assert picture_files(store.folder) == set()
    assert not store.find_part("P-1")


def test_only_the_worst_regions_are_kept(store: Store, recipe: Recipe) -> None:
    record = record_of(recipe, score=3.0)
    many = tuple(replace(record.regions[0], area=number) for number in range(MOST_REGIONS + 50))
    number = store.record(replace(record, regions=many), keep_picture=False)
    assert store.detail(number).regions == many[:MOST_REGIONS]


def test_a_picture_that_somebody_took_away_is_said_to_be_missing(store: Store, recipe: Recipe) -> None:
    number = store.record(record_of(recipe, picture=a_picture()), keep_picture=True)
    path = store.detail(number).picture_path
    assert path is not None
    path.unlink()
    got = store.detail(number)
    assert got.picture is None
    assert "does not exist" in got.picture_note
    assert got.score_map is not None


def test_records_in_bulk_are_the_same_rows(store: Store, recipe: Recipe) -> None:
    one_by_one = [record_of(recipe, f"A-{n}", 2.0 + n, n, "L", "S") for n in range(3)]
    in_bulk = [record_of(recipe, f"B-{n}", 2.0 + n, n, "L", "S") for n in range(3)]
    numbers = [store.record(record, keep_picture=False) for record in one_by_one]
    assert store.record_all(in_bulk) == 3
    later = [number + 3 for number in numbers]
    for first, second in zip(numbers, later, strict=True):
        a, b = store.detail(first), store.detail(second)
        expected = replace(a.row, inspection_id=b.row.inspection_id, part_id=b.row.part_id)
        assert b.row == expected
        assert (b.regions, b.trigger_at, b.limits) == (a.regions, a.trigger_at, a.limits)
