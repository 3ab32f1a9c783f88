"""How the house talks to PostgreSQL: one engine, short sessions, and commits whose outcome is never lost.

    db = Database(url)                      # postgresql:// or postgresql+asyncpg://
    async with db.session() as s: ...       # reads; each statement sees what is committed when it starts
    async with db.snapshot() as s: ...      # reads that must agree with each other
    async with db.begin() as s: ...         # one transaction, committed at the end of the block
        after_commit(s, announce)           # called once the commit is known to have succeeded
    await db.close()

Knows no table. Raises ServerTooOld, CommitUnknown, and ValueError for an address it cannot use.
"""

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

import orjson
import structlog
from sqlalchemy import URL, event, make_url, text
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.pool import ConnectionPoolEntry

OLDEST = 15
PING_AFTER_S = 1.0
AFTER_COMMIT = "likeness.after_commit"
IDLE_SINCE = "likeness.idle_since"
_LIBPQ_ONLY = {"sslmode": "ssl", "connect_timeout": "timeout"}  # names that asyncpg calls otherwise
_KNOWN = {
    "command_timeout", "direct_tls", "host", "port", "prepared_statement_cache_size", "ssl",
    "statement_cache_size", "target_session_attrs", "timeout", "application_name",
}  # fmt: skip

Result = TypeVar("Result")
log = structlog.get_logger(__name__)


class ServerTooOld(RuntimeError):  # noqa: N818 - reads as the sentence that it carries
    """The PostgreSQL behind DATABASE_URL is older than 15."""


class CommitUnknown(RuntimeError):  # noqa: N818 - a state, named as such
    """The connection ended during COMMIT: the transaction may or may not be in the database. Look before repeating."""


@dataclasses.dataclass(frozen=True, slots=True)
class PoolOptions:
    """Sizes in connections, times in seconds."""

    size: int = 10
    wait_s: float = 15.0  # for a free connection
    statement_s: float = 60.0  # for an answer, COMMIT included
    idle_s: float = 10.0  # in an open transaction: a process that hangs there must not keep its locks
    statements: int = 512  # prepared statements kept per connection


class Database:
    """One engine and its three kinds of sessions. Make one per process, on the loop that uses it."""

    def __init__(self, url: str | URL, pool: PoolOptions | None = None) -> None:
        pool = pool or PoolOptions()
        self.engine: AsyncEngine = create_async_engine(
            asyncpg_url(url),
            pool_size=pool.size,
            max_overflow=0,
            pool_timeout=pool.wait_s,
            pool_use_lifo=True,  # few warm connections rather than many cold ones
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
            connect_args=_connect_arguments(make_url(url), pool),
        )
        self._closed = False
        event.listen(self.engine.sync_engine, "checkin", self._given_back)
        _ping_idle(self.engine)
        _end_idle_transactions(self.engine, pool.idle_s)
        # Reads need no transaction: under READ COMMITTED each statement has its own snapshot anyway, and without
        # BEGIN and ROLLBACK a read is one round trip instead of three.
        self.reads = _sessions(self.engine.execution_options(isolation_level="AUTOCOMMIT"), _ReadSession)
        self.snapshots = _sessions(
            self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True),
            _ReadSession,
        )
        self.sessions = _sessions(self.engine, Session)

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """A session for reads. A flush, or an ORM INSERT, UPDATE or DELETE, raises RuntimeError."""
        async with _closing(self.reads()) as session:
            yield session

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncSession]:
        """A session whose reads all see one moment (REPEATABLE READ, READ ONLY)."""
        async with _closing(self.snapshots()) as session:
            yield session

    @contextlib.asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Once COMMIT has been sent a cancellation waits for its answer: the `after_commit` calls are made if it
        succeeded, then CancelledError continues. So a cancelled caller that never reached COMMIT has changed nothing,
        and one that did has also announced it.

        Raises:
            CommitUnknown: the connection ended during COMMIT.
        """
        async with _closing(self.sessions()) as session:
            yield session
            await settled(_commit(session))

    async def require_version(self) -> None:
        """Raise ServerTooOld unless the server is PostgreSQL 15 or newer."""
        async with self.session() as session:
            number = int((await session.execute(text("SHOW server_version_num"))).scalar_one())
        if number < OLDEST * 10_000:
            raise ServerTooOld(
                f"DATABASE_URL leads to PostgreSQL {number // 10_000}; {OLDEST} or newer is needed. "
                "Upgrade it, or leave DATABASE_URL out to use the private one."
            )

    async def close(self) -> None:
        """Close every connection; one that a session still has when the session ends."""
        self._closed = True
        await settled(self.engine.dispose())

    def _given_back(self, _connection: object, record: ConnectionPoolEntry) -> None:
        """The pool that a late one goes back to is no longer anybody's: nobody else would close it."""
        if self._closed:
            record.close()


