"""Making a model the active one, going back to an older one, deleting one. Nothing is promoted by itself."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from almrr_core.errors import ErrorCode, StationError
from almrr_core.lifecycle.figures import GateReport, Light
from almrr_core.lifecycle.gate import known_model, limits_of
from almrr_core.lifecycle.places import bundle_of
from almrr_core.runtime.engine import Engine
from almrr_core.store.store import Store
from almrr_core.types import (
    Action,
    Actor,
    ModelId,
    ModelRow,
    OnLateOutput,
    Recipe,
    TriggerKind,
    TriggerSettings,
)


@dataclass(frozen=True, slots=True, eq=False)
class Promoted:
    """The new active recipe with its engine, loaded and warm: what `Line.swap` takes between two parts."""

    recipe: Recipe
    engine: Engine


def promote(
    store: Store,
    model_id: ModelId,
    actor: Actor,
    note: str,
    report: GateReport | None = None,
    confirm_red: bool = False,
    device: str = "auto",
    engine: Engine | None = None,
) -> Promoted:
    """Make a model the active one of its product by a new recipe version; promoting an older one rolls back.

    First it is loaded, checked against its golden scores and warmed up (`engine`: one that is loaded, as
    `Gate.candidate`); if that fails nothing has changed. The geometry and everything else of the recipe stay,
    the limits are the model's own (`gate.limits_of`). Raises PROMOTION_REFUSED without a note, and without
    `confirm_red` for a red light or a model that neither was compared nor has ever been active; a confirmation
    is in the recipe's reason. Raises what `Engine.load`, `fitted` and the store raise.
    """
    row = known_model(store, model_id)
    active = store.active_recipe(row.product)
    reason = _reason(store, row, active, note, report, confirm_red)
    engine = engine or Engine.load(bundle_of(store.folder, row), device)
    engine = engine.fitted(active.geometry) if active else engine
    depth, other = engine.card.bit_depth or 16, (active.bit_depth if active else None) or 16
    if active is not None and depth != other:  # a line reads files in one way
        sentence = (
            f"{model_id} takes 16-bit files as {depth}-bit pictures, {row.product} as {other}-bit ones."
        )
        raise _refused(sentence, "Add the model as a product of its own.")
    _warm_up(engine)
    wanted = _first_recipe(row, engine) if active is None else replace(active, model_id=model_id)
    limits = limits_of(store, row, engine.limits)
    wanted = replace(wanted, limits=limits, created_at=datetime.now(UTC), reason=reason)
    return Promoted(store.add_recipe(wanted, actor, Action.MODEL_PROMOTED), engine)


def _reason(
    store: Store,
    row: ModelRow,
    active: Recipe | None,
    note: str,
    report: GateReport | None,
    confirmed: bool,
) -> str:
    """Return what the recipe gives as its reason; raises PROMOTION_REFUSED."""
    if not note.strip():
        raise _refused(f"{row.model_id} was not promoted: there is no note.", "Say in a few words why.")
    if report is not None and (report.candidate, report.active) != (
        row.model_id,
        active.model_id if active else None,
    ):
        raise _refused(
            f"{row.model_id} was not promoted: the comparison given is of other models.",
            "Compare it with the active model first.",
        )
    used_before = any(one.model_id == row.model_id for one in store.recipes(row.product))
    if report is None and (active is None or used_before):
        return note.strip()
    if report is not None and report.light is not Light.RED:
        return f"{note.strip()} [{report.light}]"
    why = report.reasons[0].sentence if report else "It was not compared with the active model."
    if not confirmed:
        raise _refused(f"{row.model_id} was not promoted: {why}", "Promote it all the same by confirming it.")
    return f"{note.strip()} [confirmed although {'red' if report else 'not compared'}: {why}]"


def _refused(sentence: str, remedy: str) -> StationError:
    return StationError(ErrorCode.PROMOTION_REFUSED, sentence, remedy)


def _warm_up(engine: Engine) -> None:
    """Run the model once, so that the line's first part does not wait for compilers and memory."""
    side = engine.card.geometry.input_size
    engine.maps(np.zeros((1, side, side, 3), np.uint8))


def _first_recipe(row: ModelRow, engine: Engine) -> Recipe:
    return Recipe(
        version=1,
        product=row.product,
        model_id=row.model_id,
        limits=engine.limits,
        geometry=engine.card.geometry,
        trigger=TriggerSettings(TriggerKind.ARRIVAL),
        on_late_output=OnLateOutput.NOTICE,
        bit_depth=engine.card.bit_depth,
        exposure=None,
        gain=None,
        created_at=datetime.now(UTC),
        actor="",
        reason="",
    )


def delete(store: Store, model_id: ModelId, actor: Actor) -> None:
    """Mark a model's row deleted, then delete its folder; raises BAD_ARGUMENT for the active one."""
    row = known_model(store, model_id)
    store.delete_model(model_id, actor)
    shutil.rmtree(bundle_of(store.folder, row), ignore_errors=True)  # what is left `upkeep.tidy` removes
