"""The versions of a product's model: what they are, which is active, and what can be done with them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from almrr_core.errors import StationError
from almrr_core.types import Actor, ModelRow, Recipe
from app.services.faults import Faults
from app.services.heavy import Heavy
from app.services.plant import Loaded
from app.services.samples import Samples
from app.services.station import Station
from app.services.tasks import Tasks
from app.services.training_values import GateReport, ModelFacts, ModelState

if TYPE_CHECKING:
    from almrr_core.runtime.engine import Engine
    from almrr_core.store.store import Store


class Models(QObject):
    """Works on the product that `Samples` looks at; every change is in the log with who and why."""

    changed = Signal(object)  # tuple[ModelFacts, ...], the newest first
    promoted = Signal(object)  # Recipe
    promotion_failed = Signal(object)  # StationError, which is in the fault bar too
    exported = Signal(object)  # Path
    imported = Signal(object)  # ModelRow
    failed = Signal(object)  # StationError of an export, an import or a deletion

    def __init__(
        self,
        store: Store,
        station: Station,
        samples: Samples,
        tasks: Tasks,
        heavy: Heavy,
        faults: Faults,
        actor: Actor,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._store, self._station, self._samples = store, station, samples
        self._tasks, self._heavy, self._faults, self._actor = tasks, heavy, faults, actor
        self._facts: tuple[ModelFacts, ...] = ()
        samples.product_changed.connect(self._other_product)
        heavy.run(functools.partial(_tidy, store), self._tidied)

    @property
    def facts(self) -> tuple[ModelFacts, ...]:
        """Return the models as read last, the newest first; deleted ones are not among them."""
        return self._facts

    @property
    def product(self) -> str:
        """Return the product looked at."""
        return self._samples.product

    def folder_of(self, row: ModelRow) -> Path:
        """Return where a model's bundle lies."""
        return self._store.folder / row.folder

    def reload(self) -> None:
        """Read the models again."""
        if self.product:
            work = functools.partial(_facts, self._store, self.product)
            self._tasks.run(work, functools.partial(self._take, self.product), database=True)

    def promote(
        self,
        row: ModelRow,
        note: str,
        report: GateReport | None = None,
        confirmed: bool = False,
        engine: Engine | None = None,
    ) -> None:
        """Make a model the active one; the line swaps to it between two parts. An older one rolls back."""
        device = self._station.settings.device
        work = functools.partial(self._promote, row, note, report, confirmed, device, engine)
        self._station.promote(work, self._promoted)

    def delete(self, row: ModelRow) -> None:
        """Delete a model; the active one is refused."""
        self._heavy.run(functools.partial(self._delete, row), self._done, self.failed.emit)

    def export(self, row: ModelRow, target: Path) -> None:
        """Write a model to one file."""
        self._heavy.run(functools.partial(self._export, row, target), self._exported, self.failed.emit)

    def take_in(self, source: Path) -> None:
        """Add the model of a file as a candidate."""
        work = functools.partial(self._import, source, self.product, self._station.settings.device)
        self._heavy.run(work, self._imported, self.failed.emit)

    # On workers

    def _promote(
        self,
        row: ModelRow,
        note: str,
        report: GateReport | None,
        confirmed: bool,
        device: str,
        engine: Engine | None,
    ) -> Loaded:
        from almrr_core.lifecycle.promotion import promote

        try:
            made = promote(
                self._store, row.model_id, self._actor, note, report, confirmed, device, engine=engine
            )
        except StationError as error:
            self.promotion_failed.emit(error)
            raise
        return Loaded(made.recipe, made.engine, device)

    def _delete(self, row: ModelRow) -> None:
        from almrr_core.lifecycle.promotion import delete

        delete(self._store, row.model_id, self._actor)

    def _export(self, row: ModelRow, target: Path) -> Path:
        from almrr_core.lifecycle.exchange import export_model

        return export_model(self._store, row.model_id, target, self._actor)

    def _import(self, source: Path, product: str, device: str) -> ModelRow:
        from almrr_core.lifecycle.exchange import import_model

        return import_model(self._store, source, product, self._actor, device)

    # On the GUI thread

    def _take(self, product: str, facts: tuple[ModelFacts, ...]) -> None:
        if product == self.product:
            self._facts = facts
            self.changed.emit(facts)

    def _tidied(self, said: Sequence[str]) -> None:
        for sentence in said:
            self._faults.say(sentence)
        self.reload()

    def _done(self, _none: None) -> None:
        self.reload()

    def _exported(self, target: Path) -> None:
        self.exported.emit(target)

    def _imported(self, row: ModelRow) -> None:
        self.imported.emit(row)
        self.reload()

    def _other_product(self, _product: str) -> None:
        self._facts = ()
        self.changed.emit(())
        self.reload()

    def _promoted(self, recipe: Recipe) -> None:
        self.promoted.emit(recipe)
        self.reload()


def _tidy(store: Store) -> tuple[str, ...]:
    from almrr_core.lifecycle.upkeep import tidy

    return tidy(store)


def _facts(store: Store, product: str) -> tuple[ModelFacts, ...]:
    recipes = store.recipes(product)
    rows = [row for row in store.models(product) if not row.deleted]
    return tuple(_facts_of(store, row, recipes) for row in sorted(rows, key=_age, reverse=True))


def _age(row: ModelRow) -> tuple[datetime, str]:
    return row.created_at, row.model_id


def _facts_of(store: Store, row: ModelRow, recipes: Sequence[Recipe]) -> ModelFacts:
    from almrr_core.models.bundle import read_card

    used = _promotions(row, recipes)
    state = ModelState.FORMER if used else ModelState.CANDIDATE
    if recipes and recipes[0].model_id == row.model_id:
        state = ModelState.ACTIVE
    try:
        card = read_card(store.folder / row.folder)
    except StationError as error:
        return ModelFacts(row, ModelState.DAMAGED, promoted=used, fault=error.sentence)
    metrics = tuple((name, value) for name, value in card.metrics.items() if value is not None)
    return ModelFacts(
        row,
        state,
        len(card.training_files),
        len(card.held_out_files),
        card.steps,
        card.seconds,
        card.backbone,
        metrics,
        used,
    )


def _promotions(row: ModelRow, recipes: Sequence[Recipe]) -> tuple[tuple[datetime, str, str], ...]:
    """Return when, by whom and why a model became the active one, the newest first."""
    found, oldest_first = [], recipes[::-1]
    for before, one in zip((None, *oldest_first), oldest_first, strict=False):
        if one.model_id == row.model_id and (before is None or before.model_id != row.model_id):
            found.append((one.created_at, one.actor, one.reason))
    return tuple(found[::-1])
