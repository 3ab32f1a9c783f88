"""Brings a database to the newest revision, and says where it stands. Knows Alembic; nobody else does."""

import pathlib

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

FOLDER = pathlib.Path(__file__).parent / "migrations"
ONE_AT_A_TIME = 7_305_215_801  # advisory lock: two servers that start together migrate one after the other


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without an ini file; `connection` runs it inside that transaction."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    return config


def newest() -> str:
    """The revision that this code needs."""
    head = ScriptDirectory.from_config(configuration()).get_current_head()
    if head is None:
        raise RuntimeError("There are no migrations in store/database/migrations/versions.")
    return head


async def upgrade(engine: AsyncEngine) -> None:
    """Bring the database to the newest revision, all or nothing; a no-op when it is there already."""
    async with engine.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
        if await current(connection) != newest():
            await connection.run_sync(lambda sync: command.upgrade(configuration(sync), "head"))


async def current(connection: AsyncConnection) -> str | None:
    """The revision the database stands at, None for an empty one."""
    return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())
