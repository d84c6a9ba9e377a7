"""What the station knows beside parts: events, products, models, recipes. Each call is given a transaction."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update

from almrr_core.errors import ErrorCode, StationError
from almrr_core.store.tables import defect_class, event, model, product, recipe
from almrr_core.types import (
    Action,
    Actor,
    Box,
    DefectClass,
    EventRow,
    Geometry,
    Limits,
    ModelId,
    ModelRow,
    OnLateOutput,
    Recipe,
    TriggerKind,
    TriggerSettings,
    allow,
)


def add_event(
    connection: Connection,
    actor: Actor,
    action: Action,
    subject: str,
    before: str = "",
    after: str = "",
    reason: str = "",
) -> None:
    """Add a line to the events; raises NOT_ALLOWED, so that whoever changes something asks here first."""
    if not allow(actor, action):
        sentence = f"{actor.name or 'Somebody without a name'} may not do this: {action.value}."
        raise StationError(ErrorCode.NOT_ALLOWED, sentence, "Ask somebody who may.")
    values = {"at": datetime.now(UTC), "actor": actor.name, "action": action.value, "subject": subject}
    connection.execute(insert(event), values | {"before": before, "after": after, "reason": reason})


def events(connection: Connection, limit: int, action: Action | None = None) -> tuple[EventRow, ...]:
    """Return the last events, newest first; with `action` only those."""
    query = select(event).order_by(event.c.id.desc()).limit(limit)
    if action is not None:
        query = query.where(event.c.action == action.value)
    names = ("at", "actor", "action", "subject", "before", "after", "reason")
    return tuple(EventRow(*(getattr(row, name) for name in names)) for row in connection.execute(query))


def products(connection: Connection) -> tuple[str, ...]:
    """Return all products by name."""
    return tuple(connection.scalars(select(product.c.name).order_by(product.c.name)))


def add_product(connection: Connection, name: str, actor: Actor) -> None:
    """Add a product; one that is there stays. Raises BAD_ARGUMENT for a name that is empty or not printable."""
    if not name.strip() or not name.isprintable():
        raise StationError(ErrorCode.BAD_ARGUMENT, f"{name!r} is no name for a product.", "Give it a name.")
    if connection.scalar(select(product.c.name).where(product.c.name == name)) is None:
        add_event(connection, actor, Action.SETTINGS_CHANGED, f"product {name}", after="added")
        values = {"name": name, "created_at": datetime.now(UTC), "actor": actor.name}
        connection.execute(insert(product), values)


def next_model_id(connection: Connection) -> ModelId:
    """Return M-0001 and so on; a deleted model's id is not given again."""
    numbers = [int(one[2:]) for one in connection.scalars(select(model.c.model_id)) if one[2:].isdecimal()]
    return ModelId(f"M-{max(numbers, default=0) + 1:04d}")


def add_model(connection: Connection, row: ModelRow, actor: Actor, data: Path) -> ModelRow:
    """Add a model, and its product if need be, and return it with its folder as it lies below `data`.

    Raises BAD_ARGUMENT for an id that is taken.
    """
    if row.folder.is_absolute() and row.folder.is_relative_to(data.absolute()):
        row = replace(row, folder=row.folder.relative_to(data.absolute()))
    if find_model(connection, row.model_id) is not None:
        raise StationError(ErrorCode.BAD_ARGUMENT, f"There is already a model {row.model_id}.")
    add_product(connection, row.product, actor)
    add_event(connection, actor, Action.MODEL_ADDED, row.model_id, after=row.seal, reason=row.note)
    values = {
        name: getattr(row, name) for name in ("model_id", "product", "seal", "created_at", "parent", "note")
    }
    connection.execute(insert(model), values | {"folder": row.folder.as_posix(), "actor": row.actor})
    return row


def models(connection: Connection, product_name: str) -> tuple[ModelRow, ...]:
    """Return the models of a product, deleted ones too, oldest first."""
    query = select(model).where(model.c.product == product_name).order_by(model.c.model_id)
    return tuple(_model_of(row) for row in connection.execute(query))


def find_model(connection: Connection, model_id: ModelId) -> ModelRow | None:
    """Return a model, also a deleted one; None where there never was one."""
    row = connection.execute(select(model).where(model.c.model_id == model_id)).one_or_none()
    return None if row is None else _model_of(row)


def delete_model(connection: Connection, model_id: ModelId, actor: Actor) -> None:
    """Mark a model deleted; the caller removes its folder. Raises BAD_ARGUMENT for an active or unknown one."""
    row = find_model(connection, model_id)
    if row is None:
        raise StationError(ErrorCode.BAD_ARGUMENT, f"There is no model {model_id}.")
    newest = select(recipe.c.product, func.max(recipe.c.version)).group_by(recipe.c.product)
    for name, version in connection.execute(newest).all():
        active = find_recipe(connection, name, version)
        if active is not None and active.model_id == model_id:
            sentence = f"Model {model_id} is the active model of {name} and cannot be deleted."
            raise StationError(ErrorCode.BAD_ARGUMENT, sentence, "Promote another model first.")
    add_event(connection, actor, Action.MODEL_DELETED, model_id, before=row.seal)
    where = (model.c.model_id == model_id, model.c.deleted_at.is_(None))
    connection.execute(update(model).where(*where).values(deleted_at=datetime.now(UTC)))


