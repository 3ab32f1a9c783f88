"""One PostgreSQL for the whole test run, and a migrated database of its own for every test.

Started once: by pytest's controller process when xdist runs workers, else by the only process, at first use. Every
worker copies the migrated template: 300 files, which takes 10 ms where the server lies in memory (MEMORY) and up to
half a second on a slow disk. `TEST_DATABASE_URL` runs the tests on another server instead: a superuser's address,
PostgreSQL 15 or newer.
"""

import asyncio
import contextlib
import os
import pathlib
import shutil
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, Self

import asyncpg
from sqlalchemy import URL, event, make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from store.database import migrate
from store.database.embedded import Embedded, EmbeddedOptions, start_embedded
from store.database.embedded_cluster import try_lock
from store.database.sessions import Database, asyncpg_url

# Without fsync and WAL beyond the minimum: a power cut may take a test's database.
UNSAFE = EmbeddedOptions(
    fsync=False,
    settings={
        "full_page_writes": "off",
        "synchronous_commit": "off",
        "max_connections": "400",
        "shared_buffers": "128MB",
        "max_wal_size": "256MB",
        "checkpoint_timeout": "30min",
    },
)
MEMORY = pathlib.Path("/dev/shm")
FOLDER = "likeness-tests-"
ROOM = 1024**3  # bytes; the log of changes and a dozen databases take half of it


class Cluster:
    """The server of this test run. `url` is its administrator's, `template` the name of the migrated database."""

    def __init__(
        self, url: str, template: str, embedded: Embedded | None, folder: pathlib.Path | None
    ) -> None:
        self.url, self.template = url, template
        self._embedded, self._folder = embedded, folder

    @classmethod
    async def start(cls) -> Self:
        """Start PostgreSQL, or use TEST_DATABASE_URL, and migrate a template that nobody can connect to."""
        template = f"likeness_template_{os.getpid()}"
        own = os.environ.get("TEST_DATABASE_URL")
        if own:
            cluster = cls(str(own), template, None, None)
        else:
            folder = pathlib.Path(tempfile.mkdtemp(prefix=FOLDER, dir=_in_memory()))
            embedded = await start_embedded(folder, UNSAFE)
            cluster = cls(embedded.url, template, embedded, folder)
        try:
            await cluster._make_template()
        except BaseException:
            await cluster.stop()
            raise
        return cluster

    async def _make_template(self) -> None:
        async with connected(self.url) as admin:
            await admin.execute(f'CREATE DATABASE "{self.template}" TEMPLATE template0')
            engine = create_async_engine(database_url(self.url, self.template), poolclass=NullPool)
            await migrate.upgrade(engine)
            await engine.dispose()
            await admin.execute(
                f'ALTER DATABASE "{self.template}" WITH IS_TEMPLATE true ALLOW_CONNECTIONS false'
            )

    async def stop(self) -> None:
        if self._embedded is None or self._folder is None:
            async with connected(self.url) as admin:
                await admin.execute(f'ALTER DATABASE "{self.template}" WITH IS_TEMPLATE false')
                await admin.execute(f'DROP DATABASE "{self.template}"')
            return
        await self._embedded.stop()
        shutil.rmtree(self._folder)


class Copies:
    """Makes and drops databases for one test process. Any fixture, test, coroutine or thread may call it and waits."""

    def __init__(self, url: str, template: str, worker: str) -> None:
        self.url, self.template, self.worker = url, template, worker
        self._made = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="test-databases", daemon=True)
        self._thread.start()
        self._admin = self._run(asyncpg.connect(_dsn(self.url)))

    def create(self, like: str | None = None) -> str:
        """The URL (postgresql+asyncpg) of a fresh migrated database, or of a copy of one that nobody is connected to."""
        template = make_url(like).database if like else self.template
        self._made += 1
        name = f"test_{self.worker}_{os.getpid()}_{self._made}"
        copy = f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY'
        self._run(self._admin.execute(copy))
        return database_url(self.url, name)

    def drop(self, url: str) -> None:
        """Drop it, whoever is still connected."""
        self._run(self._admin.execute(f'DROP DATABASE "{make_url(url).database}" WITH (FORCE)'))

    def close(self) -> None:
        self._run(self._admin.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)


class Counted:
    """The statements that reached the driver, in order; BEGIN and COMMIT are not statements here."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def __len__(self) -> int:
        return len(self.statements)


@contextlib.contextmanager
def count_statements(db: Database) -> Iterator[Counted]:
    """What `db` sends inside the block: `with ... as counted: ...`, then `len(counted)`, `counted.statements`."""
    counted = Counted()

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        counted.statements.append(statement)

    event.listen(db.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield counted
    finally:
        event.remove(db.engine.sync_engine, "before_cursor_execute", note)


@contextlib.asynccontextmanager
async def connected(url: str | URL) -> Any:
    """A bare asyncpg connection."""
    connection = await asyncpg.connect(_dsn(url))
    try:
        yield connection
    finally:
        await connection.close()


def database_url(url: str, name: str) -> str:
    return asyncpg_url(url).set(database=name).render_as_string(hide_password=False)


def _in_memory() -> pathlib.Path | None:
    """Where files cost no disk, if there is such a place with room."""
    try:
        _sweep(MEMORY)
        free = shutil.disk_usage(MEMORY).free
    except OSError:
        return None
    return MEMORY if free >= ROOM and os.access(MEMORY, os.W_OK) else None


def _sweep(memory: pathlib.Path) -> None:
    """Remove what runs left that were killed: memory, unlike a disk, would be missed."""
    for folder in memory.glob(f"{FOLDER}*"):
        with contextlib.suppress(OSError), (folder / "server.lock").open("rb+") as lock:
            if try_lock(lock.fileno()):
                shutil.rmtree(folder)


def _dsn(url: str | URL) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
