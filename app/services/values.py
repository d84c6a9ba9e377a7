"""The frozen values that services hand to views, besides those of `almrr_core.types`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Bug:
    """An unknown exception: its last line as `text`, everything else is in the file `log`."""

    log: Path
    text: str


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What limits would have said of the last parts that have a score.

    `labelled_defects_missed`: of the `labelled_defects` people called bad, how many would PASS.
    """

    total: int
    fail: int
    review: int
    passed: int
    labelled_defects: int = 0
    labelled_defects_missed: int = 0


@dataclass(frozen=True, slots=True)
class TruthCounts:
    """Verdicts of a simulated line against the truth it knows: FAIL and REVIEW catch a defect.

    `false_rejects` counts good parts that FAIL, `good` all good parts that were inspected, `false_reviews`
    good parts in REVIEW.
    """

    caught: int = 0
    escaped: int = 0
    false_rejects: int = 0
    good: int = 0
    false_reviews: int = 0
