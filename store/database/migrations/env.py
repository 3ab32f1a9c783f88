"""What Alembic runs: the migrations, on the connection that `store.database.migrate` brings."""

from alembic import context

from store.database.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    compare_type=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
