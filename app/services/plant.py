"""What runs on worker threads for the station: its log, the model loaded, lines put together.

The heavy modules are imported where they are used: the window stands before torch loads.
"""

from __future__ import annotations

import dataclasses
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from almrr_core.errors import ErrorCode, StationError
from almrr_core.judge import Calibration
from almrr_core.settings import Settings, SourceSettings, save_settings
from almrr_core.types import (
    Action,
    Actor,
    Counts,
    LineState,
    LineStatus,
    LogFilter,
    Recipe,
    SourceState,
    SourceStatus,
)
from app.services.memory import give_back
from app.services.tally import Tally, shift_start

if TYPE_CHECKING:
    from almrr_core.line.assembly import Assembled
    from almrr_core.line.line import Line
    from almrr_core.runtime.engine import Engine
    from almrr_core.store.store import Store

CLOSED = LineStatus(LineState.READY, SourceStatus("", SourceState.CLOSED), Counts(), 0, 0, 0, 0.0, None, None)
_LOG = logging.getLogger("app")
_QUIET = {"layout": "", "heat_opacity": 0.0, "first_start_done": True}  # no event tells of these


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """A product that is ready to run: its recipe and the model loaded on `device`."""

    recipe: Recipe
    engine: Engine
    device: str

    @property
    def calibration(self) -> Calibration:
        """Return what held-out normals say about limits."""
        return self.engine.card.calibration

    @property
    def calibration_fits(self) -> bool:
        """Return whether that was of the recipe's region of interest: scores of another are others."""
        return self.engine.card.geometry.roi == self.recipe.geometry.roi


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Running:
    """A line with what it runs and the settings it was built of."""

    assembled: Assembled
    loaded: Loaded
    settings: Settings

    @property
    def line(self) -> Line:
        """Return the line."""
        return self.assembled.line


@dataclasses.dataclass(frozen=True, slots=True)
class Made:
    """A product that was added, all that can be inspected, and the source that comes with it."""

    product: str
    products: tuple[str, ...]
    source: SourceSettings | None = None


