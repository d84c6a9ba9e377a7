"""Candidate against active: on the acceptance pool and on recent logged pictures, whose verdict would change?

Each model judges by its own limits: those of the last recipe that used it, else those it was calibrated to.
Figures come from the acceptance pool, without normals that one of the models was trained on, and from recent
pictures in no pool.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from almrr_core.data.samples import content_hash
from almrr_core.errors import ErrorCode, StationError
from almrr_core.evaluate.metrics import image_ap, image_auroc, pixel_ap
from almrr_core.imaging import crop, read_picture
from almrr_core.judge import verdict_of
from almrr_core.lifecycle.figures import Compared, Figures, GateReport, Source, count
from almrr_core.lifecycle.places import bundle_of
from almrr_core.lifecycle.pools import mask_of
from almrr_core.lifecycle.rules import judge
from almrr_core.runtime.engine import Engine
from almrr_core.store.store import Store
from almrr_core.types import (
    Inspection,
    Label,
    Limits,
    LogFilter,
    LogOrder,
    Mask,
    ModelId,
    ModelRow,
    Picture,
    Pool,
    Recipe,
    ScoreMap,
)

RECENT = 200  # logged pictures
MAP_SIDE = 128  # of the maps that pixel AP is counted on: enough to compare two models, small enough to keep

Done = Callable[[int, int], None]
Cancelled = Callable[[], bool]


@dataclass(frozen=True, slots=True, eq=False)
class BothMaps:
    """A picture (whole) with both models' raw score maps, at the size of the region of interest."""

    picture: Picture
    active: ScoreMap
    candidate: ScoreMap


@dataclass(frozen=True, slots=True, eq=False)
class _Item:
    """A picture to compare; `score` the active model's where the log has it."""

    source: Source
    path: Path
    label: Label | None
    picture: Picture
    mask: Mask | None = None
    inspection_id: int | None = None
    sample_id: int | None = None
    score: float | None = None


@dataclass(slots=True, eq=False)
class _Pixels:
    """Small maps of both models with masks, of pictures whose defects are drawn or that have none."""

    masks: list[Mask]
    active: list[ScoreMap]
    candidate: list[ScoreMap]


def limits_of(store: Store, row: ModelRow, calibrated: Limits) -> Limits:
    """Return the limits a model is judged by: those of the last recipe that used it, else the calibrated ones.

    Limits of another region of interest do not count: the model saw other scores there. The minimum area is the
    active recipe's in any case: it belongs to the product.
    """
    recipes = store.recipes(row.product)
    roi = recipes[0].geometry.roi if recipes else None
    same = (one.limits for one in recipes if one.model_id == row.model_id and one.geometry.roi == roi)
    used = next(same, calibrated)
    least = recipes[0].limits.min_area if recipes else calibrated.min_area
    return Limits(used.review, used.fail, used.pixel, least)


