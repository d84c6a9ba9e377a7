"""Records, recipes and models as the line makes them, for a log in a temporary folder."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from almrr_core.store import Store
from almrr_core.types import (
    Actor,
    Box,
    Frame,
    Geometry,
    Limits,
    ModelId,
    ModelRow,
    PartId,
    PartRequest,
    Picture,
    Recipe,
    Record,
    Region,
    Verdict,
)
from tests.core.parts import plain_recipe, plain_record

START = datetime(2026, 7, 23, 6, 0, 0, 250, tzinfo=UTC)
ANNA = Actor("anna")
LIMITS = Limits(1.4, 2.6, 2.75, 4)


def recipe_for(product: str = "weave", model_id: str = "M-0001", limits: Limits = LIMITS) -> Recipe:
    return plain_recipe(
        version=0,
        product=product,
        model_id=ModelId(model_id),
        limits=limits,
        geometry=Geometry(roi=Box(2, 3, 40, 30)),
        bit_depth=12,
        gain=1.5,
        created_at=START,
        actor="somebody",
    )


def model_row(product: str = "weave", model_id: str = "M-0001") -> ModelRow:
    folder = Path("models", product, model_id)
    return ModelRow(ModelId(model_id), product, folder, "5ea1" * 16, START, "anna", note="trained")


def open_store(folder: Path, busy_seconds: float = 10.0) -> Store:
    return Store.open(folder, busy_seconds=busy_seconds)


def prepare(store: Store, product: str = "weave", model_id: str = "M-0001") -> Recipe:
    """Add a model and the first recipe of a product."""
    store.add_model(model_row(product, model_id), ANNA)
    return store.add_recipe(recipe_for(product, model_id), ANNA)


def a_picture(height: int = 32, width: int = 48, seed: int = 0) -> Picture:
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    picture.flags.writeable = False
    return picture


def verdict_for(score: float) -> Verdict:
    if math.isnan(score):
        return Verdict.NOT_INSPECTED
    return (
        Verdict.FAIL if score >= LIMITS.fail else Verdict.REVIEW if score >= LIMITS.review else Verdict.PASS
    )


def record_of(
    recipe: Recipe,
    part_id: str = "P-1",
    score: float = -2.0,
    seconds: float = 0.0,
    lot: str = "",
    serial: str = "",
    picture: Picture | None = None,
    view: str = "top",
    name: str = "",
    truth: str | None = None,
    source_id: str = "camera-1",
) -> Record:
    """A record decided `seconds` after START; NOT_INSPECTED where the score is NaN."""
    at = START + timedelta(seconds=seconds)
    inspected = not math.isnan(score)
    region = Region(Box(4, 5, 6, 7), 31, score, score - 0.5)
    return plain_record(
        recipe,
        at=at,
        request=PartRequest(PartId(part_id), at - timedelta(milliseconds=80), 1, lot, serial),
        frame=Frame(picture, at - timedelta(milliseconds=60), 2, source_id, name, truth),
        verdict=verdict_for(score),
        score=score,
        score_map=np.zeros((30, 40), np.float32) if inspected else None,
        model_map=np.linspace(-3, score, 256, dtype=np.float32).reshape(16, 16) if inspected else None,
        regions=(region, replace(region, area=9)) if verdict_for(score) is Verdict.FAIL else (),
        model_hash="ab" * 32,
        view=view,
        output_at=at + timedelta(milliseconds=1),
        inspect_ms=41.5,
        latency_ms=60.25,
        reason="" if inspected else "the file is damaged",
    )


def picture_files(folder: Path) -> set[str]:
    """Every file below the picture folder, marks and temporary files too."""
    return {
        path.relative_to(folder).as_posix() for path in (folder / "pictures").rglob("*") if path.is_file()
    }
