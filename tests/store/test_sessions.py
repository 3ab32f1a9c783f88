"""Sessions on a real database: what is kept, what is refused, and what a cancellation leaves behind."""

import asyncio
import contextlib
import datetime
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import insert, make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.pool import QueuePool

from store.database import sessions
from store.database.sessions import (
    CommitUnknown,
    Database,
    PoolOptions,
    ServerTooOld,
    after_commit,
    asyncpg_url,
    settled,
)
from store.database.tables import Table
from tests.patience import PATIENCE
from tests.postgres import connected, count_statements

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def notes(db: Database) -> AsyncIterator[Database]:
    """A database with an empty table `notes (n int)`, whose COMMIT waits (-1), refuses (-2) or takes 30 s (-3)."""
    async with db.begin() as session:
        await session.execute(text("CREATE TABLE notes (n int)"))
        await session.execute(
            text(
                "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN IF NEW.n = -1 THEN PERFORM pg_advisory_xact_lock(42); END IF;"
                "   IF NEW.n = -2 THEN RAISE unique_violation; END IF;"
                "   IF NEW.n = -3 THEN PERFORM pg_sleep(30); END IF; RETURN NULL; END $$"
            )
        )
        await session.execute(
            text(
                "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED "
                "FOR EACH ROW EXECUTE FUNCTION slow()"
            )
        )
    yield db


async def write(session: AsyncSession, number: int) -> None:
    await session.execute(text("INSERT INTO notes VALUES (:n)"), {"n": number})


async def write_and_announce(db: Database, number: int, announced: list[str]) -> None:
    async with db.begin() as session:
        await write(session, number)
        after_commit(session, lambda: announced.append("kept"))


@contextlib.asynccontextmanager
async def commit_held(database_url: str) -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """Inside, the COMMIT of -1 waits; the call yielded returns once it does, having ended its connection if asked."""
    async with connected(database_url) as admin:
        await admin.execute("SELECT pg_advisory_lock(42)")

        async def held(*, terminate: bool = False) -> None:
            act = "pg_terminate_backend(pid)" if terminate else "pid"
            waiting = (
                f"SELECT {act} FROM pg_stat_activity WHERE datname = current_database()"
                " AND wait_event = 'advisory' AND query = 'COMMIT;'"
            )
            async with asyncio.timeout(PATIENCE):
                while await admin.fetchval(waiting) is None:  # noqa: ASYNC110 - PostgreSQL's state
                    await asyncio.sleep(0.01)

        yield held
        await admin.execute("SELECT pg_advisory_unlock_all()")


async def kept(db: Database) -> list[int]:
    async with db.session() as session:
        return list((await session.execute(text("SELECT n FROM notes ORDER BY n"))).scalars())


def connections_out(db: Database) -> int:
    pool = db.engine.pool
    assert isinstance(pool, QueuePool)
    return pool.checkedout()


async def test_block_that_ends_is_committed(notes: Database) -> None:
    async with notes.begin() as session:
        await write(session, 7)

    assert await kept(notes) == [7]


async def test_block_that_raises_is_rolled_back(notes: Database) -> None:
    announced: list[str] = []

    async def work() -> None:
        async with notes.begin() as session:
            await write(session, 7)
            after_commit(session, lambda: announced.append("kept"))
            raise LookupError

    with pytest.raises(LookupError):
        await work()

    assert await kept(notes) == []
    assert announced == []
    assert connections_out(notes) == 0


async def test_read_is_one_statement_and_no_transaction(notes: Database) -> None:
    with count_statements(notes) as counted:
        async with notes.session() as session:
            first = (await session.execute(text("SELECT now()"))).scalar_one()  # when its transaction began
            second = (await session.execute(text("SELECT now()"))).scalar_one()

    assert first < second
    assert counted.statements == ["SELECT now()", "SELECT now()"]


async def test_read_session_sees_what_was_committed_meanwhile(notes: Database) -> None:
    async with notes.session() as session:
        before = (await session.execute(text("SELECT count(*) FROM notes"))).scalar_one()
        async with notes.begin() as other:
            await write(other, 1)
        after = (await session.execute(text("SELECT count(*) FROM notes"))).scalar_one()

    assert (before, after) == (0, 1)


