"""Do good parts still look as they did when the model was calibrated? A control chart of PASS scores.

Scores of PASS parts since the promotion are taken in time order in subgroups of SUBGROUP; an exponentially
weighted moving average of their means (Roberts 1959, λ = WEIGHT) is held against the calibration's normal
scores below the review limit, as PASS parts are. Its limits count that the calibration itself is a sample: with
few normals they are wide.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np

from almrr_core.judge import Calibration
from almrr_core.lifecycle.places import bundle_of
from almrr_core.store.store import Store
from almrr_core.types import LogFilter, LogOrder, LogRow, Recipe, Verdict

SUBGROUP = 20  # parts
FEWEST = 5  # subgroups, before anything is said
NEWEST = 4000  # parts looked at
WEIGHT = 0.2
WIDTH = 3.5  # standard deviations of the moving average: about 1 false alarm in 2,000 subgroups
LEAST = 0.8  # standard deviations of a single normal: rolls and lots of good material differ by half of one


class DriftState(StrEnum):
    """What the chart says."""

    UNKNOWN = "unknown"  # too few parts yet
    STEADY = "steady"
    DRIFTED = "drifted"


@dataclass(frozen=True, slots=True)
class DriftPoint:
    """One subgroup: when its last part was decided (UTC), its mean score, and the moving average."""

    at: datetime
    mean: float
    average: float


@dataclass(frozen=True, slots=True)
class Drift:
    """The chart: points oldest first, the centre line, the average's limits, and all that in a sentence."""

    state: DriftState
    sentence: str
    points: tuple[DriftPoint, ...]
    centre: float
    low: float
    high: float
    since: datetime
    parts: int


def drift(store: Store, product: str) -> Drift | None:
    """Return the chart of a product's active model since its promotion; None without one.

    Reads the newest NEWEST parts. Raises what `read_card` does.
    """
    from almrr_core.models.bundle import read_card

    recipe = store.active_recipe(product)
    row = store.model(recipe.model_id) if recipe else None
    if recipe is None or row is None or row.deleted:
        return None
    since = _promoted_at(store.recipes(product))
    wanted = LogFilter(since=since, product=product, verdicts=(Verdict.PASS,))
    rows = store.page(wanted, LogOrder.NEWEST, None, NEWEST)[::-1]
    calibration = read_card(bundle_of(store.folder, row)).calibration
    return chart(calibration, recipe.limits.review, rows, since)


def _promoted_at(recipes: Sequence[Recipe]) -> datetime:
    """Return when the active model became it: changing limits or geometry later is no promotion."""
    since = recipes[0].created_at
    for one in recipes:
        if one.model_id != recipes[0].model_id:
            break
        since = one.created_at
    return since


def chart(calibration: Calibration, review: float, rows: Sequence[LogRow], since: datetime) -> Drift:
    """Return the chart of PASS rows, oldest first, against a calibration."""
    normal = np.array([score for score in calibration.scores if score < review])
    if normal.size < 2:
        return Drift(
            DriftState.UNKNOWN, "The model has too few calibration scores to compare with.",
            (), math.nan, math.nan, math.nan, since, len(rows),
        )  # fmt: skip
    centre, spread = float(normal.mean()), float(normal.std(ddof=1))
    wide = WIDTH * spread * math.sqrt(WEIGHT / (2 - WEIGHT) / SUBGROUP + 1 / normal.size)
    half = max(wide, LEAST * spread)
    points = _points(rows, centre)
    state, sentence = _verdict(points, centre, half, spread)
    return Drift(state, sentence, points, centre, centre - half, centre + half, since, len(rows))


def _points(rows: Sequence[LogRow], start: float) -> tuple[DriftPoint, ...]:
    points, average = list[DriftPoint](), start
    first = len(rows) % SUBGROUP  # the newest parts always count
    for end in range(first + SUBGROUP, len(rows) + 1, SUBGROUP):
        group = rows[end - SUBGROUP : end]
        mean = float(np.mean([row.score for row in group]))
        average += WEIGHT * (mean - average)
        points.append(DriftPoint(group[-1].at, mean, average))
    return tuple(points)


def _verdict(
    points: Sequence[DriftPoint], centre: float, half: float, spread: float
) -> tuple[DriftState, str]:
    if len(points) < FEWEST:
        parts = FEWEST * SUBGROUP
        return DriftState.UNKNOWN, f"It takes {parts} PASS parts since the promotion to say."
    off = points[-1].average - centre
    if abs(off) <= half:
        return DriftState.STEADY, "Good parts score as they did when the model was calibrated."
    way = "higher" if off > 0 else "lower"
    much = f"{abs(off) / max(spread, 1e-9):.1f} standard deviations"
    return DriftState.DRIFTED, f"Good parts score {much} {way} than at calibration: retrain suggested."
