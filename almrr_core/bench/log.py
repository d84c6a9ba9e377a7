"""Fills a log and times what the window asks of it: `python -m almrr_core.bench.log [--rows N] [--folder DIR]`.

The rows are those the line writes, of three products with 1 % FAIL, 2 % REVIEW and 0.2 % NOT_INSPECTED, without
pictures: a kept one adds its path and an entry of one index. The goals are a page within 300 ms, of any filter
within 500 ms, and 1,000 bytes a row. A folder that holds a log of this benchmark is used again.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np

from almrr_core.judge import verdict_of
from almrr_core.store import Store
from almrr_core.types import (
    Actor,
    Box,
    Frame,
    Geometry,
    Label,
    Limits,
    LogFilter,
    LogOrder,
    ModelId,
    ModelRow,
    OnLateOutput,
    PartId,
    PartRequest,
    Recipe,
    Record,
    Region,
    TriggerSettings,
    Verdict,
)

PRODUCTS = ("weave 40", "tiles", "leather")
ACTOR = Actor("bench")
START = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = Limits(1.4, 2.6, 2.6)
_AT_ONCE = 20_000  # rows per transaction
_LABELS = 500
_PAGE = 100
_REPEATS = 5


def main(arguments: list[str] | None = None) -> None:
    """Print bytes per row and the milliseconds of pages, counts and scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="data folder to fill (default: a temporary one)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        with closing(Store.open(folder)) as store:
            fill(store, options.rows)
        size = (folder / "log.sqlite").stat().st_size
        print(f"{options.rows:,} inspections, {size / 1e6:,.0f} MB, {size / options.rows:.0f} bytes a row")
        start = time.perf_counter()
        with closing(Store.open(folder)) as store:
            print(f"{'open':<44} {(time.perf_counter() - start) * 1e3:8.1f} ms", flush=True)
            measure(store, options.rows)


def fill(store: Store, rows: int) -> None:
    """Add products, models, recipes, records up to `rows`, and some labels."""
    there = store.count(LogFilter())
    if there >= rows:
        return
    recipes = [store.active_recipe(product) or _add_recipe(store, product) for product in PRODUCTS]
    started = time.perf_counter()
    for start in range(there, rows, _AT_ONCE):
        store.record_all(_records(recipes, start, min(start + _AT_ONCE, rows)))
    print(f"filled in {time.perf_counter() - started:.0f} s", flush=True)
    for number, row in enumerate(store.page(LogFilter(), LogOrder.WORST, None, _LABELS)):
        store.add_label(row.inspection_id, list(Label)[number % 3], ACTOR, "scratch" if number % 3 else "")


def _add_recipe(store: Store, product: str) -> Recipe:
    model_id = store.next_model_id()
    store.add_model(
        ModelRow(model_id, product, Path("models", product, model_id), "0" * 64, START, ACTOR.name), ACTOR
    )
    return store.add_recipe(
        Recipe(
            version=1,
            product=product,
            model_id=ModelId(model_id),
            limits=LIMITS,
            geometry=Geometry(),
            trigger=TriggerSettings(),
            on_late_output=OnLateOutput.NOTICE,
            bit_depth=None,
            exposure=None,
            gain=None,
            created_at=START,
            actor=ACTOR.name,
            reason="benchmark",
        ),
        ACTOR,
    )


def _records(recipes: list[Recipe], start: int, end: int) -> Iterator[Record]:
    """Rows that depend on their number alone; the last product is rare, one part in 5,000."""
    random = np.random.default_rng(start)
    scores = random.normal(-2.0, 0.8, end - start)
    kinds = random.random(end - start)
    scores[kinds < 0.03] = random.uniform(1.4, 2.6, int((kinds < 0.03).sum()))
    scores[kinds < 0.01] = random.uniform(2.6, 9.0, int((kinds < 0.01).sum()))
    scores[kinds > 0.998] = math.nan
    for number, score in zip(range(start, end), scores.tolist(), strict=True):
        product = 2 if number % 5000 == 7 else number // 50_000 % 2
        yield _record(recipes[product], number, score)


