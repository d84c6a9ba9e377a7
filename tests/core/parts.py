"""A plain recipe and a plain part of it; tests change what they are about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from almrr_core.types import (
    Frame,
    Geometry,
    Limits,
    ModelId,
    OnLateOutput,
    PartId,
    PartRequest,
    Recipe,
    Record,
    TriggerSettings,
    Verdict,
)

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def plain_recipe(**changes: Any) -> Recipe:
    """The first recipe of cloth, with `changes` by the names of its fields."""
    recipe = Recipe(
        version=1,
        product="cloth",
        model_id=ModelId("M-0001"),
        limits=Limits(1.0, 2.0, 2.0),
        geometry=Geometry(),
        trigger=TriggerSettings(),
        on_late_output=OnLateOutput.NOTICE,
        bit_depth=None,
        exposure=None,
        gain=None,
        created_at=NOON,
        actor="anna",
        reason="first",
    )
    return replace(recipe, **changes)


def plain_record(recipe: Recipe, part_id: str = "P-1", at: datetime = NOON, **changes: Any) -> Record:
    """A part without a picture that passed, with `changes` by the names of its fields."""
    record = Record(
        request=PartRequest(PartId(part_id), at, 1),
        frame=Frame(None, at, 2, "camera-1"),
        verdict=Verdict.PASS,
        score=0.0,
        score_map=None,
        model_map=None,
        regions=(),
        recipe=recipe,
        model_hash="5e" * 32,
        station_id="station-1",
        line_id="line-1",
        view="top",
        decided_at=at,
        output_at=None,
        inspect_ms=40.0,
        latency_ms=50.0,
    )
    return replace(record, **changes)
