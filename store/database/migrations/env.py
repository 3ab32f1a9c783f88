"""What Alembic runs: the migrations, on the connection that `store.database.migrate` brings, or into a file."""

from alembic import context

from store.database.tables import Table

if context.is_offline_mode():
    context.configure(
        dialect_name="postgresql+asyncpg",  # it doubles no percent sign
        target_metadata=Table.metadata,  # names the constraints
        literal_binds=True,
        transactional_ddl=False,  # whoever reads the file brings the transaction
    )
else:
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=Table.metadata,
        compare_type=True,
        compare_server_default=True,
    )
with context.begin_transaction():
    context.run_migrations()
