"""Do good parts still look as they did at calibration? A change for the worse is a notice."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from almrr_core.types import Recipe
from app.services.faults import Faults
from app.services.heavy import Heavy
from app.services.samples import Samples
from app.services.station import Station
from app.services.training_values import Chart

if TYPE_CHECKING:
    from almrr_core.store.store import Store

EVERY = 60_000  # ms


class Drift(QObject):
    """The chart of the product that `Samples` looks at; notices of the one that the station inspects."""

    changed = Signal(object)  # Chart, None without an active model

    def __init__(
        self,
        store: Store,
        station: Station,
        samples: Samples,
        heavy: Heavy,
        faults: Faults,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._store, self._station, self._samples = store, station, samples
        self._heavy, self._faults = heavy, faults
        self._chart: Chart | None = None
        self._told: tuple[str, str] | None = None  # product and model that a notice was about
        timer = QTimer(self)
        timer.timeout.connect(self.look)
        timer.start(EVERY)
        station.recipe_changed.connect(self.look)
        samples.product_changed.connect(self._other_product)

    @property
    def chart(self) -> Chart | None:
        """Return what was found last."""
        return self._chart

    def look(self, _recipe: Recipe | None = None) -> None:
        """Read the newest parts; `changed` says what they show."""
        recipe, product = self._station.recipe, self._samples.product
        if recipe is not None:
            self._read(recipe.product, functools.partial(self._take, recipe))
        if product and (recipe is None or recipe.product != product):
            self._read(product, functools.partial(self._show, product))

    def _read(self, product: str, done: Callable[[Chart | None], None]) -> None:
        self._heavy.run(functools.partial(_chart, self._store, product), done)

    def _other_product(self, product: str) -> None:
        self._show(product, None)
        self.look()

    def _take(self, recipe: Recipe, chart: Chart | None) -> None:
        self._show(recipe.product, chart)
        now = self._station.recipe
        if now is not None and now.product == recipe.product:
            self._tell(recipe, chart)

    def _show(self, product: str, chart: Chart | None) -> None:
        if product == self._samples.product:
            self._chart = chart
            self.changed.emit(chart)

    def _tell(self, recipe: Recipe, chart: Chart | None) -> None:
        about = (recipe.product, str(recipe.model_id))
        if chart is None or not chart.drifted:
            self._told = None if self._told == about else self._told
        elif self._told != about:
            self._told = about
            advice = self.tr("Add new normal pictures on the page Train and press Retrain.")
            self._faults.say(f"{recipe.product}: {chart.sentence}", advice, serious=True)


def _chart(store: Store, product: str) -> Chart | None:
    from almrr_core.lifecycle.drift import DriftState, drift

    found = drift(store, product)
    if found is None:
        return None
    points = tuple((one.at, one.mean, one.average) for one in found.points)
    state = found.state
    return Chart(
        found.sentence,
        state is DriftState.DRIFTED,
        state is DriftState.STEADY,
        points,
        found.centre,
        found.low,
        found.high,
        found.since,
    )
