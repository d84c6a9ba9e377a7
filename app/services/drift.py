"""Do good parts still look as they did at calibration? A change for the worse is a notice."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from almrr_core.types import Recipe
from app.services.faults import Faults
from app.services.heavy import Heavy
from app.services.station import Station
from app.services.training_values import Chart

if TYPE_CHECKING:
    from almrr_core.store.store import Store

EVERY = 60_000  # ms


class Drift(QObject):
    """Watches the station's product."""

    changed = Signal(object)  # Chart, None without an active model

    def __init__(
        self, store: Store, station: Station, heavy: Heavy, faults: Faults, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._store, self._station, self._heavy, self._faults = store, station, heavy, faults
        self._chart: Chart | None = None
        self._told: tuple[str, str] | None = None  # product and model that a notice was about
        timer = QTimer(self)
        timer.timeout.connect(self.look)
        timer.start(EVERY)
        station.recipe_changed.connect(self._recipe_changed)

    @property
    def chart(self) -> Chart | None:
        """Return what was found last."""
        return self._chart

    def look(self) -> None:
        """Read the newest parts; `changed` says what they show."""
        recipe = self._station.recipe
        if recipe is not None:
            work = functools.partial(_chart, self._store, recipe.product)
            self._heavy.run(work, functools.partial(self._take, recipe))

    def _recipe_changed(self, _recipe: Recipe) -> None:
        self.look()

    def _take(self, recipe: Recipe, chart: Chart | None) -> None:
        now = self._station.recipe
        if now is None or now.product != recipe.product:
            return
        self._chart = chart
        self.changed.emit(chart)
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