def _model_of(row: Row[Any]) -> ModelRow:
    return ModelRow(
        ModelId(row.model_id),
        row.product,
        Path(row.folder),
        row.seal,
        row.created_at,
        row.actor,
        None if row.parent is None else ModelId(row.parent),
        row.note,
        row.deleted_at is not None,
    )


def find_recipe(connection: Connection, product_name: str, version: int | None = None) -> Recipe | None:
    """Return the recipe of that version, without one the newest; None where there is none."""
    query = _recipes(product_name).limit(1)
    row = connection.execute(query if version is None else query.where(recipe.c.version == version)).first()
    return None if row is None else recipe_of(row)


def recipes(connection: Connection, product_name: str) -> tuple[Recipe, ...]:
    """Return the recipes of a product, newest first."""
    return tuple(recipe_of(row) for row in connection.execute(_recipes(product_name)))


def _recipes(product_name: str) -> Select[Any]:
    return select(recipe).where(recipe.c.product == product_name).order_by(recipe.c.version.desc())


def add_recipe(connection: Connection, wanted: Recipe, actor: Actor, action: Action) -> Recipe:
    """Add a recipe as the next version of its product and return it; raises BAD_ARGUMENT without its model."""
    known = find_model(connection, wanted.model_id)
    if known is None or known.deleted:
        sentence = f"The recipe names model {wanted.model_id}, which is not there."
        raise StationError(ErrorCode.BAD_ARGUMENT, sentence, "Add the model first.")
    add_product(connection, wanted.product, actor)
    before = find_recipe(connection, wanted.product)
    values = _recipe_values(wanted) | {"version": before.version + 1 if before else 1, "actor": actor.name}
    connection.execute(insert(recipe), values)
    added = find_recipe(connection, wanted.product)
    assert added is not None
    subject = f"recipe of {wanted.product}"
    texts = ("" if before is None else _said(before), _said(added), wanted.reason)
    add_event(connection, actor, action, subject, *texts)
    return added


def _said(one: Recipe) -> str:
    """Return what an event says of a recipe; the table holds the rest."""
    limits, roi = one.limits, one.geometry.roi
    values = f"review {limits.review:g}, fail {limits.fail:g}, pixel {limits.pixel:g}, area {limits.min_area}"
    region = f"region {roi.x},{roi.y} {roi.width}×{roi.height}" if roi else "whole picture"
    return f"v{one.version}: model {one.model_id}, {values}, {region}"


def _recipe_values(one: Recipe) -> dict[str, Any]:
    names = ("product", "model_id", "bit_depth", "exposure", "gain", "created_at", "reason")
    return {
        **{name: getattr(one, name) for name in names},
        "review_limit": one.limits.review,
        "fail_limit": one.limits.fail,
        "pixel_limit": one.limits.pixel,
        "min_area": one.limits.min_area,
        "geometry": json.dumps(asdict(one.geometry)),
        "trigger_kind": one.trigger.kind.value,
        "trigger_interval": one.trigger.interval,
        "on_late_output": one.on_late_output.value,
    }


def recipe_of(row: Row[Any]) -> Recipe:
    """Return a row of the recipe table as the recipe."""
    geometry = json.loads(row.geometry)
    roi = geometry.pop("roi")
    return Recipe(
        row.version,
        row.product,
        ModelId(row.model_id),
        Limits(row.review_limit, row.fail_limit, row.pixel_limit, row.min_area),
        Geometry(**geometry, roi=None if roi is None else Box(**roi)),
        TriggerSettings(TriggerKind(row.trigger_kind), row.trigger_interval),
        OnLateOutput(row.on_late_output),
        row.bit_depth,
        row.exposure,
        row.gain,
        row.created_at,
        row.actor,
        row.reason,
    )


def defect_classes(connection: Connection, of: str) -> tuple[DefectClass, ...]:
    """Return a product's defect classes in their order."""
    query = select(defect_class).where(defect_class.c.product == of).order_by(defect_class.c.number)
    return tuple(DefectClass(row.name, row.color, row.key) for row in connection.execute(query))


def set_defect_classes(
    connection: Connection, of: str, wanted: tuple[DefectClass, ...], actor: Actor
) -> None:
    """Put these in place of a product's defect classes; labels keep the names they were given with.

    Raises BAD_ARGUMENT for a name that is empty or there twice, a key that is there twice, or no product.
    """
    names, keys = [one.name.strip() for one in wanted], [one.key for one in wanted if one.key]
    if of not in products(connection):
        raise StationError(ErrorCode.BAD_ARGUMENT, f"There is no product {of}.")
    if not all(names) or len(set(names)) < len(names):
        raise StationError(ErrorCode.BAD_ARGUMENT, "Every defect class needs a name of its own.")
    if len(set(keys)) < len(keys):
        raise StationError(ErrorCode.BAD_ARGUMENT, "Two defect classes have the same key.")
    before = ", ".join(one.name for one in defect_classes(connection, of))
    add_event(connection, actor, Action.CLASSES_CHANGED, of, before, ", ".join(names))
    connection.execute(delete(defect_class).where(defect_class.c.product == of))
    rows = [
        {"product": of, "number": number, "name": name, "color": one.color, "key": one.key}
        for number, (name, one) in enumerate(zip(names, wanted, strict=True))
    ]
    if rows:
        connection.execute(insert(defect_class), rows)
