"""A log with a few thousand rows, some with pictures and labels, for the pages that read it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from almrr_core.judge import regions_of, verdict_of
from almrr_core.store.store import Store
from almrr_core.types import (
    Actor,
    Frame,
    Label,
    Limits,
    ModelId,
    ModelRow,
    PartId,
    PartRequest,
    Recipe,
    Record,
    Verdict,
)
from tests.core.parts import plain_recipe, plain_record

ANNA = Actor("anna")
LIMITS = Limits(1.4, 2.6, 2.75, 4)
SCORES = (-2.0, 3.0, -1.0, 2.0, -3.0, math.nan, -1.5, -2.5)  # of every eight parts
PRODUCTS = ("tile", "weave")
NEWEST_AGE = timedelta(minutes=2)


def recipe_of(product: str) -> Recipe:
    model = ModelId(f"M-000{1 + PRODUCTS.index(product)}")
    now = datetime.now(UTC)
    return plain_recipe(version=0, product=product, model_id=model, limits=LIMITS, created_at=now)


def prepare(store: Store) -> dict[str, Recipe]:
    """Add both products with a model and a recipe."""
    recipes = {}
    for product in PRODUCTS:
        wanted = recipe_of(product)
        folder = Path("models", product, wanted.model_id)
        store.add_model(
            ModelRow(wanted.model_id, product, folder, "5e" * 32, wanted.created_at, "anna"), ANNA
        )
        recipes[product] = store.add_recipe(wanted, ANNA)
    return recipes


def record(number: int, at: datetime, recipe: Recipe, side: int = 0) -> Record:
    """One part; with `side` it has a picture of that many pixels and a map with one bright spot."""
    score = SCORES[number % len(SCORES)]
    picture = score_map = None
    if side:
        picture = np.full((side, side), 90, np.uint8)
        score_map = np.full((side, side), -4, np.float32)
        score_map[8:16, 20:30] = 4
    frame = Frame(picture, at - timedelta(milliseconds=50), 0, f"camera-{number % 2}", f"IMG_{number:05}.png")
    verdict = verdict_of(score, LIMITS)
    request = PartRequest(
        PartId(f"P-{number:05}"), at - timedelta(milliseconds=60), 0, f"L{number // 100}", ""
    )
    return plain_record(
        recipe,
        at=at,
        request=request,
        frame=frame,
        verdict=verdict,
        score=score,
        score_map=score_map,
        model_map=None if score_map is None else score_map[::4, ::4],
        regions=() if score_map is None else regions_of(score_map, LIMITS),
        reason="The file was cut short." if verdict is Verdict.NOT_INSPECTED else "",
    )


def records(
    count: int, recipes: dict[str, Recipe], step: timedelta = timedelta(seconds=30)
) -> Iterator[Record]:
    """`count` parts without pictures, the last one some minutes ago."""
    now = datetime.now(UTC) - NEWEST_AGE
    for number in range(count):
        product = PRODUCTS[number % 3 > 0]  # a third are tiles
        yield record(number, now - (count - number) * step, recipes[product])


def fill(folder: Path, count: int, pictures: int = 4) -> None:
    """Write a log of `count` parts into a data folder; the newest ones have pictures."""
    with closing(Store.open(folder)) as store:
        recipes = prepare(store)
        store.record_all(records(count, recipes))
        now = datetime.now(UTC) - NEWEST_AGE
        for number in range(count, count + pictures):
            at = now + timedelta(seconds=number - count)
            last = store.record(record(number, at, recipes["weave"], side=64), keep_picture=True)
        if pictures:
            store.add_label(last, Label.BAD, ANNA, "scratch", "on the edge")


def later(number: int, recipe: Recipe) -> Record:
    """A part that is inspected now."""
    return replace(record(number, datetime.now(UTC), recipe))