async def test_snapshot_sees_one_moment(notes: Database) -> None:
    async with notes.snapshot() as session:
        before = (await session.execute(text("SELECT count(*) FROM notes"))).scalar_one()
        async with notes.begin() as other:
            await write(other, 1)
        after = (await session.execute(text("SELECT count(*) FROM notes"))).scalar_one()

    assert (before, after) == (0, 0)
    assert await kept(notes) == [1]


async def test_snapshot_refuses_to_write(notes: Database) -> None:
    with pytest.raises(DBAPIError, match="read-only transaction"):
        async with notes.snapshot() as session:
            await write(session, 1)

    assert await kept(notes) == []


async def test_read_session_refuses_to_write(db: Database) -> None:
    users = Table.metadata.tables["users"]
    async with db.session() as session:
        with pytest.raises(RuntimeError, match="for reads"):
            await session.execute(insert(users).values(id=uuid.uuid4()))

    async with db.session() as session:
        assert (await session.execute(users.select())).first() is None


async def test_call_after_commit_sees_the_committed_row(notes: Database) -> None:
    announced: list[str] = []

    async with notes.begin() as session:
        await write(session, 7)
        after_commit(session, lambda: announced.append("kept"))
        assert announced == []  # not yet

    assert announced == ["kept"]


async def test_failing_call_after_commit_does_not_fail_the_block(notes: Database) -> None:
    announced: list[str] = []

    def fail() -> None:
        raise LookupError

    async with notes.begin() as session:
        await write(session, 7)
        after_commit(session, fail)
        after_commit(session, lambda: announced.append("kept"))

    assert announced == ["kept"]
    assert await kept(notes) == [7]


async def test_cancel_before_commit_changes_nothing(notes: Database) -> None:
    written = asyncio.Event()

    async def work() -> None:
        async with notes.begin() as session:
            await write(session, 7)
            written.set()
            await session.execute(text("SELECT pg_sleep(30)"))

    task = asyncio.create_task(work())
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await kept(notes) == []
    assert connections_out(notes) == 0


async def test_cancel_during_commit_waits_for_the_outcome_and_announces_it(
    notes: Database, database_url: str
) -> None:
    announced: list[str] = []

    async with commit_held(database_url) as held:
        task = asyncio.create_task(write_and_announce(notes, -1, announced))
        await held()
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert announced == ["kept"]
    assert await kept(notes) == [-1]
    assert connections_out(notes) == 0


async def test_timeout_during_commit_is_a_timeout_and_still_announced(
    notes: Database, database_url: str
) -> None:
    announced: list[str] = []

    async def work() -> None:
        async with asyncio.timeout(None) as limit:
            limits.append(limit)
            await write_and_announce(notes, -1, announced)

    limits: list[asyncio.Timeout] = []
    async with commit_held(database_url) as held:
        task = asyncio.create_task(work())
        await held()
        limits[0].reschedule(asyncio.get_running_loop().time())
        await asyncio.sleep(0.01)
        assert not task.done()
    with pytest.raises(TimeoutError):
        await task

    assert announced == ["kept"]
    assert await kept(notes) == [-1]


async def test_commit_that_postgres_refuses_is_its_own_error(notes: Database) -> None:
    announced: list[str] = []

    with pytest.raises(IntegrityError):
        await write_and_announce(notes, -2, announced)

    assert announced == []
    assert await kept(notes) == []


async def test_connection_lost_during_commit_is_an_unknown_outcome(
    notes: Database, database_url: str
) -> None:
    announced: list[str] = []

    async with commit_held(database_url) as held:
        task = asyncio.create_task(write_and_announce(notes, -1, announced))
        await held(terminate=True)
        with pytest.raises(CommitUnknown):
            await task

    assert announced == []
    assert await kept(notes) == []  # the pool has replaced the connection


async def test_slow_commit_is_an_unknown_outcome(notes: Database, database_url: str) -> None:
    impatient = Database(database_url, PoolOptions(statement_s=1.0))

    with pytest.raises(CommitUnknown):
        async with impatient.begin() as session:
            await write(session, -3)

    await impatient.close()
    assert await kept(notes) == []