class Gate:
    """Two loaded models of one product. `active` is the model that is compared with, promoted or not."""

    def __init__(
        self, store: Store, rows: tuple[ModelRow, ModelRow], engines: tuple[Engine, Engine], recipe: Recipe
    ) -> None:
        self._store, self._recipe = store, recipe
        self._active, self._candidate = rows
        self._engines = engines
        self._limits = (
            limits_of(store, rows[0], engines[0].limits),
            limits_of(store, rows[1], engines[1].limits),
        )

    @classmethod
    def load(
        cls, store: Store, candidate: ModelId, active: ModelId | None = None, device: str = "auto"
    ) -> Gate:
        """Load both models; without `active` the product's active one.

        Raises BAD_ARGUMENT for an unknown or deleted model, STATION_UNPREPARED for a product without a recipe,
        GEOMETRY_MISMATCH, and what `Engine.load` does.
        """
        row = known_model(store, candidate)
        recipe = store.active_recipe(row.product)
        if recipe is None:
            sentence = f"{row.product} has no active model that {candidate} could be compared with."
            raise StationError(ErrorCode.STATION_UNPREPARED, sentence, "Promote it as the first one.")
        other = known_model(store, active or recipe.model_id)
        engines = (_engine(store, other, recipe, device), _engine(store, row, recipe, device))
        return cls(store, (other, row), engines, recipe)

    @property
    def candidate(self) -> Engine:
        """The candidate's engine, verified and fitted to the recipe: `promote` can take it."""
        return self._engines[1]

    def compare(
        self, recent: int = RECENT, done: Done | None = None, cancelled: Cancelled | None = None
    ) -> GateReport:
        """Run both models over the acceptance pool and the last `recent` logged pictures that are in no pool.

        What cannot be compared, as a picture that the region of interest does not lie in, is named as left out.
        Raises TRAINING_CANCELLED when `cancelled` says so, SCORE_INVALID, OUT_OF_MEMORY.
        """
        samples = self._store.samples(self._active.product, Pool.ACCEPTANCE)
        logged = self._logged(recent)
        total = len(samples) + len(logged)
        found, pixels, left_out = list[Compared](), _Pixels([], [], []), list[str]()
        for number, item in enumerate(self._items(logged, left_out), 1):
            if cancelled is not None and cancelled():
                raise StationError(ErrorCode.TRAINING_CANCELLED, "The comparison was stopped.")
            try:
                found.append(self._compare(item, pixels))
            except StationError as fault:
                if fault.code is not ErrorCode.GEOMETRY_MISMATCH:
                    raise
                left_out.append(f"{item.path.name}: {fault.sentence}")
            if done is not None:
                done(number, total)
        return self._report(found, pixels, left_out)

    def maps(self, one: Compared) -> BothMaps:
        """Return what a person looks at: the picture and both maps; raises PICTURE_UNREADABLE."""
        picture = read_picture(one.path)
        active, candidate = (engine.inspect(picture) for engine in self._engines)
        return BothMaps(picture, active.score_map, candidate.score_map)

    def limits(self) -> tuple[Limits, Limits]:
        """Return the limits of the active model and of the candidate, to draw regions by."""
        return self._limits

    def _logged(self, recent: int) -> list[int]:
        """Return the last logged inspections that have a picture and are in no pool, newest first."""
        product = self._active.product
        pooled = {row.inspection_id for row in self._store.samples(product, removed=True)}
        rows = self._store.page(LogFilter(product=product), LogOrder.NEWEST, None, 3 * recent)
        fits = (row.inspection_id for row in rows if row.has_picture and row.inspection_id not in pooled)
        return list(fits)[:recent]

    def _items(self, logged: list[int], left_out: list[str]) -> Iterator[_Item]:
        trained = {name for engine in self._engines for name in engine.card.training_files}
        for row in self._store.samples(self._active.product, Pool.ACCEPTANCE):
            path = self._store.folder / row.path
            if row.label is Label.GOOD and row.sha256 in trained:
                left_out.append(f"{path.name} is a normal that one of the two models was trained on.")
                continue
            try:
                picture, mask = read_picture(path), mask_of(self._store, row)
            except StationError as fault:
                left_out.append(fault.sentence)
                continue
            ids = {"inspection_id": row.inspection_id, "sample_id": row.sample_id}
            yield _Item(Source.ACCEPTANCE, path, row.label, picture, mask, **ids)
        pooled = {row.sha256 for row in self._store.samples(self._active.product, removed=True)}
        for inspection_id in logged:
            detail = self._store.detail(inspection_id)
            if detail.picture is None or detail.picture_path is None:
                left_out.append(detail.picture_note)
                continue
            if (sha256 := content_hash(detail.picture)) in pooled:
                continue  # the same pixels, logged another time
            if sha256 in trained and detail.row.label is not Label.BAD:
                left_out.append(
                    f"{detail.picture_path.name} shows what one of the two models was trained on."
                )
                continue
            same = detail.model_hash == self._active.seal and detail.geometry == self._recipe.geometry
            score = detail.row.score if same and np.isfinite(detail.row.score) else None
            path, label = detail.picture_path, detail.row.label
            yield _Item(Source.RECENT, path, label, detail.picture, None, inspection_id, None, score)

    def _compare(self, item: _Item, pixels: _Pixels) -> Compared:
        engines, limits = self._engines, self._limits
        candidate = engines[1].inspect(item.picture)
        score, active = item.score, None
        if score is None:
            active = engines[0].inspect(item.picture)
            score = active.score
        if active is not None and (item.label is Label.GOOD or item.mask is not None):
            self._keep(item, active, candidate, pixels)
        return Compared(
            item.source,
            item.path,
            item.label,
            score,
            candidate.score,
            verdict_of(score, limits[0]),
            verdict_of(candidate.score, limits[1]),
            item.inspection_id,
            item.sample_id,
        )

    def _keep(self, item: _Item, active: Inspection, candidate: Inspection, pixels: _Pixels) -> None:
        mask = np.zeros((MAP_SIDE, MAP_SIDE), np.bool_)
        if item.mask is not None:
            inside = crop(item.mask.astype(np.uint8), self._recipe.geometry.roi)
            mask = cv2.resize(inside, (MAP_SIDE, MAP_SIDE), interpolation=cv2.INTER_NEAREST) > 0
        pixels.masks.append(mask)
        pixels.active.append(_small(active.score_map))
        pixels.candidate.append(_small(candidate.score_map))

    def _report(self, found: list[Compared], pixels: _Pixels, left_out: list[str]) -> GateReport:
        drawn = any(mask.any() for mask in pixels.masks)
        figures = [
            _figures(found, now, maps, pixels.masks if drawn else [])
            for now, maps in ((False, pixels.active), (True, pixels.candidate))
        ]
        changed = sum(one.changed for one in found)
        light, reasons = judge(figures[0], figures[1], changed)
        return GateReport(
            self._candidate.model_id,
            self._active.model_id,
            light,
            reasons,
            figures[0],
            figures[1],
            self._shift(found),
            tuple(found),
            tuple(left_out),
        )

    def _shift(self, found: list[Compared]) -> float:
        active, candidate = self._limits
        moves = [
            (one.candidate_score - candidate.review) - (one.active_score - active.review)
            for one in found
            if one.label is not Label.BAD
        ]
        return float(np.median(moves)) if moves else 0.0


