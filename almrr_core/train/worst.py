"""Which training normals the model under training finds odd: a preview that costs nothing."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from almrr_core.train.job import WorstNormal

SHOWN = 6


class Worst:
    """Keeps the last score of every training normal that a batch showed without an anomaly.

    In the hybrid form the closed form's folds see to it that no picture is judged by a fit it was part of.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._scores: dict[int, float] = {}

    def note(self, owners: Tensor, scores: Tensor) -> None:
        """Take the scores (n,) of untouched pictures, by the numbers (n,) of their samples."""
        self._scores.update(zip(owners.tolist(), scores.tolist(), strict=True))

    def top(self) -> tuple[WorstNormal, ...]:
        """Return the SHOWN normals with the highest scores, the highest first."""
        found = heapq.nlargest(SHOWN, self._scores.items(), key=_score)
        return tuple(WorstNormal(self._paths[owner], score) for owner, score in found)


def _score(item: tuple[int, float]) -> float:
    return item[1]
