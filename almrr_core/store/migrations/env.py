"""Run by alembic with the connection that `schema.migrate` opened; the caller commits."""

from __future__ import annotations

from alembic import context

from almrr_core.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a table by copying it
    transactional_ddl=True,
)
context.run_migrations()
