"""Deleting old pictures, never rows: what may go, what must stay, and a word of it in the row."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, exists, func, select, update

from almrr_core.settings import Retention
from almrr_core.store.database import Database
from almrr_core.store.pictures import Pictures
from almrr_core.store.queries import ROWS
from almrr_core.store.registry import add_event
from almrr_core.store.tables import AnyRow, inspection, part, sample
from almrr_core.types import Action, Actor, Verdict

RETENTION = Actor("retention")
_GB = 10**9
_AT_ONCE = 200  # pictures per transaction: the recorder waits for one at most
_i = inspection.c


@dataclass(frozen=True, slots=True)
class Rule:
    """How long pictures of some verdicts stay and how many bytes they may take; None: without end."""

    verdicts: tuple[Verdict, ...]
    days: float | None
    quota: float | None


def rules_of(retention: Retention) -> tuple[Rule, ...]:
    """Return one rule per kind of verdict; what was not inspected goes with REVIEW."""
    reviewed = (Verdict.REVIEW, Verdict.NOT_INSPECTED)
    return (
        Rule((Verdict.PASS,), retention.pass_days, _bytes(retention.pass_quota_gb)),
        Rule(reviewed, retention.review_days, _bytes(retention.review_quota_gb)),
        Rule((Verdict.FAIL,), retention.fail_days, _bytes(retention.fail_quota_gb)),
    )


def _bytes(gigabytes: float | None) -> float | None:
    return None if gigabytes is None else gigabytes * _GB


def enforce(database: Database, pictures: Pictures, retention: Retention, now: datetime) -> int:
    """Delete what is too old, then the oldest of what takes too much room; return how many pictures went.

    What is labelled, a sample, or waits for review (REVIEW or FAIL without a label) stays, and counts in the
    room taken. One event says how many went.
    """
    gone = sum(_enforce_rule(database, pictures, rule, now) for rule in rules_of(retention))
    if gone:
        with database.write() as connection:
            add_event(connection, RETENTION, Action.PICTURES_DELETED, "pictures", after=f"{gone} deleted")
    return gone


def _enforce_rule(database: Database, pictures: Pictures, rule: Rule, now: datetime) -> int:
    gone = 0
    if rule.days is not None:
        old, why = [_i.decided_at < now - timedelta(days=rule.days)], f"older than {rule.days:g} days"
        gone += _delete(database, pictures, _Wish(rule, old, why, now), math.inf)
    if rule.quota is not None:
        with database.read() as connection:
            taken = connection.scalar(select(func.sum(_i.picture_bytes)).where(*_kept(rule))) or 0
        why = f"{rule.verdicts[0].value} pictures took more than {rule.quota / _GB:g} GB"
        gone += _delete(database, pictures, _Wish(rule, [], why, now), taken - rule.quota)
    return gone


@dataclass(frozen=True, slots=True)
class _Wish:
    rule: Rule
    holds: list[ColumnElement[bool]]
    why: str
    now: datetime


def _delete(database: Database, pictures: Pictures, wish: _Wish, size: float) -> int:
    """Delete the oldest pictures that may go until `size` bytes are free, a few per transaction."""
    gone = 0
    while size > 0:
        with database.write() as connection:
            rows = _oldest(connection, wish, size)
            doomed = [(row.part_id, row.view, row.picture) for row in rows]
            pictures.announce(doomed)
            said = {"picture_deleted_at": wish.now, "picture_deleted_why": wish.why}
            taken_out = update(inspection).where(_i.id.in_([row.id for row in rows]))
            connection.execute(taken_out.values(picture=None, picture_bytes=0, **said))
        if not rows:
            break
        pictures.delete(doomed)
        gone, size = gone + len(rows), size - sum(row.picture_bytes for row in rows)
    return gone


def _oldest(connection: Connection, wish: _Wish, size: float) -> list[AnyRow]:
    """Return the oldest pictures that may go, no more than make up `size` bytes."""
    query = select(_i.id, part.c.part_id, _i.view, _i.picture, _i.picture_bytes).select_from(ROWS)
    query = query.where(*_kept(wish.rule), *_may_go(), *wish.holds).order_by(_i.decided_at).limit(_AT_ONCE)
    rows = list(connection.execute(query))
    before = itertools.accumulate((row.picture_bytes for row in rows), initial=0)
    return [row for row, freed in zip(rows, before, strict=False) if freed < size]


def _kept(rule: Rule) -> list[ColumnElement[bool]]:
    return [_i.picture.is_not(None), _i.verdict.in_([verdict.value for verdict in rule.verdicts])]


def _may_go() -> list[ColumnElement[bool]]:
    is_sample = exists().where(sample.c.inspection == _i.id, sample.c.removed_at.is_(None))
    waits = _i.verdict.in_([Verdict.REVIEW.value, Verdict.FAIL.value])  # for review: they have no label
    return [_i.label.is_(None), ~waits, ~is_sample]
