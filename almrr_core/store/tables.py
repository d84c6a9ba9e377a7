"""The tables of the log, neutral to the dialect: part → inspection (one per view) → region, and the rest.

Times are ISO 8601 text in UTC with six decimals, `2026-07-23T14:02:03.123456Z`: it sorts as text, a person
reads it in any SQL tool, and SQLite's date functions take it. Durations are milliseconds,
scores raw, sizes bytes.
The migrations make the tables; this is what the program knows of them, and a test holds the two equal.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeAlias

from sqlalchemy import (
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

metadata = MetaData()
AnyRow: TypeAlias = Row[*tuple[Any, ...]]


class UtcText(TypeDecorator[datetime]):
    """A time with its zone, stored as text in UTC; a time without a zone is a bug and raises ValueError."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Return the text of a time."""
        return None if value is None else utc_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """Return the time of a text."""
        return None if value is None else datetime.fromisoformat(value)


def utc_text(at: datetime) -> str:
    """Return `2026-07-23T14:02:03.123456Z`; raises ValueError for a time without a zone."""
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


product = Table(
    "product",
    metadata,
    Column("name", Text, primary_key=True),
    Column("created_at", UtcText, nullable=False),
    Column("actor", Text, nullable=False),
)

defect_class = Table(
    "defect_class",
    metadata,
    Column("product", ForeignKey("product.name"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # in the order they are shown
    *(Column(name, Text, nullable=False) for name in ("name", "color", "key")),
    UniqueConstraint("product", "name", name="uq_defect_class_name"),
)

model = Table(
    "model",
    metadata,
    Column("model_id", Text, primary_key=True),
    Column("product", ForeignKey("product.name"), nullable=False),
    Column("folder", Text, nullable=False),  # below the data folder, with slashes
    Column("seal", Text, nullable=False),
    Column("created_at", UtcText, nullable=False),
    Column("actor", Text, nullable=False),
    Column("parent", ForeignKey("model.model_id")),
    Column("note", Text, nullable=False),
    Column("deleted_at", UtcText),
)

recipe = Table(
    "recipe",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("product", ForeignKey("product.name"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("model_id", ForeignKey("model.model_id"), nullable=False),
    Column("review_limit", Float, nullable=False),
    Column("fail_limit", Float, nullable=False),
    Column("pixel_limit", Float, nullable=False),
    Column("min_area", Integer, nullable=False),
    Column("geometry", Text, nullable=False),  # JSON
    Column("trigger_kind", Text, nullable=False),
    Column("trigger_interval", Float, nullable=False),
    Column("on_late_output", Text, nullable=False),
    Column("bit_depth", Integer),
    Column("exposure", Float),
    Column("gain", Float),
    Column("created_at", UtcText, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    UniqueConstraint("product", "version", name="uq_recipe_version"),
)

part = Table(
    "part",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("part_id", Text, nullable=False),
    Column("product", ForeignKey("product.name"), nullable=False),
    Column("station_id", Text, nullable=False),
    Column("line_id", Text, nullable=False),
    Column("lot", Text, nullable=False),
    Column("serial", Text, nullable=False),
    Column("trigger_at", UtcText, nullable=False),
    UniqueConstraint("part_id", name="uq_part_part_id"),
)

inspection = Table(
    "inspection",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("part", ForeignKey("part.id"), nullable=False),
    Column("view", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("recipe", ForeignKey("recipe.id"), nullable=False),
    Column("model_id", Text, nullable=False),
    Column("model_hash", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("score", Float),  # NULL where NOT_INSPECTED
    Column("review_limit", Float, nullable=False),
    Column("fail_limit", Float, nullable=False),
    Column("grabbed_at", UtcText, nullable=False),
    Column("decided_at", UtcText, nullable=False),
    Column("output_at", UtcText),
    Column("inspect_ms", Float, nullable=False),
    Column("latency_ms", Float, nullable=False),
    Column("name", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("truth", Text),
    Column("label", Text),  # the last of table label, NULL before the first
    Column("defect_class", Text, nullable=False),
    Column("picture", Text),  # below the data folder; the score map lies beside it as .npy
    Column("picture_bytes", Integer, nullable=False),  # of picture and map
    Column("picture_deleted_at", UtcText),
    Column("picture_deleted_why", Text),
    Column("search", Text, nullable=False),  # part id, lot, serial, file name, reason; casefolded
    UniqueConstraint("part", "view", name="uq_inspection_view"),
)

# Every filter and order of the log is one walk along one of these two: they hold all that can be asked for, so
# a page costs at worst reading one index, and a planner has no index of a single filter to choose wrongly.
_ASKED = [inspection.c[name] for name in ("verdict", "recipe", "source_id", "label")]
Index("ix_time", inspection.c.decided_at, inspection.c.id, inspection.c.score, *_ASKED, inspection.c.search)
Index("ix_score", inspection.c.score, inspection.c.id, inspection.c.decided_at, *_ASKED, inspection.c.search)

_KEPT = inspection.c.picture.is_not(None)
Index(
    "ix_picture",  # what retention walks along
    *(inspection.c[name] for name in ("verdict", "decided_at", "id", "label", "picture_bytes")),
    sqlite_where=_KEPT,
    postgresql_where=_KEPT,
)

region = Table(
    "region",
    metadata,
    Column("inspection", ForeignKey("inspection.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # 0 has the highest maximum
    *(Column(name, Integer, nullable=False) for name in ("x", "y", "width", "height", "area")),
    Column("maximum", Float, nullable=False),
    Column("mean", Float, nullable=False),
    sqlite_with_rowid=False,
)

label = Table(
    "label",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("inspection", ForeignKey("inspection.id"), nullable=False, index=True),
    Column("at", UtcText, nullable=False),
    Column("actor", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("defect_class", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("withdrawn", Integer, nullable=False),  # 1: takes back the label it names
)

sample = Table(
    "sample",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("product", ForeignKey("product.name"), nullable=False),
    Column("pool", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("path", Text, nullable=False),
    Column("label", Text, nullable=False),  # good, or bad: a defect, in the acceptance pool only
    Column("inspection", ForeignKey("inspection.id"), index=True),
    Column("added_at", UtcText, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("removed_at", UtcText),
    Column("removed_by", Text),
    Column("removed_why", Text),
)
_PRESENT = sample.c.removed_at.is_(None)
Index(
    "uq_sample_content",  # the same picture is in one pool of a product at most
    sample.c.product,
    sample.c.sha256,
    unique=True,
    sqlite_where=_PRESENT,
    postgresql_where=_PRESENT,
)

event = Table(
    "event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcText, nullable=False),
    *(Column(name, Text, nullable=False) for name in ("actor", "action", "subject")),
    *(Column(name, Text, nullable=False) for name in ("before", "after", "reason")),
)