def after_commit(session: AsyncSession, call: Callable[[], None]) -> None:
    """Have `call` made right after this `begin()` block has committed, and never otherwise.

    It must not block and should not raise: what it raises is logged, because the commit stands.
    """
    session.info.setdefault(AFTER_COMMIT, []).append(call)


def asyncpg_url(url: str | URL) -> URL:
    """`postgresql://`, `postgres://` or `postgresql+asyncpg://` as SQLAlchemy wants it for asyncpg.

    libpq's `sslmode` and `connect_timeout` are translated. Raises ValueError, never with the password, for another
    database or an option that would otherwise be ignored.
    """
    parsed = make_url(url)
    if parsed.drivername not in {"postgresql", "postgres", "postgresql+asyncpg"}:
        raise ValueError(f"DATABASE_URL must begin with postgresql://, not {parsed.drivername}://")
    query = {_LIBPQ_ONLY.get(name, name): value for name, value in parsed.query.items()}
    unknown = sorted(query.keys() - _KNOWN)
    if unknown:
        raise ValueError(f"DATABASE_URL has options that are not understood: {', '.join(unknown)}")
    query = {name: value for name, value in query.items() if name not in {"timeout", "application_name"}}
    return parsed.set(drivername="postgresql+asyncpg", query=query)


async def settled(work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work` to its end even when the caller is cancelled meanwhile; the cancellation continues afterwards.

    Use it for steps that must not stop half-way: COMMIT, closing a connection, releasing a slot.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled from (None if task.cancelled() else task.exception())
    return task.result()


class _ReadSession(Session):
    """Refuses to write, so that a write in a read session is a bug found at once and not data lost silently."""


@event.listens_for(_ReadSession, "before_flush")
def _refuse_flush(session: Session, *_: Any) -> None:
    if session.new or session.dirty or session.deleted:
        raise RuntimeError("This session is for reads; write in `async with db.begin()`.")


@event.listens_for(_ReadSession, "do_orm_execute")
def _refuse_writes(state: ORMExecuteState) -> None:
    if state.is_insert or state.is_update or state.is_delete:
        raise RuntimeError("This session is for reads; write in `async with db.begin()`.")


def _sessions(engine: AsyncEngine, kind: type[Session]) -> async_sessionmaker[AsyncSession]:
    return async_sessionmaker(engine, expire_on_commit=False, sync_session_class=kind)


@contextlib.asynccontextmanager
async def _closing(session: AsyncSession) -> AsyncIterator[AsyncSession]:
    """Close it; to the end even when cancelled twice: a connection given back half-way is thrown away."""
    try:
        yield session
    except BaseException:
        await settled(session.close())
        raise
    await session.close()


def _ping_idle(engine: AsyncEngine) -> None:
    """Ping a connection before use when it has been idle; a dead one empties the pool and a new one is made.

    `pool_pre_ping` would do it before every use, which is a third of what a short read costs.
    """

    def note(_connection: Any, record: ConnectionPoolEntry) -> None:
        record.info[IDLE_SINCE] = time.monotonic()

    def ping(connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        since = record.info.pop(IDLE_SINCE, None)
        if since is None or time.monotonic() - since < PING_AFTER_S:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error

    event.listen(engine.sync_engine, "checkin", note)
    event.listen(engine.sync_engine, "checkout", ping)


def _end_idle_transactions(engine: AsyncEngine, seconds: float) -> None:
    """Let PostgreSQL end transactions of a process that hangs (SIGSTOP, a laptop asleep): their locks stop others.

    Set once per connection, since PgBouncer passes it on as a statement but not as a start-up parameter.
    """
    statement = f"SET idle_in_transaction_session_timeout = {round(seconds * 1000)}"

    def limit(connection: Any, _record: ConnectionPoolEntry) -> None:
        connection.run_async(lambda driver: driver.execute(statement))

    event.listen(engine.sync_engine, "connect", limit)


async def _commit(session: AsyncSession) -> None:
    calls = session.info.pop(AFTER_COMMIT, [])
    try:
        await session.commit()
    except (DBAPIError, OSError) as error:  # OSError: TimeoutError too
        if isinstance(error, DBAPIError) and not error.connection_invalidated:
            raise  # PostgreSQL said no: nothing was committed
        raise CommitUnknown("The connection ended during COMMIT; the outcome is unknown.") from error
    for call in calls:
        try:
            call()
        except Exception:
            log.exception("after_commit_failed")


def _connect_arguments(url: URL, pool: PoolOptions) -> dict[str, Any]:
    query = {_LIBPQ_ONLY.get(name, name): value for name, value in url.query.items()}
    arguments: dict[str, Any] = {
        "command_timeout": pool.statement_s,
        "timeout": float(str(query.get("timeout", 10))),
        # Only what PgBouncer passes on as well.
        "server_settings": {
            "application_name": str(query.get("application_name", "likeness")),
            "timezone": "UTC",
        },
    }
    if "prepared_statement_cache_size" not in query:
        arguments["prepared_statement_cache_size"] = pool.statements
    return arguments
