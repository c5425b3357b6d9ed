"""The environment in which Alembic runs its steps: the connection that `migration` hands over, in its transaction."""

from __future__ import annotations

from alembic import context

from orchestrator.adapters.database.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
