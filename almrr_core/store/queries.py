"""What can be asked of the log. Counts are exact; every answer is at worst one walk along one index."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal, or_, select, tuple_

from almrr_core.store.recording import storable
from almrr_core.store.tables import AnyRow, inspection, part, recipe
from almrr_core.types import Counts, Label, LogFilter, LogOrder, LogRow, ScoredPart, Verdict

_AT_ONCE = 500  # ids in one query
_STRIDE = 61  # no divisor of 100 in it: the sampled ids lie apart and stay the same
_i = inspection.c

COLUMNS = (
    *(_i.id, part.c.part_id, _i.decided_at, part.c.product, _i.source_id, _i.verdict, _i.score),
    *(
        _i.review_limit,
        _i.fail_limit,
        _i.model_id,
        recipe.c.version,
        _i.latency_ms,
        part.c.lot,
        part.c.serial,
    ),
    *(_i.name, _i.reason, _i.truth, _i.label, _i.defect_class, _i.picture),
)
ROWS = inspection.join(part, _i.part == part.c.id).join(recipe, _i.recipe == recipe.c.id)


def conditions(wanted: LogFilter) -> list[ColumnElement[bool]]:
    """Return what must hold; `since` is within, `until` not."""
    holds: list[ColumnElement[bool]] = []
    if wanted.since is not None:
        holds.append(_i.decided_at >= wanted.since)
    if wanted.until is not None:
        holds.append(_i.decided_at < wanted.until)
    if wanted.verdicts:
        holds.append(_i.verdict.in_([verdict.value for verdict in wanted.verdicts]))
    if wanted.product:
        holds.append(_i.recipe.in_(select(recipe.c.id).where(recipe.c.product == wanted.product)))
    if wanted.source_id:
        holds.append(_i.source_id == storable(wanted.source_id))
    if wanted.least_score is not None:
        holds.append(_i.score >= wanted.least_score)
    if wanted.most_score is not None:
        holds.append(_i.score <= wanted.most_score)
    if wanted.labels:
        holds.append(_i.label.in_([label.value for label in wanted.labels]))
    if wanted.unlabelled:
        holds.append(_i.label.is_(None))
    if wanted.disagrees:
        holds.append(_disagrees())
    if wanted.pass_percent < 100:
        holds.append(or_(_i.verdict != Verdict.PASS.value, _i.id * _STRIDE % 100 < wanted.pass_percent))
    if wanted.text:
        holds.append(_i.search.contains(storable(wanted.text).casefold(), autoescape=True))
    return holds


def _disagrees() -> ColumnElement[bool]:
    rejected = _i.verdict.in_([Verdict.FAIL.value, Verdict.REVIEW.value])
    return or_(
        and_(_i.label == Label.GOOD.value, rejected),
        and_(_i.label == Label.BAD.value, _i.verdict == Verdict.PASS.value),
    )


def page(
    connection: Connection, wanted: LogFilter, order: LogOrder, after: LogRow | None, limit: int
) -> tuple[LogRow, ...]:
    """Return the rows that follow `after` (None: the first ones), at most `limit`.

    Rows of one time or score come in the order they were recorded, for NEWEST and WORST the other way round;
    WORST ends with what has no score.
    """
    return _rows(connection, _ids(connection, conditions(wanted), order, after, limit))


def _ids(
    connection: Connection,
    holds: list[ColumnElement[bool]],
    order: LogOrder,
    after: LogRow | None,
    limit: int,
) -> list[int]:
    if order is LogOrder.WORST:
        return _worst_ids(connection, holds, after, limit)
    newest = order is LogOrder.NEWEST
    if after is not None:
        key = tuple_(_i.decided_at, _i.id)
        last = tuple_(literal(after.at, _i.decided_at.type), after.inspection_id)
        holds = [*holds, key < last if newest else key > last]
    query = select(_i.id).where(*holds).limit(limit)
    if newest:
        return list(connection.scalars(query.order_by(_i.decided_at.desc(), _i.id.desc())))
    return list(connection.scalars(query.order_by(_i.decided_at, _i.id)))


def _worst_ids(
    connection: Connection, holds: list[ColumnElement[bool]], after: LogRow | None, limit: int
) -> list[int]:
    """Two walks, since a comparison with NULL holds for nothing: what has a score, then what has none."""
    scored: list[int] = []
    without: list[ColumnElement[bool]] = [_i.score.is_(None)]
    if after is None or not math.isnan(after.score):
        started = (
            [] if after is None else [tuple_(_i.score, _i.id) < tuple_(after.score, after.inspection_id)]
        )
        query = select(_i.id).where(_i.score.is_not(None), *started, *holds)
        scored = list(connection.scalars(query.order_by(_i.score.desc(), _i.id.desc()).limit(limit)))
    else:
        without.append(_i.id < after.inspection_id)
    if len(scored) == limit:
        return scored
    query = select(_i.id).where(*without, *holds).order_by(_i.id.desc()).limit(limit - len(scored))
    return [*scored, *connection.scalars(query)]


def _rows(connection: Connection, ids: Sequence[int]) -> tuple[LogRow, ...]:
    """Return the rows in the order of their ids."""
    found: dict[int, LogRow] = {}
    for start in range(0, len(ids), _AT_ONCE):
        query = select(*COLUMNS).select_from(ROWS).where(_i.id.in_(ids[start : start + _AT_ONCE]))
        found.update((row.id, log_row(row)) for row in connection.execute(query))
    return tuple(found[one] for one in ids)


def log_row(row: AnyRow) -> LogRow:
    """Return a row that holds COLUMNS as the table shows it."""
    return LogRow(
        inspection_id=row.id,
        part_id=row.part_id,
        at=row.decided_at,
        product=row.product,
        source_id=row.source_id,
        verdict=Verdict(row.verdict),
        score=math.nan if row.score is None else row.score,
        review_limit=row.review_limit,
        fail_limit=row.fail_limit,
        model_id=row.model_id,
        recipe_version=row.version,
        latency_ms=row.latency_ms,
        lot=row.lot,
        serial=row.serial,
        name=row.name,
        reason=row.reason,
        truth=row.truth,
        label=None if row.label is None else Label(row.label),
        defect_class=row.defect_class,
        has_picture=row.picture is not None,
    )


def count(connection: Connection, wanted: LogFilter) -> int:
    """Return how many inspections there are."""
    return connection.scalar(select(func.count()).select_from(inspection).where(*conditions(wanted))) or 0


def tally(connection: Connection, wanted: LogFilter) -> Counts:
    """Return how many inspections had which verdict; four counts, as a GROUP BY would sort."""
    counts = [func.count().filter(_i.verdict == verdict.value) for verdict in Verdict]
    return Counts(*connection.execute(_narrow(counts, wanted)).one())


def _narrow(columns: Sequence[ColumnElement[Any]], wanted: LogFilter) -> Select[Any]:
    return select(*columns).select_from(inspection).where(*conditions(wanted))


def recent_scores(connection: Connection, product: str, limit: int) -> tuple[ScoredPart, ...]:
    """Return the last inspections of a product that have a score, newest first.

    Only those by the model and geometry in force: another model's scores, or another region's, do not compare.
    """
    mine, one = recipe.c.product == product, recipe.alias()
    newest = select(one.c.model_id, one.c.geometry).where(one.c.product == product)
    newest = newest.order_by(one.c.version.desc()).limit(1)
    comparable = select(recipe.c.id).where(mine, tuple_(recipe.c.model_id, recipe.c.geometry).in_(newest))
    query = select(_i.score, _i.verdict, _i.label).where(_i.recipe.in_(comparable))
    query = query.where(_i.score.is_not(None)).order_by(_i.decided_at.desc(), _i.id.desc()).limit(limit)
    return tuple(
        ScoredPart(score, Verdict(verdict), None if label is None else Label(label))
        for score, verdict, label in connection.execute(query)
    )
