"""Where verdicts go: the plug-in point for machines that act on them, and a verdict as one JSON object."""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import datetime
from typing import Any, Protocol

from almrr_core.types import Box, Record, Region

MOST_REGIONS = 50  # in one line, worst first


class VerdictOutput(Protocol):
    """Takes every verdict before it is logged; later also PLC protocols."""

    def send(self, record: Record, deadline: float) -> None:
        """Hand the verdict over within `deadline` seconds; raises OUTPUT_LATE, OUTPUT_GONE."""


def verdict_json(record: Record) -> dict[str, Any]:
    """Return the verdict as JSON types; regions in pixels of the whole picture, times ISO 8601 in UTC."""
    recipe, frame = record.recipe, record.frame
    return {
        "part": record.request.part_id,
        "lot": record.request.lot,
        "serial": record.request.serial,
        "verdict": str(record.verdict),
        "score": None if math.isnan(record.score) else record.score,
        "review_limit": recipe.limits.review,
        "fail_limit": recipe.limits.fail,
        "product": recipe.product,
        "recipe": recipe.version,
        "model": recipe.model_id,
        "station": record.station_id,
        "line": record.line_id,
        "source": frame.source_id,
        "view": record.view,
        "name": frame.name,
        "trigger_at": _stamp(record.request.trigger_at),
        "grabbed_at": _stamp(frame.grabbed_at),
        "decided_at": _stamp(record.decided_at),
        "inspect_ms": round(record.inspect_ms, 3),
        "latency_ms": round(record.latency_ms, 3),
        "regions": [_region(one, recipe.geometry.roi) for one in record.regions[:MOST_REGIONS]],
        "region_count": len(record.regions),
        "reason": record.reason,
    }


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def _region(region: Region, roi: Box | None) -> dict[str, Any]:
    box = asdict(region.box)
    if roi is not None:  # the map begins where the region of interest does
        box |= {"x": box["x"] + roi.x, "y": box["y"] + roi.y}
    return box | {"area": region.area, "maximum": region.maximum, "mean": region.mean}
