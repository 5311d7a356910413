"""Alembic's entry: runs on the connection that `tieout.store.migrate` hands over."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table_schema="tieout", transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
