"""What people say of pictures: labels, and the samples of the pools. Each call is given its transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, and_, insert, or_, select, update

from almrr_core.errors import ErrorCode, StationError
from almrr_core.store.registry import add_event
from almrr_core.store.tables import inspection, label, sample
from almrr_core.types import Action, Actor, Label, LabelRow, NewSample, Pool, SampleRow


def add_label(
    connection: Connection, inspection_id: int, given: Label, actor: Actor, defect_class: str, note: str
) -> None:
    """Add a label; the last one is also in the inspection's row. Raises BAD_ARGUMENT for an unknown id."""
    query = select(inspection.c.label, inspection.c.defect_class).where(inspection.c.id == inspection_id)
    before = connection.execute(query).one_or_none()
    if before is None:
        raise StationError(ErrorCode.BAD_ARGUMENT, f"There is no inspection {inspection_id} in the log.")
    subject = f"inspection {inspection_id}"
    texts = (_said(before.label, before.defect_class), _said(given.value, defect_class), note)
    add_event(connection, actor, Action.LABELLED, subject, *texts)
    _append(connection, inspection_id, LabelRow(datetime.now(UTC), actor.name, given, defect_class, note))
    _show_last(connection, inspection_id, given.value, defect_class)


def _append(connection: Connection, inspection_id: int, row: LabelRow) -> None:
    said = {"label": row.label.value, "defect_class": row.defect_class, "note": row.note}
    given = {"inspection": inspection_id, "at": row.at, "actor": row.actor, "withdrawn": int(row.withdrawn)}
    connection.execute(insert(label), said | given)


def _show_last(connection: Connection, inspection_id: int, given: str | None, defect_class: str) -> None:
    last = {"label": given, "defect_class": defect_class}
    connection.execute(update(inspection).where(inspection.c.id == inspection_id).values(last))


def standing(rows: Sequence[LabelRow]) -> tuple[LabelRow, ...]:
    """Return the labels that were not taken back, oldest first; the last one counts."""
    left = list[LabelRow]()
    for row in rows:
        if not row.withdrawn:
            left.append(row)
        elif left:
            left.pop()
    return tuple(left)


def withdraw_label(connection: Connection, inspection_id: int, actor: Actor) -> LabelRow | None:
    """Take back the label that counts, by a new row; return the one that counts now, None for none.

    Raises BAD_ARGUMENT where there is nothing to take back.
    """
    left = standing(labels(connection, inspection_id))
    if not left:
        raise StationError(ErrorCode.BAD_ARGUMENT, f"Inspection {inspection_id} has no label to take back.")
    last, before = left[-1], left[-2] if len(left) > 1 else None
    now_said = (before.label.value, before.defect_class) if before else (None, "")
    texts = (_said(last.label.value, last.defect_class), _said(*now_said), "withdrawn")
    add_event(connection, actor, Action.LABELLED, f"inspection {inspection_id}", *texts)
    taken = LabelRow(datetime.now(UTC), actor.name, last.label, last.defect_class, "", True)
    _append(connection, inspection_id, taken)
    _show_last(connection, inspection_id, *now_said)
    return before


def _said(given: str | None, defect_class: str) -> str:
    return " ".join(text for text in (given, defect_class) if text)


def labels(connection: Connection, inspection_id: int) -> tuple[LabelRow, ...]:
    """Return all labels of an inspection, oldest first."""
    query = select(label).where(label.c.inspection == inspection_id).order_by(label.c.id)
    return tuple(
        LabelRow(row.at, row.actor, Label(row.label), row.defect_class, row.note, bool(row.withdrawn))
        for row in connection.execute(query)
    )


