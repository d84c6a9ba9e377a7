from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path

import pytest

from almrr_core.settings import Retention
from almrr_core.store import Store
from almrr_core.types import Label, LogFilter, LogOrder, Pool, Recipe
from tests.core.store.helpers import ANNA, START, a_picture, picture_files, record_of

DAY = 86400.0
FOR_EVER = Retention(pass_days=None, pass_quota_gb=None, review_quota_gb=None, fail_quota_gb=None)
STRICT = Retention(pass_days=1, review_days=1, fail_days=1)
NOTHING_STAYS = Retention(pass_quota_gb=0, review_quota_gb=0, fail_quota_gb=0)
SCORES = {"pass": -2.0, "review": 2.0, "fail": 3.0, "not inspected": math.nan}


def add(store: Store, recipe: Recipe, part_id: str, score: float, days: float = 0) -> int:
    record = record_of(recipe, part_id, score, days * DAY, picture=a_picture())
    return store.record(record, keep_picture=True)


def with_pictures(store: Store) -> set[str]:
    rows = store.page(LogFilter(), LogOrder.OLDEST, None, 1000)
    return {row.part_id for row in rows if row.has_picture}


def test_old_pictures_go_and_rows_say_so(store: Store, recipe: Recipe) -> None:
    old, young = add(store, recipe, "old", -2.0), add(store, recipe, "young", -2.0, 9)
    now = START + timedelta(days=9, hours=1)
    assert store.enforce_retention(STRICT, now) == 1
    got = store.detail(old)
    assert not got.row.has_picture
    assert (got.picture, got.score_map, got.picture_path) == (None, None, None)
    when = "2026-08-01 07:00 UTC"
    assert got.picture_note == f"The picture was deleted by retention on {when}: older than 1 days."
    assert store.detail(young).picture is not None
    assert picture_files(store.folder) == {f"pictures/2026/08/01/young.{end}" for end in ("png", "npy")}
    newest = store.events(1)[0]
    assert (newest.actor, newest.action, newest.after) == ("retention", "pictures_deleted", "1 deleted")
    assert store.count(LogFilter()) == 2


def test_nothing_to_do_says_nothing(store: Store, recipe: Recipe) -> None:
    add(store, recipe, "old", -2.0)
    before = store.events()
    assert store.enforce_retention(FOR_EVER, START + timedelta(days=9999)) == 0
    assert store.events() == before
    assert with_pictures(store) == {"old"}


@pytest.mark.parametrize("retention", [STRICT, NOTHING_STAYS])
def test_what_is_labelled_a_sample_or_waits_for_review_stays(
    store: Store, recipe: Recipe, retention: Retention
) -> None:
    numbers = {name: add(store, recipe, name, score) for name, score in SCORES.items()}
    for verdict, score in SCORES.items():
        numbers[f"labelled {verdict}"] = add(store, recipe, f"labelled {verdict}", score)
        store.add_label(numbers[f"labelled {verdict}"], Label.UNSURE, ANNA)
    for name in ("sample", "former sample"):
        numbers[name] = add(store, recipe, name, -2.0)
        sample = store.add_sample("weave", Pool.TRAIN, name.rjust(64), Path(name), ANNA, numbers[name])
    store.remove_sample(sample.sample_id, ANNA, "")
    gone = {"pass", "not inspected", "former sample"}
    assert store.enforce_retention(retention, START + timedelta(days=9)) == len(gone)
    assert with_pictures(store) == set(numbers) - gone


def test_a_quota_takes_the_oldest_and_no_more_than_it_must(store: Store, recipe: Recipe) -> None:
    for day in range(8):
        add(store, recipe, f"P-{day}", -2.0, day)
    store.add_label(1, Label.GOOD, ANNA)  # P-0 stays, and counts in the room taken
    sizes = [path.stat().st_size for path in (store.folder / "pictures").rglob("P-*.*")]
    room = sum(sizes) / 8 * 5.5
    retention = Retention(pass_days=None, pass_quota_gb=room / 1e9)
    assert store.enforce_retention(retention, START) == 3
    assert with_pictures(store) == {"P-0", "P-4", "P-5", "P-6", "P-7"}
    assert store.enforce_retention(retention, START) == 0
    assert "PASS pictures took more than" in store.detail(2).picture_note


def test_a_quota_is_of_one_verdict(store: Store, recipe: Recipe) -> None:
    add(store, recipe, "pass", -2.0)
    add(store, recipe, "not inspected", math.nan)
    only_pass = Retention(pass_quota_gb=0, review_quota_gb=None, fail_quota_gb=None)
    assert store.enforce_retention(only_pass, START) == 1
    assert with_pictures(store) == {"not inspected"}


def test_more_pictures_than_one_transaction_takes(store: Store, recipe: Recipe) -> None:
    small = a_picture(2, 2)
    for number in range(230):
        store.record(record_of(recipe, f"P-{number}", seconds=number, picture=small), keep_picture=True)
    assert store.enforce_retention(STRICT, START + timedelta(days=9)) == 230
    assert picture_files(store.folder) == set()
