"""Opens the database that the settings name: an own PostgreSQL, or the private one under DATA_DIR."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

from app.settings import Settings
from store.database import migrate
from store.database.embedded import Embedded, running_url
from store.database.sessions import Database, PoolOptions
from store.events import Change
from store.settings import StoreSettings
from store.wire import tell


class DatabaseUnreachable(RuntimeError):  # noqa: N818 -- reads as the sentence that it carries
    """DATABASE_URL leads nowhere, or to a server that lacks what we need; the message never shows the password."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class OpenDatabase:
    """A database that answers. `exclusive` = no other server can be using it."""

    database: Database
    exclusive: bool


@contextlib.asynccontextmanager
async def open_database(
    settings: Settings, *, beside: bool = False, embedded: Embedded | None = None
) -> AsyncIterator[OpenDatabase]:
    """The database, at the newest revision, for as long as the block lasts.

    `beside` = for a command that may run next to a server: it uses that server's private database. `embedded` = the
    private one, already being started; stopped at the end as if it had been started here.

    Raises:
        DatabaseUnreachable: DATABASE_URL does not answer.
        EmbeddedUnavailable, ServerAlreadyRunning, ServerTooOld: see store.database.
    """
    store = settings.section(StoreSettings)
    async with contextlib.AsyncExitStack() as stack:
        url = store.database_url or (running_url(store.data_dir) if beside else None)
        exclusive = url is None
        if url is None:
            embedded = embedded or Embedded(store.data_dir)
            stack.push_async_callback(embedded.stop)
            await embedded.ready()
            url = embedded.url
        database = Database(url, PoolOptions(size=store.database_pool))
        stack.push_async_callback(database.close)
        await _make_ready(database)
        yield OpenDatabase(database=database, exclusive=exclusive)


async def tell_servers(settings: Settings, change: Change) -> str | None:
    """Tell the servers on the settings' database of a change, if any can run there; starts no database.

    What is returned says why they could not be told; None = they were, or there are none.
    """
    store = settings.section(StoreSettings)
    try:
        url = store.database_url or running_url(store.data_dir)
        if url is None:
            return None
        database = Database(url)
        try:
            await tell(database, change)
        finally:
            await database.close()
    except (OSError, SQLAlchemyError, asyncpg.PostgresError) as error:  # its words may hold the password
        return f"the database could not be reached ({type(error).__name__})"
    return None


async def _make_ready(database: Database) -> None:
    try:
        await database.require_version()
        await migrate.upgrade(database.engine)
    except (OSError, SQLAlchemyError, asyncpg.PostgresError) as error:
        if "extension" in str(error) and "vector" in str(error):
            raise DatabaseUnreachable(
                "The PostgreSQL behind DATABASE_URL lacks the extension pgvector. Install it there (its packages are "
                "called postgresql-NN-pgvector or pgvector), or leave DATABASE_URL out to use the private one."
            ) from error
        where = database.engine.url.render_as_string(hide_password=True)
        raise DatabaseUnreachable(
            f"DATABASE_URL does not answer ({where}): {error}. Check that PostgreSQL runs there and lets "
            "this user in, or leave DATABASE_URL out to use the private one."
        ) from error