def samples_after_label(
    connection: Connection, inspection_id: int, given: Label | None, new: NewSample | None, actor: Actor
) -> None:
    """Let the pools follow a label: samples that say otherwise go, `new` comes unless its content is there.

    Without a label, as after the only one was taken back, every sample says otherwise.

    What says otherwise: another label on a sample of this inspection, or on one with the content of `new`.
    """
    same = sample.c.inspection == inspection_id
    if new is not None:
        same = or_(same, and_(sample.c.product == new.product, sample.c.sha256 == new.sha256))
    query = select(sample).where(same, sample.c.removed_at.is_(None))
    found = [_sample_of(row) for row in connection.execute(query)]
    why = f"labelled {given.value}" if given else "label withdrawn"
    for one in found:
        if one.label is not given:
            remove_sample(connection, one.sample_id, actor, why)
    there = {one.sha256 for one in found if one.label is given}
    if new is not None and new.sha256 not in there:
        add_sample(connection, new, actor)


def add_sample(connection: Connection, new: NewSample, actor: Actor) -> SampleRow:
    """Add a picture to a pool; raises BAD_ARGUMENT where the same content is in a pool of the product.

    A defect goes to the acceptance pool only, else BAD_ARGUMENT.
    """
    if new.label is not Label.GOOD and new.pool is not Pool.ACCEPTANCE:
        raise StationError(ErrorCode.BAD_ARGUMENT, f"A defect cannot go to the pool {new.pool.value}.")
    taken = find_sample(connection, new.product, new.sha256)
    if taken is not None:
        where = f"in the pool {taken.pool.value}"
        sentence = f"The picture {new.path} is already a sample of {new.product}, {where}."
        raise StationError(ErrorCode.BAD_ARGUMENT, sentence)
    subject = f"{new.product}, {new.pool.value}"
    add_event(connection, actor, Action.SAMPLE_ADDED, subject, after=new.sha256)
    values = {"product": new.product, "pool": new.pool.value, "sha256": new.sha256}
    values |= {"path": new.path.as_posix(), "label": new.label.value}
    added = {"inspection": new.inspection_id, "added_at": datetime.now(UTC), "added_by": actor.name}
    key = connection.execute(insert(sample), values | added).inserted_primary_key
    assert key is not None
    return _sample(connection, key[0])


def remove_sample(connection: Connection, sample_id: int, actor: Actor, reason: str) -> None:
    """Take a sample out of its pool; its row stays. Raises BAD_ARGUMENT for an id that is not there."""
    before = _sample(connection, sample_id)
    subject = f"{before.product}, {before.pool.value}"
    add_event(connection, actor, Action.SAMPLE_REMOVED, subject, before=before.sha256, reason=reason)
    removed = {"removed_at": datetime.now(UTC), "removed_by": actor.name, "removed_why": reason}
    where = (sample.c.id == sample_id, sample.c.removed_at.is_(None))
    connection.execute(update(sample).where(*where).values(removed))


def samples(connection: Connection, product: str, pool: Pool | None, removed: bool) -> tuple[SampleRow, ...]:
    """Return what is in a product's pools, or in one of them, oldest first; with `removed` also what was."""
    query = select(sample).where(sample.c.product == product).order_by(sample.c.id)
    query = query if removed else query.where(sample.c.removed_at.is_(None))
    query = query if pool is None else query.where(sample.c.pool == pool.value)
    return tuple(_sample_of(row) for row in connection.execute(query))


def find_sample(connection: Connection, product: str, sha256: str) -> SampleRow | None:
    """Return the sample of that content in a product's pools, None where there is none."""
    where = (sample.c.product == product, sample.c.sha256 == sha256, sample.c.removed_at.is_(None))
    row = connection.execute(select(sample).where(*where)).one_or_none()
    return None if row is None else _sample_of(row)


def _sample(connection: Connection, sample_id: int) -> SampleRow:
    row = connection.execute(select(sample).where(sample.c.id == sample_id)).one_or_none()
    if row is None:
        raise StationError(ErrorCode.BAD_ARGUMENT, f"There is no sample {sample_id}.")
    return _sample_of(row)


def _sample_of(row: Row[Any]) -> SampleRow:
    return SampleRow(
        row.id,
        row.product,
        Pool(row.pool),
        row.sha256,
        Path(row.path),
        row.added_at,
        row.added_by,
        row.inspection,
        row.removed_at,
        row.removed_why or "",
        Label(row.label),
    )
