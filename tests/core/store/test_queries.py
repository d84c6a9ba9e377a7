"""Filters, orders and pages against the same questions asked in plain Python of all rows."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from almrr_core.store import Store
from almrr_core.types import Counts, Geometry, Label, Limits, LogFilter, LogOrder, LogRow, ModelId, Verdict
from tests.core.store.helpers import ANNA, START, model_row, open_store, prepare, record_of

ROWS = 150
SCORES = (-3.0, -2.0, 0.5, 1.4, 1.9, 2.6, 3.5, math.nan)
FILTERS = {
    "all": LogFilter(),
    "since": LogFilter(since=START + timedelta(seconds=5)),
    "until": LogFilter(until=START + timedelta(seconds=9)),
    "between": LogFilter(since=START + timedelta(seconds=3), until=START + timedelta(seconds=4)),
    "fail": LogFilter(verdicts=(Verdict.FAIL,)),
    "two verdicts": LogFilter(verdicts=(Verdict.REVIEW, Verdict.NOT_INSPECTED)),
    "product": LogFilter(product="tiles"),
    "no product": LogFilter(product="leather"),
    "source": LogFilter(source_id="camera-2"),
    "least": LogFilter(least_score=1.4),
    "most": LogFilter(most_score=0.5),
    "range": LogFilter(least_score=-2.0, most_score=1.9),
    "label": LogFilter(labels=(Label.BAD,)),
    "labels": LogFilter(labels=(Label.GOOD, Label.UNSURE)),
    "unlabelled": LogFilter(unlabelled=True),
    "nothing": LogFilter(labels=(Label.GOOD,), unlabelled=True),
    "disagrees": LogFilter(disagrees=True),
    "part": LogFilter(text="p-07"),
    "lot": LogFilter(text="LOT-3"),
    "serial": LogFilter(text="ß-1"),
    "file": LogFilter(text="Ä_1"),
    "folder": LogFilter(text="line-in"),
    "reason": LogFilter(text="Is Damaged"),
    "wild": LogFilter(text="%"),
    "all at once": LogFilter(
        since=START,
        verdicts=(Verdict.FAIL, Verdict.PASS),
        product="weave",
        source_id="camera-1",
        least_score=-3.0,
        most_score=3.5,
        unlabelled=True,
        text="lot",
    ),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """150 rows of two products, many of one time and one score, recorded out of order; some with labels."""
    opened = open_store(tmp_path_factory.mktemp("log"))
    recipes = [prepare(opened), prepare(opened, "tiles", "M-0002")]
    random = np.random.default_rng(3)
    for number in range(ROWS):
        record = record_of(
            recipes[number % 3 // 2],
            part_id=f"P-{number:03d}",
            score=SCORES[random.integers(len(SCORES))],
            seconds=int(random.integers(12)),
            lot=f"lot-{number % 7}",
            serial=f"SS-{number % 5}" if number % 2 else "",
            name=f"/line-in/ä_{number % 4}.png",
            source_id=f"camera-{number % 2 + 1}",
        )
        added = opened.record(record, keep_picture=False)
        for _ in range(random.integers(3)):
            opened.add_label(added, list(Label)[random.integers(3)], ANNA)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def rows(store: Store) -> tuple[LogRow, ...]:
    return store.page(LogFilter(), LogOrder.OLDEST, None, 10 * ROWS)


def holds(row: LogRow, wanted: LogFilter) -> bool:
    name = row.name.rpartition("/")[2]
    text = "\n".join((row.part_id, row.lot, row.serial, name, row.reason)).casefold()
    good = row.label is Label.GOOD and row.verdict in (Verdict.FAIL, Verdict.REVIEW)
    bad = row.label is Label.BAD and row.verdict is Verdict.PASS
    return all(
        (
            wanted.since is None or row.at >= wanted.since,
            wanted.until is None or row.at < wanted.until,
            not wanted.verdicts or row.verdict in wanted.verdicts,
            wanted.product in ("", row.product),
            wanted.source_id in ("", row.source_id),
            wanted.least_score is None or row.score >= wanted.least_score,
            wanted.most_score is None or row.score <= wanted.most_score,
            not wanted.labels or row.label in wanted.labels,
            not wanted.unlabelled or row.label is None,
            not wanted.disagrees or good or bad,
            wanted.text.casefold() in text,
        )
    )


def in_order(rows: list[LogRow], order: LogOrder) -> list[LogRow]:
    by_time = sorted(rows, key=lambda row: (row.at, row.inspection_id))
    if order is LogOrder.OLDEST:
        return by_time
    if order is LogOrder.NEWEST:
        return by_time[::-1]
    lowest = -math.inf
    worst = [(lowest if math.isnan(row.score) else row.score, row.inspection_id, row) for row in rows]
    return [row for *_, row in sorted(worst, key=lambda one: one[:2], reverse=True)]


def paged(store: Store, wanted: LogFilter, order: LogOrder, limit: int) -> list[LogRow]:
    found: list[LogRow] = []
    while page := store.page(wanted, order, found[-1] if found else None, limit):
        assert len(page) <= limit
        found += page
    return found


def ids(rows: list[LogRow]) -> list[int]:
    return [row.inspection_id for row in rows]


@pytest.mark.parametrize("order", LogOrder)
@pytest.mark.parametrize("name", FILTERS)
def test_every_filter_and_order_pages_through_the_same_rows(
    store: Store, rows: tuple[LogRow, ...], name: str, order: LogOrder
) -> None:
    wanted = FILTERS[name]
    expected = in_order([row for row in rows if holds(row, wanted)], order)
    assert ids(paged(store, wanted, order, 7)) == ids(expected)
    assert ids(list(store.page(wanted, order, None, 1000))) == ids(expected)


@pytest.mark.parametrize("name", FILTERS)
def test_counts_are_exact(store: Store, rows: tuple[LogRow, ...], name: str) -> None:
    kept = [row for row in rows if holds(row, FILTERS[name])]
    verdicts = [sum(row.verdict is verdict for row in kept) for verdict in Verdict]
    assert store.count(FILTERS[name]) == len(kept)
    assert store.tally(FILTERS[name]) == Counts(*verdicts)


def test_the_filters_ask_for_something(rows: tuple[LogRow, ...]) -> None:
    found = {name: sum(holds(row, wanted) for row in rows) for name, wanted in FILTERS.items()}
    empty = {name for name, count in found.items() if not count}
    assert empty == {"no product", "nothing", "folder", "wild"}
    assert max(count for name, count in found.items() if name != "all") < ROWS


def test_the_trend_is_the_newest_rows_oldest_first(store: Store, rows: tuple[LogRow, ...]) -> None:
    assert store.trend(LogFilter(), 40) == rows[-40:]


def test_recent_scores_are_newest_first_and_of_one_product(store: Store, rows: tuple[LogRow, ...]) -> None:
    kept = [row for row in rows[::-1] if row.product == "weave" and not math.isnan(row.score)][:30]
    found = store.recent_scores("weave", 30)
    assert [(one.score, one.verdict, one.label) for one in found] == [
        (row.score, row.verdict, row.label) for row in kept
    ]


def test_recent_scores_are_of_the_model_and_region_in_force(tmp_path: Path) -> None:
    with closing(open_store(tmp_path)) as store:
        recipe = prepare(store)
        other = store.add_recipe(replace(recipe, geometry=Geometry()), ANNA)
        for number, one in enumerate((recipe, other, recipe, other)):
            store.record(record_of(one, f"P-{number}", float(number), number), keep_picture=False)
        assert [one.score for one in store.recent_scores("weave", 500)] == [3.0, 1.0]
        store.add_recipe(replace(recipe, limits=Limits(0, 1, 1)), ANNA)
        assert [one.score for one in store.recent_scores("weave", 500)] == [2.0, 0.0]
        store.add_model(model_row("weave", "M-0002"), ANNA)
        store.add_recipe(replace(recipe, model_id=ModelId("M-0002")), ANNA)
        assert store.recent_scores("weave", 500) == ()
        assert store.recent_scores("nothing", 500) == ()


def test_rows_that_arrive_meanwhile_do_not_disturb_the_pages(tmp_path: Path) -> None:
    with closing(open_store(tmp_path)) as store:
        recipe = prepare(store)
        for number in range(10):
            store.record(record_of(recipe, f"P-{number}", seconds=number), keep_picture=False)
        first = store.page(LogFilter(), LogOrder.NEWEST, None, 4)
        store.record(record_of(recipe, "late", seconds=99), keep_picture=False)
        second = store.page(LogFilter(), LogOrder.NEWEST, first[-1], 4)
        assert [row.part_id for row in (*first, *second)] == [f"P-{number}" for number in range(9, 1, -1)]


def test_pages_walk_along_an_index_that_holds_all_they_ask(store: Store) -> None:
    asked = "verdict = 'FAIL' AND recipe IN (SELECT id FROM recipe WHERE product = 'x') AND label IS NULL"
    texts = "AND source_id = 'a' AND search LIKE '%a%' AND score >= 1 AND decided_at >= '2026'"
    orders = {"ix_time": "decided_at DESC, id DESC", "ix_score": "score DESC, id DESC"}
    with closing(sqlite3.connect(store.folder / "log.sqlite")) as log:
        for index, order in orders.items():
            query = f"SELECT id FROM inspection WHERE {asked} {texts} ORDER BY {order} LIMIT 100"
            plan = [row[3] for row in log.execute(f"EXPLAIN QUERY PLAN {query}")]
            assert any(f"USING COVERING INDEX {index}" in step for step in plan), plan
