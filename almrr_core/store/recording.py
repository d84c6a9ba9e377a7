"""From a record to its rows: part, inspection, regions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, insert, select

from almrr_core.errors import ErrorCode, StationError
from almrr_core.store.pictures import Kept
from almrr_core.store.tables import inspection, part, recipe, region
from almrr_core.types import Recipe, Record, Region

MOST_REGIONS = 200  # of one view, the worst ones; the map beside the picture holds all
_LONGEST_SEARCHED = 300

Values = dict[str, Any]  # the parameters of one row


def storable(text: str) -> str:
    """Return text that every database takes: names of files may hold bytes that are no text, or a NUL."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\0")


def insert_record(connection: Connection, record: Record, kept: Kept) -> int:
    """Add one inspected view and return the inspection's id.

    The part is made with its first view. Raises BAD_ARGUMENT for a view that is already there, or a recipe
    that was never added.
    """
    number = part_number(connection, record.request.part_id)
    if number is None:
        number = _inserted(connection, part, part_values(record))
    elif _has_view(connection, number, record.view):
        what = f"Part {record.request.part_id} is already in the log"
        raise StationError(ErrorCode.BAD_ARGUMENT, f"{what}.", "Give every part an id of its own.")
    values = inspection_values(record, number, recipe_number(connection, record.recipe), kept)
    added = _inserted(connection, inspection, values)
    if record.regions:
        connection.execute(insert(region), region_values(record.regions, added))
    return added


def insert_all(connection: Connection, records: Iterable[Record]) -> int:
    """Add parts of one view that are all new, without pictures, in few statements; return how many.

    The rows are those of `insert_record`. Raises BAD_ARGUMENT for a recipe that was never added.
    """
    part_numbers, numbers = _free(connection, part.c.id), _free(connection, inspection.c.id)
    rows: dict[Table, list[Values]] = {part: [], inspection: [], region: []}
    recipes: dict[tuple[str, int], int] = {}
    for record, of_part, number in zip(records, part_numbers, numbers, strict=False):
        key = (record.recipe.product, record.recipe.version)
        if key not in recipes:
            recipes[key] = recipe_number(connection, record.recipe)
        rows[part].append({"id": of_part, **part_values(record)})
        values = inspection_values(record, of_part, recipes[key], Kept("", 0))
        rows[inspection].append({"id": number, **values})
        rows[region] += region_values(record.regions, number)
    for table, values_of in rows.items():
        if values_of:
            connection.execute(insert(table), values_of)
    return len(rows[part])


def _free(connection: Connection, number: ColumnElement[int]) -> Iterator[int]:
    return itertools.count((connection.scalar(select(func.max(number))) or 0) + 1)


def part_number(connection: Connection, part_id: str) -> int | None:
    """Return the row id of a part, None where it is not in the log."""
    found: int | None = connection.scalar(select(part.c.id).where(part.c.part_id == storable(part_id)))
    return found


def recipe_number(connection: Connection, wanted: Recipe) -> int:
    """Return the row id of a recipe; raises BAD_ARGUMENT where it was never added."""
    where = (recipe.c.product == wanted.product, recipe.c.version == wanted.version)
    found: int | None = connection.scalar(select(recipe.c.id).where(*where))
    if found is None:
        sentence = f"Recipe v{wanted.version} of {wanted.product} is not in the log."
        raise StationError(ErrorCode.BAD_ARGUMENT, sentence, "Apply the recipe before the line uses it.")
    return found


def _has_view(connection: Connection, number: int, view: str) -> bool:
    where = (inspection.c.part == number, inspection.c.view == storable(view))
    return connection.scalar(select(inspection.c.id).where(*where)) is not None


def _inserted(connection: Connection, table: Table, values: Values) -> int:
    key = connection.execute(insert(table), values).inserted_primary_key
    assert key is not None
    return int(key[0])


def part_values(record: Record) -> Values:
    """Return the row of the part."""
    request = record.request
    return {
        "part_id": storable(request.part_id),
        "product": record.recipe.product,
        "station_id": record.station_id,
        "line_id": record.line_id,
        "lot": storable(request.lot),
        "serial": storable(request.serial),
        "trigger_at": request.trigger_at,
    }


def inspection_values(record: Record, part_number: int, recipe_number: int, kept: Kept) -> Values:
    """Return the row of the inspection."""
    frame = record.frame
    return {
        "part": part_number,
        "view": storable(record.view),
        "source_id": storable(frame.source_id),
        "recipe": recipe_number,
        "model_id": record.recipe.model_id,
        "model_hash": record.model_hash,
        "verdict": record.verdict.value,
        "score": None if math.isnan(record.score) else float(record.score),
        "review_limit": record.recipe.limits.review,
        "fail_limit": record.recipe.limits.fail,
        "grabbed_at": frame.grabbed_at,
        "decided_at": record.decided_at,
        "output_at": record.output_at,
        "inspect_ms": record.inspect_ms,
        "latency_ms": record.latency_ms,
        "name": storable(frame.name),
        "reason": storable(record.reason),
        "truth": frame.truth,
        "label": None,
        "defect_class": "",
        "picture": kept.picture or None,
        "picture_bytes": kept.size,
        "search": _searched(record),
    }


def _searched(record: Record) -> str:
    request = record.request
    texts = (request.part_id, request.lot, request.serial, PurePath(record.frame.name).name, record.reason)
    return storable("\n".join(text for text in texts if text)).casefold()[:_LONGEST_SEARCHED]


def region_values(regions: Sequence[Region], inspection_id: int) -> list[Values]:
    """Return the rows of the worst regions."""
    return [
        {
            "inspection": inspection_id,
            "number": number,
            "x": one.box.x,
            "y": one.box.y,
            "width": one.box.width,
            "height": one.box.height,
            "area": one.area,
            "maximum": one.maximum,
            "mean": one.mean,
        }
        for number, one in enumerate(regions[:MOST_REGIONS])
    ]