def _record(recipe: Recipe, number: int, score: float) -> Record:
    at = START + timedelta(milliseconds=400 * number)
    verdict = verdict_of(score, LIMITS)
    inspected = verdict is not Verdict.NOT_INSPECTED
    region = Region(Box(40, 50, 12, 9), 70, score, score - 0.4)
    return Record(
        request=PartRequest(
            PartId(f"P-{number:08d}"), at, 0, f"L-{number // 2000}", f"S{number * 7919 % 10**9}"
        ),
        frame=Frame(None, at + timedelta(milliseconds=20), 0, "camera-1", f"/line/in/{number:08d}.png"),
        verdict=verdict,
        score=score,
        score_map=None,
        model_map=None,
        regions=(region, replace(region, area=9)) if verdict is Verdict.FAIL else (),
        recipe=recipe,
        model_hash=f"{number // 200_000:064x}",
        station_id="station-1",
        line_id="line-1",
        view="",
        decided_at=at + timedelta(milliseconds=70),
        output_at=at + timedelta(milliseconds=72),
        inspect_ms=41.0 + number % 7,
        latency_ms=55.0 + number % 11,
        reason="" if inspected else "The picture is damaged.",
    )


def measure(store: Store, rows: int) -> None:
    """Time each query five times and print the median, the slowest, and the CPU time in the median."""
    for name, wanted in _filters(rows).items():
        for order in LogOrder:
            _time(f"page {name}, {order.value}", partial(store.page, wanted, order, None, _PAGE))
        _time(f"count {name}", partial(store.count, wanted))
        _time(f"tally {name}", partial(store.tally, wanted))
    middle = START + timedelta(milliseconds=400 * (rows // 2))
    deep = store.page(LogFilter(until=middle), LogOrder.NEWEST, None, 1)[-1]
    for order in LogOrder:
        _time(f"page from the middle, {order.value}", partial(store.page, LogFilter(), order, deep, _PAGE))
    _time("recent scores", partial(store.recent_scores, PRODUCTS[0], 500))
    _time("recent scores of a rare product", partial(store.recent_scores, PRODUCTS[2], 500))
    _time("detail", partial(store.detail, rows // 2))


def _filters(rows: int) -> dict[str, LogFilter]:
    middle = START + timedelta(milliseconds=400 * (rows // 2))
    early = START + timedelta(milliseconds=400 * (rows // 20))
    return {
        "all": LogFilter(),
        "FAIL": LogFilter(verdicts=(Verdict.FAIL,)),
        "FAIL or REVIEW": LogFilter(verdicts=(Verdict.FAIL, Verdict.REVIEW)),
        "NOT_INSPECTED": LogFilter(verdicts=(Verdict.NOT_INSPECTED,)),
        "an hour": LogFilter(since=middle, until=middle + timedelta(hours=1)),
        "all but an end": LogFilter(since=early),
        "early": LogFilter(until=early),
        "product": LogFilter(product=PRODUCTS[0]),
        "rare product": LogFilter(product=PRODUCTS[2]),
        "unknown product": LogFilter(product="none"),
        "source": LogFilter(source_id="camera-1"),
        "unknown source": LogFilter(source_id="none"),
        "score over 2.6": LogFilter(least_score=2.6),
        "score over -2": LogFilter(least_score=-2.0),
        "score in -1..0": LogFilter(least_score=-1.0, most_score=0.0),
        "label bad": LogFilter(labels=(Label.BAD,)),
        "not labelled": LogFilter(unlabelled=True),
        "disagrees": LogFilter(disagrees=True),
        "text in all": LogFilter(text="P-0"),
        "text of one part": LogFilter(text=f"P-{rows // 3:08d}"),
        "text in none": LogFilter(text="zebra"),
        "all at once": LogFilter(
            since=early,
            until=middle,
            verdicts=(Verdict.PASS,),
            product=PRODUCTS[0],
            source_id="camera-1",
            least_score=-1.0,
            unlabelled=True,
            text="l-9",
        ),
    }


def _time(name: str, work: Callable[[], object]) -> None:
    walls, processor = [], []
    for _ in range(_REPEATS):
        start, used = time.perf_counter(), time.process_time()
        work()
        processor.append((time.process_time() - used) * 1e3)
        walls.append((time.perf_counter() - start) * 1e3)
    figures = f"{statistics.median(walls):7.1f} ms, at most {max(walls):7.1f}"
    print(f"{name:<44} {figures}, of it CPU {statistics.median(processor):7.1f}", flush=True)


if __name__ == "__main__":
    main()