class Plant:
    """One data folder: its log, its models and the lines built on it; methods are for worker threads."""

    def __init__(self, store: Store, actor: Actor, demo_bundle: Path | None = None) -> None:
        self.folder, self.tally = store.folder, tally_of(store)
        self._store, self._actor, self._demo_bundle = store, actor, demo_bundle
        self.disk_left = store.disk_left()
        self.known_products = self._inspectable()

    def _inspectable(self) -> tuple[str, ...]:
        """Return the products that have a recipe; the others have no model yet and are for the page Train."""
        return tuple(one for one in self._store.products() if self._store.active_recipe(one) is not None)

    def load(self, settings: Settings, loaded: Loaded | None = None) -> Loaded:
        """Return the product of the settings ready to run, which `loaded` may be already.

        Raises STATION_UNPREPARED and what `Engine.load` raises.
        """
        from almrr_core.line.assembly import active_recipe, load_engine
        from almrr_core.line.products import renew_demo

        if loaded is not None and _fits(loaded, settings):
            return loaded
        renew_demo(self._store, settings.product, self._actor, self._demo_bundle)
        recipe = active_recipe(self._store, settings)
        engine = load_engine(self._store, recipe, settings.device)
        give_back()  # loading takes twice what stays
        return Loaded(recipe, engine, settings.device)

    def start(self, settings: Settings, loaded: Loaded | None, old: Running | None) -> Running:
        """Start a line; `old`, one in FAULT, goes on with the parts it has in memory.

        Raises LOG_BEHIND where `old` was built of other settings, STATION_UNPREPARED and what `load` and
        `assemble` raise.
        """
        from almrr_core.line.assembly import active_source, assemble

        active_source(settings)
        loaded = self.load(settings, loaded)
        if old is not None and fits(old, settings, loaded):
            old.line.swap(loaded.recipe, loaded.engine)
            old.line.start()
            return dataclasses.replace(old, loaded=loaded)
        if old is not None:
            raise _behind(old)
        args = (self._store, settings, loaded.recipe, loaded.engine, self._actor)
        running = Running(assemble(*args, recorded=self.tally.add), loaded, settings)
        try:
            running.line.start()
        except BaseException:
            running.assembled.close()
            raise
        self._say_line(Action.LINE_STARTED, settings.line_id, settings.active_source)
        return running

    def stop(self, running: Running | None) -> int:
        """Stop the line and return how many parts the log does not take; only with none the line is over."""
        if running is None:
            return 0
        running.line.stop()
        waiting = len(running.line.unrecorded())
        if not waiting:
            running.assembled.close()
            self._say_line(Action.LINE_STOPPED, running.settings.line_id)
        return waiting

    def _say_line(self, action: Action, line_id: str, source_id: str = "") -> None:
        """The line runs, or is over, all the same where the log does not take the event."""
        try:
            self._store.event(self._actor, action, line_id, after=source_id)
        except StationError as error:
            _LOG.warning("An event (%s) is not in the log: %s", action, error)

    def add_recipe(self, recipe: Recipe) -> Recipe:
        """Write a changed recipe as the version after its own; the event is in the same transaction.

        Raises BAD_ARGUMENT where another version came into force meanwhile, for it would be taken back unseen.
        """
        newest = self._store.active_recipe(recipe.product)
        if newest is not None and newest.version != recipe.version:
            raise StationError(
                ErrorCode.BAD_ARGUMENT,
                f"The change was not applied: recipe v{newest.version} came into force meanwhile.",
                "Look at its limits and model, then apply your change again.",
            )
        now = datetime.now(UTC)
        wanted = dataclasses.replace(recipe, created_at=now, actor=self._actor.name)
        return self._store.add_recipe(wanted, self._actor)

    def make_product(self, name: str, bundle: Path) -> Made:
        """Add a product with a copy of a bundle; raises what reading the bundle and writing raises."""
        from almrr_core.line.products import install_product

        install_product(self._store, name, bundle, self._actor)
        return Made(name, self._inspectable())

    def make_demo(self, settings: Settings) -> Made:
        """Install the demo line where it is not there; raises STATION_UNPREPARED without its model."""
        from almrr_core.line.products import with_demo

        wanted = with_demo(self._store, settings, self._actor, self._demo_bundle)
        return Made(wanted.product, self._inspectable(), wanted.source)

    def save(self, wanted: Settings, before: Settings) -> None:
        """Write the settings, and an event where more than the looks changed."""
        save_settings(self.folder, wanted)
        old, new = (dataclasses.asdict(dataclasses.replace(one, **_QUIET)) for one in (before, wanted))  # type: ignore[arg-type]  # of the right types, by name
        changed = [name for name in new if new[name] != old[name]]
        if changed:
            said = [", ".join(f"{name}={values[name]}" for name in changed) for values in (old, new)]
            self._store.event(self._actor, Action.SETTINGS_CHANGED, "settings", *said)

    def reset_counts(self) -> None:
        """Count from now on; nothing is changed where the log, which must know it, does not take it."""
        now = datetime.now(UTC)
        before = f"{self.tally.since_reset.total} parts"
        self._store.event(self._actor, Action.COUNTERS_RESET, "counters", before, now.isoformat())
        self.tally.reset(now)

    def tidy(self, settings: Settings) -> None:
        """Delete pictures that need not stay, and measure the disk."""
        self._store.enforce_retention(settings.retention, datetime.now(UTC))
        self.measure()

    def measure(self) -> None:
        """Measure the disk."""
        self.disk_left = self._store.disk_left()


def built_of(settings: Settings) -> tuple[object, ...]:
    """Return what a line is built of and cannot change while it runs."""
    return settings.source, settings.network, settings.station_id, settings.line_id, settings.retention


def fits(running: Running, settings: Settings, loaded: Loaded | None) -> bool:
    """Return whether a line can go on with these; a camera keeps the bit depth it was opened with."""
    depth = running.loaded.recipe.bit_depth
    same = loaded is None or loaded.recipe.bit_depth == depth
    return same and built_of(running.settings) == built_of(settings)


def tally_of(store: Store) -> Tally:
    """Return the counters as the log has them: since the last reset, and for the shift."""
    now = datetime.now(UTC)
    shift_at, reset_at = shift_start(now), shift_start(now)
    for event in store.events(1, Action.COUNTERS_RESET):
        reset_at = datetime.fromisoformat(event.after)
    counts = (store.tally(LogFilter(since=since)) for since in (reset_at, shift_at))
    return Tally(next(counts), reset_at, next(counts), shift_at)


def _fits(loaded: Loaded, settings: Settings) -> bool:
    return (loaded.recipe.product, loaded.device) == (settings.product, settings.device)


def _behind(old: Running) -> StationError:
    status = old.line.status()
    return StationError(ErrorCode.LOG_BEHIND, status.fault, status.remedy)