async def test_idle_connections_that_died_are_replaced(
    notes: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "PING_AFTER_S", 0.0)
    async with notes.session() as one, notes.session() as other:
        await one.execute(text("SELECT 1"))
        await other.execute(text("SELECT 1"))
    async with connected(database_url) as admin:
        gone = await admin.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    assert len(gone) == 2
    assert await kept(notes) == []
    assert await kept(notes) == []


async def test_busy_connection_is_not_pinged(notes: Database, database_url: str) -> None:
    await kept(notes)
    async with connected(database_url) as admin:
        await kept(notes)
        last = await admin.fetchval(
            "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    assert last == "SELECT n FROM notes ORDER BY n"


async def test_pool_gives_no_more_connections_than_its_size(database_url: str) -> None:
    small = Database(database_url, PoolOptions(size=2, wait_s=0.1))

    async with small.session() as one, small.session() as other:
        await one.execute(text("SELECT 1"))
        await other.execute(text("SELECT 1"))
        with pytest.raises(NoConnectionFree):
            async with small.session() as third:
                await third.execute(text("SELECT 1"))

    await small.close()


async def test_connection_given_back_after_the_close_is_closed_too(database_url: str) -> None:
    late = Database(database_url)
    async with late.session() as during:
        held = await driver_of(during)
        await late.close()
        assert not held.is_closed()
        async with late.session() as after:
            opened = await driver_of(after)

    assert held.is_closed()
    assert opened.is_closed()


async def driver_of(session: AsyncSession) -> Any:
    connection = await session.connection()
    return (await connection.get_raw_connection()).driver_connection


async def test_json_and_times_come_back_as_they_went(db: Database) -> None:
    value = {"ä": [1, 2.5, None, True]}
    async with db.session() as session:
        row = (
            await session.execute(
                text("SELECT cast(:value AS jsonb) AS value, timestamptz '2026-11-20 12:00+02' AS at"),
                {"value": '{"ä": [1, 2.5, null, true]}'},
            )
        ).one()

    assert row.value in (value, '{"ä": [1, 2.5, null, true]}')
    assert row.at == datetime.datetime(2026, 11, 20, 10, tzinfo=datetime.UTC)


async def test_old_server_is_refused_with_both_versions(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await db.require_version()

    monkeypatch.setattr(sessions, "OLDEST", 99)
    with pytest.raises(ServerTooOld, match=r"leads to PostgreSQL \d+; 99 or newer is needed"):
        await db.require_version()


async def test_work_that_failed_while_its_caller_was_cancelled_is_the_cause() -> None:
    release = asyncio.Event()

    async def fail() -> None:
        await release.wait()
        raise LookupError("gone")

    task = asyncio.create_task(settled(fail()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    release.set()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task

    assert isinstance(caught.value.__cause__, LookupError)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg"])
async def test_usual_addresses_are_understood(scheme: str) -> None:
    url = asyncpg_url(f"{scheme}://ada:p%40ss@db.example:6543/pictures?sslmode=require&connect_timeout=5")

    assert url.render_as_string(hide_password=False) == (
        "postgresql+asyncpg://ada:p%40ss@db.example:6543/pictures?ssl=require"
    )


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://ada:secret@db/pictures", "must begin with postgresql://, not mysql://"),
        ("postgresql+psycopg://ada:secret@db/pictures", "not postgresql[+]psycopg://"),
        ("postgresql://ada:secret@db/pictures?sslcrl=x&zeta=1", "not understood: sslcrl, zeta"),
    ],
)
async def test_strange_address_is_refused_without_its_password(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        asyncpg_url(url)

    assert "secret" not in str(caught.value)


async def test_options_of_the_address_reach_the_server(database_url: str) -> None:
    url = make_url(database_url).update_query_dict({"application_name": "studio", "connect_timeout": "7"})
    database = Database(url)
    async with database.session() as session:
        names = (
            await session.execute(
                text("SELECT current_setting('application_name'), current_setting('timezone')")
            )
        ).one()
    await database.close()

    assert tuple(names) == ("studio", "UTC")
