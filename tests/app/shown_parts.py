"""Parts as a line would show them, small and made by hand, for the tests of the Inspect page."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime, timedelta

import numpy as np

from almrr_core.judge import regions_of, verdict_of
from almrr_core.types import (
    GOOD,
    Box,
    Frame,
    Geometry,
    Limits,
    PartId,
    PartRequest,
    Picture,
    Recipe,
    ScoreMap,
    Shown,
)
from tests.core.parts import plain_recipe, plain_record

LIMITS = Limits(1.0, 2.0, 2.0, 4)
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def picture(height: int = 120, width: int = 160) -> Picture:
    """A ruled RGB surface."""
    rows, columns = np.mgrid[0:height, 0:width]
    gray = 120 + 20 * ((rows // 8 + columns // 8) % 2)
    return np.repeat(gray.astype(np.uint8)[..., None], 3, axis=2)


def score_map(height: int = 120, width: int = 160, peak: float = 4.0) -> ScoreMap:
    """A flat map with one hill in its middle."""
    rows, columns = np.mgrid[0:height, 0:width]
    far = ((rows - height / 2) / 12) ** 2 + ((columns - width / 2) / 20) ** 2
    return np.asarray(peak * np.exp(-far), np.float32)


def recipe(limits: Limits = LIMITS, roi: Box | None = None, product: str = "Weave") -> Recipe:
    """A recipe with these limits."""
    geometry = Geometry(input_size=64, roi=roi)
    return plain_recipe(version=3, product=product, limits=limits, geometry=geometry, created_at=NOON)


def shown(number: int = 1, score: float = 0.5, surface: Picture | None = None, reason: str = "") -> Shown:
    """A part with a score; NaN was not inspected."""
    inspected = not math.isnan(score)
    used = picture() if surface is None else surface
    made = score_map(used.shape[0], used.shape[1], max(score, 0.0)) if inspected else None
    at = NOON + timedelta(seconds=number)
    record = plain_record(
        recipe(),
        at=at,
        request=PartRequest(PartId(f"part-{number:04d}"), at, time.monotonic_ns()),
        frame=Frame(used, at, time.monotonic_ns(), "demo", truth=GOOD),
        verdict=verdict_of(score, LIMITS),
        score=score,
        score_map=made,
        model_map=made,
        regions=() if made is None else regions_of(made, LIMITS),
        reason=reason,
    )
    return Shown(number, number, record)
