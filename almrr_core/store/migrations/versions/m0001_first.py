"""The first tables of the log, and triggers that keep recipes, labels and events append-only.

A later migration that copies one of these three tables (batch mode) must make its triggers again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TIME = sa.String(27)
APPEND_ONLY = ("recipe", "label", "event")


def upgrade() -> None:
    """Make all tables."""
    _make_products_and_models()
    _make_recipes()
    _make_parts()
    _make_inspections()
    _make_inspection_indexes()
    _make_regions_and_labels()
    _make_samples()
    _make_events()
    if op.get_bind().dialect.name == "sqlite":
        for table in APPEND_ONLY:
            _refuse_changes(table)


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[float]]:
    return [sa.Column(name, sa.Float, nullable=False) for name in names]


def _whole(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer, nullable=False) for name in names]


def _time(name: str, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, TIME, nullable=nullable)


def _of(
    name: str, target: str, kind: type[sa.Integer | sa.Text], nullable: bool = False
) -> sa.Column[object]:
    return sa.Column(name, kind, sa.ForeignKey(target), nullable=nullable)


def _make_products_and_models() -> None:
    name = sa.Column("name", sa.Text, primary_key=True)
    op.create_table("product", name, _time("created_at"), *_text("actor"))
    op.create_table(
        "defect_class",
        sa.Column("product", sa.Text, sa.ForeignKey("product.name"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        *_text("name", "color", "key"),
        sa.UniqueConstraint("product", "name", name="uq_defect_class_name"),
    )
    op.create_table(
        "model",
        sa.Column("model_id", sa.Text, primary_key=True),
        _of("product", "product.name", sa.Text),
        *_text("folder", "seal"),
        _time("created_at"),
        *_text("actor"),
        _of("parent", "model.model_id", sa.Text, nullable=True),
        *_text("note"),
        _time("deleted_at", nullable=True),
    )


def _make_recipes() -> None:
    op.create_table(
        "recipe",
        sa.Column("id", sa.Integer, primary_key=True),
        _of("product", "product.name", sa.Text),
        *_whole("version"),
        _of("model_id", "model.model_id", sa.Text),
        *_numbers("review_limit", "fail_limit", "pixel_limit"),
        *_whole("min_area"),
        *_text("geometry", "trigger_kind"),
        *_numbers("trigger_interval"),
        *_text("on_late_output"),
        sa.Column("bit_depth", sa.Integer),
        sa.Column("exposure", sa.Float),
        sa.Column("gain", sa.Float),
        _time("created_at"),
        *_text("actor", "reason"),
        sa.UniqueConstraint("product", "version", name="uq_recipe_version"),
    )


def _make_parts() -> None:
    op.create_table(
        "part",
        sa.Column("id", sa.Integer, primary_key=True),
        *_text("part_id"),
        _of("product", "product.name", sa.Text),
        *_text("station_id", "line_id", "lot", "serial"),
        _time("trigger_at"),
        sa.UniqueConstraint("part_id", name="uq_part_part_id"),
    )


def _make_inspections() -> None:
    op.create_table(
        "inspection",
        sa.Column("id", sa.Integer, primary_key=True),
        _of("part", "part.id", sa.Integer),
        *_text("view", "source_id"),
        _of("recipe", "recipe.id", sa.Integer),
        *_text("model_id", "model_hash", "verdict"),
        sa.Column("score", sa.Float),
        *_numbers("review_limit", "fail_limit"),
        _time("grabbed_at"),
        _time("decided_at"),
        _time("output_at", nullable=True),
        *_numbers("inspect_ms", "latency_ms"),
        *_text("name", "reason"),
        sa.Column("truth", sa.Text),
        sa.Column("label", sa.Text),
        *_text("defect_class"),
        sa.Column("picture", sa.Text),
        *_whole("picture_bytes"),
        _time("picture_deleted_at", nullable=True),
        sa.Column("picture_deleted_why", sa.Text),
        *_text("search"),
        sa.UniqueConstraint("part", "view", name="uq_inspection_view"),
    )


def _make_inspection_indexes() -> None:
    asked = ["verdict", "recipe", "source_id", "label", "search"]
    op.create_index("ix_time", "inspection", ["decided_at", "id", "score", *asked])
    op.create_index("ix_score", "inspection", ["score", "id", "decided_at", *asked])
    kept = sa.text("picture IS NOT NULL")
    op.create_index(
        "ix_picture",
        "inspection",
        ["verdict", "decided_at", "id", "label", "picture_bytes"],
        sqlite_where=kept,
        postgresql_where=kept,
    )


def _make_regions_and_labels() -> None:
    op.create_table(
        "region",
        sa.Column("inspection", sa.Integer, sa.ForeignKey("inspection.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        *_whole("x", "y", "width", "height", "area"),
        *_numbers("maximum", "mean"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "label",
        sa.Column("id", sa.Integer, primary_key=True),
        _of("inspection", "inspection.id", sa.Integer),
        _time("at"),
        *_text("actor", "label", "defect_class", "note"),
        *_whole("withdrawn"),
    )
    op.create_index("ix_label_inspection", "label", ["inspection"])


def _make_samples() -> None:
    op.create_table(
        "sample",
        sa.Column("id", sa.Integer, primary_key=True),
        _of("product", "product.name", sa.Text),
        *_text("pool"),
        sa.Column("sha256", sa.String(64), nullable=False),
        *_text("path", "label"),
        _of("inspection", "inspection.id", sa.Integer, nullable=True),
        _time("added_at"),
        *_text("added_by"),
        _time("removed_at", nullable=True),
        sa.Column("removed_by", sa.Text),
        sa.Column("removed_why", sa.Text),
    )
    op.create_index("ix_sample_inspection", "sample", ["inspection"])
    present = sa.text("removed_at IS NULL")
    columns = ["product", "sha256"]
    op.create_index(
        "uq_sample_content", "sample", columns, unique=True, sqlite_where=present, postgresql_where=present
    )


def _make_events() -> None:
    op.create_table(
        "event",
        sa.Column("id", sa.Integer, primary_key=True),
        _time("at"),
        *_text("actor", "action", "subject", "before", "after", "reason"),
    )


def _refuse_changes(table: str) -> None:
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'the table {table} is append-only'); END"
        )