def _figures(found: list[Compared], candidate: bool, maps: list[ScoreMap], masks: list[Mask]) -> Figures:
    verdicts = [one.candidate if candidate else one.active for one in found]
    said = [one for one in found if one.label in (Label.GOOD, Label.BAD)]
    scores = [one.candidate_score if candidate else one.active_score for one in said]
    truth = [one.label is Label.BAD for one in said]
    curves = (image_auroc(scores, truth), image_ap(scores, truth), pixel_ap(maps, masks) if masks else None)
    return count(verdicts, [one.label for one in found], curves)


def _small(score_map: ScoreMap) -> ScoreMap:
    return np.asarray(cv2.resize(score_map, (MAP_SIDE, MAP_SIDE), interpolation=cv2.INTER_AREA), np.float32)


def known_model(store: Store, model_id: ModelId) -> ModelRow:
    """Return a model that is there; raises BAD_ARGUMENT for an unknown or deleted one."""
    row = store.model(model_id)
    if row is None or row.deleted:
        what = "was deleted" if row else "is not there"
        raise StationError(ErrorCode.BAD_ARGUMENT, f"The model {model_id} {what}.", "Choose another model.")
    return row


def _engine(store: Store, row: ModelRow, recipe: Recipe, device: str) -> Engine:
    return Engine.load(bundle_of(store.folder, row), device).fitted(recipe.geometry)
