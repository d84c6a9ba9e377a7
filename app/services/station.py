"""The station as the window sees it: one line at a time, its recipe, its pictures and its counters.

What could take longer than a frame runs through `Tasks`. The screen polls; the line never waits.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from almrr_core.errors import StationError
from almrr_core.judge import Calibration
from almrr_core.settings import Settings, SourceSettings
from almrr_core.types import LineState, LineStatus, Recipe
from app.services.counts import StationCounts
from app.services.faults import Faults
from app.services.jobs import Jobs, Work
from app.services.plant import Loaded, Made, Plant, Running, built_of, fits
from app.services.saver import Saver
from app.services.screen import Screen
from app.services.tasks import Tasks


class Station(StationCounts):
    """One data folder with its settings, the product chosen, and the line that runs."""

    showed = Signal(object)  # Shown: the newest part, at most 30 times a second
    live_changed = Signal(object)  # Frame: while no part came for a second, or parts are triggered by hand
    status_changed = Signal(object)  # LineStatus: 4 times a second, and at every start and stop
    recipe_changed = Signal(object)  # Recipe
    product_changed = Signal(str)
    products_changed = Signal(object)  # tuple[str, ...]
    settings_changed = Signal(object)  # Settings
    busy_changed = Signal(str)  # what is being prepared ("Loading the model…"); "" when it is done
    stopped = Signal(object)  # LineStatus: the last one of a line that was stopped
    closed = Signal(object)  # LineStatus: after `close`, when the line has ended

    def __init__(
        self, plant: Plant, settings: Settings, tasks: Tasks, faults: Faults, parent: QObject | None = None
    ) -> None:
        super().__init__(plant, parent)
        self._settings, self._tasks, self._faults = settings, tasks, faults
        self._loaded: Loaded | None = None
        self._asked = settings.product  # the product that was asked for last
        self._running: Running | None = None
        self._wanted = False  # whether a line was asked for last, not a stop
        self._products = plant.known_products
        self._jobs, self._screen = Jobs(tasks, faults, self), Screen(faults, self)
        self._saver = Saver(plant.save, settings, tasks, faults, self)
        self._jobs.busy_changed.connect(self.busy_changed)
        self._screen.ended.connect(self._line_ended)
        self._screen.showed.connect(self.showed)
        self._screen.live_changed.connect(self.live_changed)
        self._screen.status_changed.connect(self.status_changed)

    @property
    def settings(self) -> Settings:
        """Return the settings in force."""
        return self._settings

    @property
    def running(self) -> bool:
        """Return whether a line runs; a line in FAULT does not."""
        return self._running is not None and self._screen.status.state is LineState.RUNNING

    @property
    def active(self) -> bool:
        """Return whether there is a line, or one is being prepared: closing must stop it first."""
        return self._running is not None or bool(self._jobs.busy)

    @property
    def unrecorded(self) -> int:
        """Return how many inspected parts the log has not taken: closing would lose them."""
        return self._screen.status.inspected - self._screen.status.recorded if self._running else 0

    @property
    def busy(self) -> str:
        """Return what is being prepared, "" for nothing."""
        return self._jobs.busy

    @property
    def status(self) -> LineStatus:
        """Return the last status said."""
        return self._screen.status

    @property
    def products(self) -> tuple[str, ...]:
        """Return the names of the products that can be inspected: they have a recipe."""
        return self._products

    @property
    def recipe(self) -> Recipe | None:
        """Return the active recipe of the chosen product, None until its model is loaded."""
        return self._loaded.recipe if self._loaded else None

    @property
    def calibration(self) -> Calibration | None:
        """Return the calibration of the active model, None until it is loaded."""
        return self._loaded.calibration if self._loaded else None

    @property
    def calibration_fits(self) -> bool:
        """Return whether the calibration is of the region of interest in force."""
        return self._loaded is None or self._loaded.calibration_fits

    # What changes something

    def start(self) -> None:
        """Load the model where that is still to be done, then start the line; a line in FAULT starts anew."""
        self._wanted = True
        self._jobs.add(self.tr("Stopping the line…"), self._stop_other, self._stopped)
        self._jobs.add(self.tr("Starting the line…"), self._start, self._started)

    def stop(self) -> None:
        """Stop the line; `stopped` says when every part is in the log."""
        self._wanted = False
        self._jobs.add(self.tr("Stopping the line…"), self._stop, self._stopped)

    def trigger(self) -> None:
        """Take a part now; a refusal is a notice."""
        try:
            if self._running is not None:
                self._running.line.trigger()
        except StationError as error:
            self._faults.say(error.sentence, error.remedy)

    def reset_counts(self) -> None:
        """Count from now on; the event is in the log."""
        self._tasks.run(self._plant.reset_counts, self._say_status, database=True)

    def change_settings(self, wanted: Settings) -> None:
        """Put all but the product in force and save it; a running line starts again where it must."""
        before = self._settings
        self._put(dataclasses.replace(wanted, product=before.product))
        if wanted.device != before.device:
            self.prepare()
        if self.running and built_of(wanted) != built_of(before):
            self._restart()

    def use_source(self, source: SourceSettings) -> None:
        """Make this the active source, added or changed in the settings."""
        self.change_settings(self._settings.with_source(source))

    def apply_recipe(self, recipe: Recipe) -> None:
        """Write the recipe as a new version, with its `reason`; the line uses it from the next part."""
        work = functools.partial(self._plant.add_recipe, recipe)
        self._jobs.add_work(self.tr("Applying the recipe…"), work, self._adopt_recipe)

    def promote(self, work: Callable[[], Loaded], done: Callable[[Recipe], None]) -> None:
        """Let `work` make another model the active one; the line of its product swaps between two parts."""
        self._jobs.add_work(self.tr("Promoting the model…"), work, functools.partial(self._promoted, done))

    def choose_product(self, name: str, then: Callable[[], None] | None = None) -> None:
        """Inspect this product, then call `then`: its model is loaded first, the line swaps between two parts.

        Until then, and where loading fails, everything stays with the product before.
        """
        self._asked = name
        done = functools.partial(self._chosen, then)
        self._jobs.add(self.tr("Loading the model…"), functools.partial(self._load_asked, name), done)

    def make_product(self, name: str, bundle: Path) -> None:
        """Add a product with a copy of the model in `bundle` and its limits as first recipe; choose it."""
        work = functools.partial(self._plant.make_product, name, bundle)
        self._jobs.add_work(self.tr("Adding the product…"), work, self._made)

    def load_demo(self) -> None:
        """Set up the demo line, simulated source and shipped model, and start it."""
        work = functools.partial(self._plant.make_demo, self._settings)
        self._jobs.add_work(self.tr("Setting up the demo line…"), work, self._made)

    def prepare(self) -> None:
        """Load the chosen product, so that a start is immediate; anew for another device."""
        self._jobs.add(self.tr("Loading the model…"), self._load_chosen, self._adopt)

    def close(self, lose: bool = False) -> None:
        """End the line for good, then `closed`; where the log does not take its parts, only if they may go."""
        self._jobs.forget()
        ended = functools.partial(self._ended, lose)
        self._jobs.add(self.tr("Stopping the line…"), self._stop_work, ended)

    def _say_status(self, _none: None) -> None:
        self.status_changed.emit(self.status)

    # The jobs' two ends, on the GUI thread

    def _start(self) -> Work | None:
        start = functools.partial(self._plant.start, self._settings, self._loaded, self._running)
        return None if self.running else start

    def _started(self, running: Running) -> None:
        self._running = running
        self._adopt(running.loaded)
        self._screen.watch(running)
        if not fits(running, self._settings, self._loaded):
            self._restart()  # they were changed while it started

    def _restart(self) -> None:
        if self._wanted:  # else it is to stop anyway
            self.stop()
            self.start()

    def _stop(self) -> Work | None:
        return self._stop_work() if self._running is not None else None

    def _stop_other(self) -> Work | None:
        """End a line in FAULT that was built of something else: it cannot go on with this."""
        other = self._running is not None and not fits(self._running, self._settings, self._loaded)
        return self._stop() if other and not self.running else None

    def _stop_work(self) -> Work:
        return functools.partial(self._plant.stop, self._running)

    def _line_ended(self, _status: LineStatus) -> None:
        stop = functools.partial(self._stop_ended, self._running)
        self._jobs.add(self.tr("Stopping the line…"), stop, self._stopped)

    def _stop_ended(self, ended: Running | None) -> Work | None:
        now = self._running  # by now it may be another line
        return self._stop_work() if now and ended and now.line is ended.line else None

    def _stopped(self, unrecorded: int) -> None:
        self._screen.say()
        if not unrecorded:  # else the line keeps them in memory, in FAULT, for the next start or stop
            self._running = None
            self._screen.watch(None)
        self.stopped.emit(self.status)

    def _ended(self, lose: bool, unrecorded: int) -> None:
        self._stopped(unrecorded)
        if lose or not unrecorded:
            self._jobs.forget()  # what a job's end asked for after `close`
            self._saver.then(functools.partial(self.closed.emit, self.status))

    def _load_chosen(self) -> Work | None:
        load = functools.partial(self._plant.load, self._settings, self._loaded)
        return load if self._settings.product else None

    def _load_asked(self, product: str) -> Work | None:
        wanted = dataclasses.replace(self._settings, product=product)
        load = functools.partial(self._plant.load, wanted, self._loaded)
        return load if product == self._asked else None

    def _chosen(self, then: Callable[[], None] | None, loaded: Loaded) -> None:
        if loaded.recipe.product == self._asked:  # else another one was asked for while this one loaded
            self._adopt(loaded)
            if then is not None:
                then()

    def _put(self, wanted: Settings) -> None:
        if wanted != self._settings:
            self._settings = wanted
            self._saver.save(wanted)  # first: who hears of it may change them again
            self.settings_changed.emit(wanted)

    def _adopt(self, loaded: Loaded) -> None:
        """Use this product from now on; a line that runs changes to it between two parts."""
        now, product = self._running, loaded.recipe.product
        other = now is not None and now.loaded.recipe.bit_depth != loaded.recipe.bit_depth
        if now is not None and now.loaded is not loaded and not other:
            now.line.swap(loaded.recipe, loaded.engine)
            self._running = dataclasses.replace(now, loaded=loaded)
            self._screen.watch(self._running)
        before, self._loaded = self.recipe, loaded
        self._put(dataclasses.replace(self._settings, product=product))
        if before is None or before.product != product:
            self.product_changed.emit(product)
        if loaded.recipe != before:
            self.recipe_changed.emit(loaded.recipe)
        if other:  # its camera must be opened anew
            self._restart()

    def _promoted(self, done: Callable[[Recipe], None], loaded: Loaded) -> None:
        self._offer(tuple(sorted({*self._products, loaded.recipe.product})))
        if self._settings.product in ("", loaded.recipe.product):
            self._adopt(loaded)
        done(loaded.recipe)

    def _adopt_recipe(self, recipe: Recipe) -> None:
        """Use it, unless another product is inspected since it was changed."""
        if self._loaded is not None and self._loaded.recipe.product == recipe.product:
            self._adopt(dataclasses.replace(self._loaded, recipe=recipe))

    def _offer(self, products: tuple[str, ...]) -> None:
        if products != self._products:
            self._products = products
            self.products_changed.emit(products)

    def _made(self, made: Made) -> None:
        self._offer(made.products)
        source = made.source
        self.choose_product(made.product, functools.partial(self._start_on, source) if source else None)

    def _start_on(self, source: SourceSettings) -> None:
        self.change_settings(dataclasses.replace(self._settings.with_source(source), first_start_done=True))
        self.start()
