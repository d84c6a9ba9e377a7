"""Limits and the region they are for: what they would do, and putting them in force."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Signal

from almrr_core.judge import expected_false_rejects
from almrr_core.types import Box, Label, Limits, Recipe, ScoredPart
from app.services.faults import Faults
from app.services.history import History
from app.services.station import Station
from app.services.tally import MOST_SCORES, Tally, scale_of
from app.services.tasks import Tasks
from app.services.values import WhatIf

if TYPE_CHECKING:
    from almrr_core.store.store import Store


class Recipes(QObject):
    """The recipe's limits and region. Scores are in memory: asking takes under a millisecond."""

    applied = Signal(object)  # Recipe: the new version
    scores_changed = Signal(str)  # the product: other scores than those of its own line came into memory

    def __init__(
        self,
        station: Station,
        store: Store,
        tally: Tally,
        tasks: Tasks,
        history: History,
        faults: Faults,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._station, self._store, self._tally, self._tasks = station, store, tally, tasks
        self._faults = faults
        self._defects: tuple[float, ...] = ()
        self._recipe: Recipe | None = None
        station.recipe_changed.connect(self._follow)
        history.labelled.connect(self._read_again)

    @property
    def calibration_scores(self) -> tuple[float, ...]:
        """Return the scores of held-out normals of the active model; () until it is loaded."""
        calibration = self._station.calibration
        return calibration.scores if calibration else ()

    @property
    def recent_scores(self) -> tuple[float, ...]:
        """Return the scores of the last parts of product, model and region, newest first, at most 500."""
        return self._tally.scores

    @property
    def labelled_defect_scores(self) -> tuple[float, ...]:
        """Return the scores of those of the last parts that people labelled BAD."""
        return self._defects

    def what_if(self, limits: Limits, last: int = MOST_SCORES) -> WhatIf:
        """Return what these limits would have said of the last parts that have a score."""
        scores = np.asarray(self._tally.scores[:last])
        defects = np.asarray(self._defects)
        fail = int((scores >= limits.fail).sum())
        review = int((scores >= limits.review).sum()) - fail
        missed = int((defects < limits.review).sum())
        return WhatIf(scores.size, fail, review, scores.size - fail - review, defects.size, missed)

    def expected_false_rejects(self, limit: float) -> float | None:
        """Return how many of 1000 normal parts are expected at or over `limit`; None without a model."""
        calibration = self._station.calibration
        return expected_false_rejects(calibration, limit) if calibration else None

    def apply(self, limits: Limits, reason: str) -> None:
        """Write a new recipe version with these limits; the line uses it from the next part."""
        if self._station.recipe is not None:
            changed = dataclasses.replace(self._station.recipe, limits=limits, reason=reason)
            self._station.apply_recipe(changed)

    def set_roi(self, roi: Box | None) -> None:
        """Inspect only this region from the next part on: a new recipe version, whose scores are others."""
        recipe = self._station.recipe
        if recipe is not None and recipe.geometry.roi != roi:
            geometry = dataclasses.replace(recipe.geometry, roi=roi)
            reason = self.tr("Region of interest; the limits were kept")
            self._station.apply_recipe(dataclasses.replace(recipe, geometry=geometry, reason=reason))

    def _follow(self, recipe: Recipe) -> None:
        before, self._recipe = self._recipe, recipe
        if before is None or scale_of(before) != scale_of(recipe):
            self._ask(recipe)
        if before is not None and before.product == recipe.product:
            self.applied.emit(recipe)
            if before.geometry.roi != recipe.geometry.roi:
                self._say_moved()

    def _say_moved(self) -> None:
        sentence = self.tr("The region of interest is another one: scores will move, the limits were kept.")
        remedy = self.tr("Inspect some normal parts, then set the limits by their scores.")
        self._faults.say(sentence, remedy)

    def _read_again(self, _inspection_id: int) -> None:
        if self._recipe is not None:
            self._ask(self._recipe)

    def _ask(self, recipe: Recipe) -> None:
        work = functools.partial(self._store.recent_scores, recipe.product, MOST_SCORES)
        self._tasks.run(work, functools.partial(self._take, recipe), database=True)

    def _take(self, recipe: Recipe, parts: tuple[ScoredPart, ...]) -> None:
        if self._recipe is None or scale_of(recipe) != scale_of(self._recipe):
            return
        self._defects = tuple(part.score for part in parts if part.label is Label.BAD)
        self._tally.begin_scores(scale_of(recipe), tuple(part.score for part in parts))
        self.scores_changed.emit(recipe.product)
