"""Puts a line together from a data folder, for the window and `almrr run` alike.

Heavy modules are imported where they are used, so that the window stands before torch loads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from almrr_core.cameras.protocol import PictureMaker
from almrr_core.line.flight import left_over
from almrr_core.line.products import name_for_files, unprepared
from almrr_core.line.setup import LineSetup, broken
from almrr_core.settings import Keep, Retention, Settings, SourceKind, SourceSettings
from almrr_core.types import (
    Actor,
    Recipe,
    Record,
    Verdict,
)

if TYPE_CHECKING:
    from almrr_core.line.line import Line
    from almrr_core.line.network import JsonLinesOutput, TriggerServer
    from almrr_core.runtime.engine import Engine
    from almrr_core.store.store import Store


SIMULATED_SIZE = (480, 640)  # height, width in pixels, where the source says nothing else


@dataclass(frozen=True, slots=True, eq=False)
class Assembled:
    """A line with the sockets that belong to it; `close` before another is assembled for the same settings."""

    line: Line
    triggers: TriggerServer | None
    output: JsonLinesOutput | None

    def close(self) -> None:
        """Stop the line, log what is left, let go of the ports."""
        try:
            if self.triggers is not None:
                self.triggers.close()
            self.line.stop()
        finally:
            if self.output is not None:
                self.output.close()


def assemble(
    store: Store,
    settings: Settings,
    recipe: Recipe,
    engine: Engine,
    actor: Actor,
    recorded: Callable[[Record], None] | None = None,
    parts: int | None = None,
) -> Assembled:
    """Return the line of the active source, not started; its sockets listen already.

    `recorded` is given every record once it is in the log, on the recorder's thread. The line ends after
    `parts` parts. Parts that a crash left in flight are logged as an event. Raises STATION_UNPREPARED without
    a source, SOURCE_UNUSABLE, PORT_UNUSABLE, GEOMETRY_MISMATCH.
    """
    from almrr_core.cameras import build_camera
    from almrr_core.line.line import Line

    source = _as_the_recipe_says(active_source(settings), recipe)
    camera = build_camera(source, picture_maker(source), recipe.bit_depth, store.folder / "sources")
    setup = _setup(store, settings, parts)
    output = _output(settings)
    try:
        _log_left_over(store, setup, actor)  # once the port is free: the line empties the file
        line = Line(
            setup,
            recipe,
            engine,
            camera,
            _recording(store, settings.retention, recorded),
            outputs=[output] if output else [],
            event=lambda action, subject, reason: store.event(actor, action, subject, reason=reason),
            known_part=store.find_part,
        )
        return Assembled(line, _triggers(settings, line), output)
    except BaseException:
        if output is not None:
            output.close()
        raise


def _as_the_recipe_says(source: SourceSettings, recipe: Recipe) -> SourceSettings:
    exposure = source.exposure if recipe.exposure is None else recipe.exposure
    return replace(source, exposure=exposure, gain=source.gain if recipe.gain is None else recipe.gain)


def _setup(store: Store, settings: Settings, parts: int | None) -> LineSetup:
    return LineSetup(
        station_id=settings.station_id,
        line_id=settings.line_id,
        deadline=settings.network.deadline_ms / 1e3,
        flight_file=store.folder / f"in-flight-{name_for_files(settings.line_id)}.txt",
        parts=parts,
    )


def _output(settings: Settings) -> JsonLinesOutput | None:
    from almrr_core.line.network import JsonLinesOutput

    network = settings.network
    return JsonLinesOutput(network.host, network.output_port) if network.output_port else None


def _triggers(settings: Settings, line: Line) -> TriggerServer | None:
    from almrr_core.line.network import TriggerServer

    network = settings.network
    if not network.trigger_port:
        return None
    return TriggerServer(
        network.host, network.trigger_port, lambda part_id, lot, serial: line.trigger(lot, serial, part_id)
    )


def _log_left_over(store: Store, setup: LineSetup, actor: Actor) -> None:
    left = left_over(setup.flight_file) if setup.flight_file else ()
    if left:
        store.name_missing(left, setup.line_id, actor)


def _recording(
    store: Store, retention: Retention, recorded: Callable[[Record], None] | None
) -> Callable[[Record], int]:
    keeps = Keeping(retention)

    def record(one: Record) -> int:
        number = store.record(one, keeps.picture_of(one))
        try:
            if recorded is not None:
                recorded(one)
        except Exception as error:  # the part is in the log: whoever only listens must not make it seem lost
            broken("A listener", error)
        return number

    return record


class Keeping:
    """Says which records keep their picture; everything but PASS does unless the settings say otherwise."""

    def __init__(self, retention: Retention) -> None:
        self._retention, self._passed = retention, 0

    def picture_of(self, record: Record) -> bool:
        """Return whether this record's picture is kept; call it once per record."""
        if self._retention.keep is Keep.ALL or record.verdict is not Verdict.PASS:
            return True
        self._passed += 1
        return self._retention.keep is Keep.EVERY_NTH and self._passed % max(1, self._retention.nth) == 0


def active_source(settings: Settings) -> SourceSettings:
    """Return the source in use; raises STATION_UNPREPARED."""
    if settings.source is None:
        raise unprepared("No source of pictures is chosen.", "Choose a camera or a folder in the settings.")
    return settings.source


def active_recipe(store: Store, settings: Settings) -> Recipe:
    """Return the newest recipe of the chosen product; raises STATION_UNPREPARED."""
    recipe = store.active_recipe(settings.product) if settings.product else None
    if recipe is None:
        what = f"The product '{settings.product}' has no recipe."
        what = what if settings.product else "No product is chosen."
        raise unprepared(what, "Choose a product with a trained model, or try the demo line.")
    return recipe


def load_engine(store: Store, recipe: Recipe, device: str = "auto") -> Engine:
    """Load the recipe's model; raises what `Engine.load` and `fitted` do, STATION_UNPREPARED if it is gone."""
    from almrr_core.runtime.engine import Engine

    model = store.model(recipe.model_id)
    if model is None or model.deleted:
        sentence = f"The model {recipe.model_id} of product '{recipe.product}' was deleted."
        raise unprepared(sentence, "Go back to a recipe whose model is still there.")
    return Engine.load(store.folder / model.folder, device).fitted(recipe.geometry)


def picture_maker(source: SourceSettings) -> PictureMaker | None:
    """Return what makes the pictures of a simulated source, None for any other."""
    if source.kind is not SourceKind.SIMULATED:
        return None
    from almrr_core.data.line_pictures import LinePictures

    size = (source.height or SIMULATED_SIZE[0], source.width or SIMULATED_SIZE[1])
    simulated = source.simulated
    return LinePictures(simulated.surface, size, simulated.defect_rate, simulated.kinds, simulated.seed)


def default_data_folder() -> Path:
    """Return where a station keeps its data when nothing else is said."""
    from platformdirs import user_data_path

    return user_data_path("almrr-line-inspector", appauthor=False) / "station"
