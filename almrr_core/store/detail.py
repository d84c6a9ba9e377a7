"""One inspection whole: its rows, its picture and its map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, select

from almrr_core.errors import ErrorCode, StationError
from almrr_core.store.opinions import labels
from almrr_core.store.pictures import Pictures
from almrr_core.store.queries import ROWS, log_row
from almrr_core.store.registry import recipe_of
from almrr_core.store.tables import inspection, part, recipe, region
from almrr_core.types import Box, Limits, LogDetail, Region

_OF_PART = (part.c.part_id, part.c.product, part.c.lot, part.c.serial, part.c.trigger_at)
_OF_STATION = (part.c.station_id, part.c.line_id, recipe.c.version)
NEVER_KEPT = "The picture was not kept."


def detail(connection: Connection, pictures: Pictures, folder: Path, inspection_id: int) -> LogDetail:
    """Return everything of one inspection; raises BAD_ARGUMENT for an id that is not in the log."""
    query = (
        select(inspection, *_OF_PART, *_OF_STATION).select_from(ROWS).where(inspection.c.id == inspection_id)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise StationError(ErrorCode.BAD_ARGUMENT, f"There is no inspection {inspection_id} in the log.")
    used = recipe_of(connection.execute(select(recipe).where(recipe.c.id == row.recipe)).one())
    picture, score_map, note = (None, None, _note(row)) if row.picture is None else pictures.load(row.picture)
    return LogDetail(
        row=log_row(row),
        limits=Limits(row.review_limit, row.fail_limit, used.limits.pixel, used.limits.min_area),
        geometry=used.geometry,
        regions=_regions(connection, inspection_id),
        picture=picture,
        score_map=score_map,
        picture_path=None if row.picture is None else folder / row.picture,
        picture_note=note,
        model_hash=row.model_hash,
        station_id=row.station_id,
        line_id=row.line_id,
        view=row.view,
        trigger_at=row.trigger_at,
        grabbed_at=row.grabbed_at,
        output_at=row.output_at,
        inspect_ms=row.inspect_ms,
        labels=labels(connection, inspection_id),
    )


def picture_of(connection: Connection, inspection_id: int) -> str | None:
    """Return where an inspection's picture lies below the data folder, None where there is none."""
    query = select(inspection.c.picture).where(inspection.c.id == inspection_id)
    found: str | None = connection.scalar(query)
    return found


def kept_picture(connection: Connection, inspection_id: int) -> str:
    """Return the same; raises BAD_ARGUMENT where there is none."""
    found = picture_of(connection, inspection_id)
    if found is None:
        raise StationError(ErrorCode.BAD_ARGUMENT, f"Inspection {inspection_id} has no picture.")
    return found


def _note(row: Row[Any]) -> str:
    if row.picture_deleted_at is None:
        return NEVER_KEPT
    when = f"{row.picture_deleted_at:%Y-%m-%d %H:%M} UTC"
    return f"The picture was deleted by retention on {when}: {row.picture_deleted_why}."


def _regions(connection: Connection, inspection_id: int) -> tuple[Region, ...]:
    query = select(region).where(region.c.inspection == inspection_id).order_by(region.c.number)
    return tuple(
        Region(Box(row.x, row.y, row.width, row.height), row.area, row.maximum, row.mean)
        for row in connection.execute(query)
    )
