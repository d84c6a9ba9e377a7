"""One retraining from the button to the decision; the active model and the line go on meanwhile."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from almrr_core.errors import ErrorCode, StationError
from almrr_core.types import Actor, ModelRow, Recipe
from app.services.comparison import Comparison
from app.services.heavy import Heavy
from app.services.models import Models
from app.services.samples import Samples
from app.services.station import Station
from app.services.trainer import Trainer
from app.services.training_values import Choice, Counted, Forecast, Mode, Phase

if TYPE_CHECKING:
    from almrr_core.lifecycle.checks import Warned
    from almrr_core.lifecycle.retrain import Plan, Wish
    from almrr_core.store.store import Store


class Training(QObject):
    """The phases of a retraining; what goes wrong is a sentence and leads back to IDLE."""

    phase_changed = Signal(object)  # Phase
    forecast_changed = Signal(object)  # Forecast
    counted = Signal(object)  # Counted: pictures looked at before the training
    doubted = Signal(object)  # Warned: normals that might be defects; `go_on` or `cancel`
    failed = Signal(object)  # StationError
    _counted = Signal(object)  # from a worker

    def __init__(
        self,
        store: Store,
        station: Station,
        samples: Samples,
        models: Models,
        trainer: Trainer,
        comparison: Comparison,
        heavy: Heavy,
        actor: Actor,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._store, self._station, self._samples, self._models = store, station, samples, models
        self._heavy, self._actor = heavy, actor
        self.trainer, self.comparison = trainer, comparison
        self._phase, self._asked = Phase.IDLE, 0
        self._stop = threading.Event()
        self._plan: Plan | None = None
        self._candidate: ModelRow | None = None
        self._connect()

    @property
    def phase(self) -> Phase:
        """Return where the retraining stands."""
        return self._phase

    @property
    def candidate(self) -> ModelRow | None:
        """Return the model that waits for a decision."""
        return self._candidate

    @property
    def product(self) -> str:
        """Return whose model is made or waits for a decision, "" where there is none."""
        if self._candidate is not None:
            return self._candidate.product
        return self._plan.wish.product if self._plan is not None else ""

    def ask(self, choice: Choice) -> None:
        """Find out what Retrain would do; `forecast_changed` says it."""
        self._asked += 1
        product = self._samples.product
        if product and self._phase is Phase.IDLE:
            work = functools.partial(self._foresee, self._asked, self._wish(product, choice))
            self._heavy.run(work, functools.partial(self._say_forecast, self._asked))

    def retrain(self, choice: Choice) -> None:
        """Check the pictures, train, compare; each step is a phase."""
        self._stop = threading.Event()
        self._set(Phase.CHECKING)
        work = functools.partial(self._check, self._wish(self._samples.product, choice), self._stop)
        self._heavy.run(work, self._checked, self._give_up)

    def go_on(self) -> None:
        """Train although some normals look odd."""
        assert self._plan is not None
        self._set(Phase.TRAINING)
        self.trainer.start(self._plan, self._station.running)

    def cancel(self) -> None:
        """Stop what runs; a model that was finished stays a candidate."""
        self._stop.set()
        if self._phase is Phase.TRAINING:
            self.trainer.cancel()
        elif self._phase is Phase.DOUBTFUL:
            self._back()
        elif self._phase in (Phase.COMPARING, Phase.READY):
            self.put_aside()

    def put_aside(self) -> None:
        """Decide later: the model stays a candidate on the page Models."""
        self.comparison.forget()
        self._candidate = None
        self._back()

    def promote(self, note: str, confirmed: bool) -> None:
        """Make the candidate the active model; against a red comparison only if `confirmed`."""
        assert self._candidate is not None
        self._set(Phase.PROMOTING)
        report, engine = self.comparison.report, self.comparison.engine
        self._models.promote(self._candidate, note, report, confirmed, engine)

    def discard(self) -> None:
        """Delete the candidate."""
        if self._candidate is not None:
            self._models.delete(self._candidate)
        self.put_aside()

    # On workers

    def _foresee(self, asked: int, wish: Wish) -> Forecast | None:
        if asked != self._asked:
            return None  # somebody asked again meanwhile
        from almrr_core.lifecycle.retrain import plan
        from almrr_core.models.almrr import Form

        try:
            made = plan(self._store, wish)
        except StationError as error:
            return Forecast(fault=error.sentence, remedy=error.remedy)
        return Forecast(
            made.seconds,
            len(made.job.normals),
            len(made.job.held_out),
            made.job.parent is None,
            made.job.chosen_backbone,
            made.job.chosen_shade if made.job.chosen_form is Form.HYBRID else None,
            tuple(one.sentence for one in made.warnings),
        )

    def _check(self, wish: Wish, stop: threading.Event) -> tuple[Plan, tuple[Warned, ...]]:
        from almrr_core.lifecycle.checks import suspects
        from almrr_core.lifecycle.retrain import plan

        made = plan(self._store, wish)
        look = functools.partial(self._count, stop)
        found = suspects(self._store, wish.product, made.job.geometry, made.job.parent, look)
        self._count(stop, 1, 1)
        return made, found

    def _count(self, stop: threading.Event, done: int, total: int) -> None:
        if stop.is_set() or self._heavy.over:
            raise StationError(ErrorCode.TRAINING_CANCELLED, "The check of the pictures was stopped.")
        self._counted.emit(Counted(done, total))

    def _adopt(self, plan: Plan) -> tuple[ModelRow, bool]:
        from almrr_core.lifecycle.retrain import adopt

        row = adopt(self._store, plan, self._actor)
        return row, self._store.active_recipe(row.product) is not None

    # On the GUI thread

    def _connect(self) -> None:
        self._counted.connect(self.counted)
        self.trainer.finished.connect(self._trained)
        self.trainer.failed.connect(self._give_up)
        self.comparison.compared.connect(self._compared)
        self.comparison.failed.connect(self._not_compared)
        self._models.promotion_failed.connect(self._not_promoted)
        self._models.promoted.connect(self._promoted)
        self._samples.product_changed.connect(self._other_product)

    def _wish(self, product: str, choice: Choice) -> Wish:
        from almrr_core.lifecycle import retrain

        mode = retrain.Mode.QUICK if choice.mode is Mode.QUICK else retrain.Mode.FULL
        device = self._station.settings.device
        minutes = choice.minutes if choice.steps is None else None
        shade = choice.shade
        return retrain.Wish(product, mode, minutes, choice.steps, choice.parent, device, shade=shade)

    def _say_forecast(self, asked: int, forecast: Forecast | None) -> None:
        if forecast is not None and asked == self._asked:
            self.forecast_changed.emit(forecast)

    def _checked(self, found: tuple[Plan, tuple[Warned, ...]]) -> None:
        self._plan, doubts = found
        if self._stop.is_set():
            self._back()
        elif doubts:
            self._set(Phase.DOUBTFUL)
            self.doubted.emit(doubts[0])
        else:
            self.go_on()

    def _trained(self, plan: Plan) -> None:
        self._set(Phase.COMPARING)
        self._heavy.run(functools.partial(self._adopt, plan), self._adopted, self._give_up)

    def _adopted(self, made: tuple[ModelRow, bool]) -> None:
        self._candidate, has_active = made
        self._models.reload()
        if not has_active:
            self._set(Phase.READY)
        elif not self._stop.is_set():
            self.comparison.start(self._candidate.model_id, self._station.settings.device)
        else:
            self.put_aside()

    def _compared(self, _report: object) -> None:
        if self._phase is Phase.COMPARING:
            self._set(Phase.READY)

    def _not_compared(self, error: StationError) -> None:
        """A candidate that cannot be compared waits on the page Models."""
        if self._phase is Phase.COMPARING:
            self.put_aside()
            self.failed.emit(error)

    def _not_promoted(self, _error: object) -> None:
        if self._phase is Phase.PROMOTING:
            self._set(Phase.READY)

    def _promoted(self, recipe: Recipe) -> None:
        if self._candidate is not None and recipe.model_id == self._candidate.model_id:
            self.put_aside()

    def _other_product(self, _product: str) -> None:
        if self._phase is Phase.DOUBTFUL:
            self._back()

    def _give_up(self, error: StationError) -> None:
        self._back()
        if error.code is not ErrorCode.TRAINING_CANCELLED:
            self.failed.emit(error)

    def _back(self) -> None:
        self._plan = None
        self._set(Phase.IDLE)

    def _set(self, phase: Phase) -> None:
        if phase is not self._phase:
            self._phase = phase
            self.phase_changed.emit(phase)
