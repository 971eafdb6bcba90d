"""Run by Alembic for a connection that has begun its transaction."""

from __future__ import annotations

from alembic import context

from actors.store.desk.schema import METADATA

# SQLite cannot change most of a table: it is made anew and filled.
context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True)
context.run_migrations()
