"""Alembic's entry: runs the migrations on the connection that `nexus.db.migrate` hands over."""

from alembic import context

from nexus.db.migrate import CONTEXT

context.configure(connection=context.config.attributes["connection"], **CONTEXT)
with context.begin_transaction():
    context.run_migrations()
