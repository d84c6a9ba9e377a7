"""Parts that a crash lost: each is named by one event, whoever misses it first."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, func, select

from almrr_core.store.recording import part_number
from almrr_core.store.registry import add_event
from almrr_core.store.tables import event
from almrr_core.types import Action, Actor

_SUBJECT, _BETWEEN = "parts", ", "


def name_missing(
    connection: Connection, actor: Actor, missing: Iterable[str], what: str, line_id: str | None = None
) -> tuple[str, ...]:
    """Log those of the missing parts that no event names yet, and return them; `what` they were doing.

    Only events since the last start count, of `line_id` or of any line: the same part may be lost again later.
    """
    named = _named(connection, line_id)
    new = tuple(part_id for part_id in dict.fromkeys(missing) if part_id not in named)
    if new:
        count = "1 part was" if len(new) == 1 else f"{len(new)} parts were"
        reason = f"{count} {what} when the program ended; not in the log."
        add_event(connection, actor, Action.GAP, _SUBJECT, after=_BETWEEN.join(new), reason=reason)
    return new


def name_left(connection: Connection, actor: Actor, left: Iterable[str], line_id: str) -> tuple[str, ...]:
    """Log those of the parts a line left in flight that neither the log has nor an event names; return them."""
    lost = [part_id for part_id in left if part_number(connection, part_id) is None]
    return name_missing(connection, actor, lost, "in flight", line_id)


def _named(connection: Connection, line_id: str | None) -> set[str]:
    starts = select(func.max(event.c.id)).where(event.c.action == Action.LINE_STARTED)
    if line_id is not None:
        starts = starts.where(event.c.subject == line_id)
    last = connection.scalar(starts) or 0
    where = (event.c.id > last, event.c.action == Action.GAP, event.c.subject == _SUBJECT)
    texts = connection.scalars(select(event.c.after).where(*where))
    return {part_id for text in texts for part_id in text.split(_BETWEEN)}
