"""Brings a database to the newest revision, and says where it stands. Knows Alembic; nobody else does.

Alembic is loaded only where there is something to migrate. An empty database is made from `whole.sql`, which is what
Alembic would run, written down: `python -m tests.alembic_check --write` after each new migration.
"""

import io
import pathlib
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = pathlib.Path(__file__).parent / "migrations"
WHOLE = FOLDER / "whole.sql"
ONE_AT_A_TIME = 7_305_215_801  # advisory lock: two servers that start together migrate one after the other


def configuration(connection: Connection | None = None, output: io.StringIO | None = None) -> "Config":
    """Alembic's configuration, without an ini file; `connection` runs it inside that transaction, `output` writes SQL."""
    from alembic.config import Config

    config = Config(output_buffer=output)
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    return config


def newest() -> str:
    """The revision that this code needs: the greatest number that a file of the migrations begins with.

    Raises RuntimeError when there is none.
    """
    numbers = [file.name.partition("_")[0] for file in (FOLDER / "versions").glob("[0-9]*_*.py")]
    if not numbers:
        raise RuntimeError("There are no migrations in store/database/migrations/versions.")
    return max(numbers)


async def upgrade(engine: AsyncEngine) -> None:
    """Bring the database to the newest revision, all or nothing; a no-op when it is there already.

    Raises SQLAlchemyError, asyncpg.PostgresError (an extension is missing) or OSError.
    """
    async with engine.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
        if not await _is_versioned(connection):
            await _make_whole(connection)
        elif await current(connection) != newest():
            await step_up(connection)


async def step_up(connection: AsyncConnection) -> None:
    """Run every migration that the database has not seen, one after the other."""
    from alembic import command

    await connection.run_sync(lambda sync: command.upgrade(configuration(sync), "head"))


async def current(connection: AsyncConnection) -> str | None:
    """The revision the database stands at, None for an empty one."""
    if not await _is_versioned(connection):
        return None
    found: str | None = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def whole() -> str:
    """What `whole.sql` has to say: all migrations as SQL."""
    from alembic import command

    written = io.StringIO()
    command.upgrade(configuration(output=written), "head", sql=True)
    return written.getvalue()


async def _is_versioned(connection: AsyncConnection) -> bool:
    return await connection.scalar(text("SELECT to_regclass('alembic_version')::text")) is not None


async def _make_whole(connection: AsyncConnection) -> None:
    """All statements in one message, inside the transaction that `connection` has begun."""
    raw = await connection.get_raw_connection()
    driver: Any = raw.driver_connection
    await driver.execute(WHOLE.read_text())
