"""The queue under real concurrency: many connections at once, and transactions that break in the middle."""

import asyncio
import collections
from typing import Any

import pytest
from sqlalchemy import event, func, select, text

from store.database.sessions import Database
from store.database.tables import Job, JobStatus, LedgerEntry, Task, Usage, Variant
from store.queue import (
    Claim,
    LeaseLostError,
    Request,
    begin,
    cancel_job,
    claim,
    finish,
    heartbeat,
    hold,
    running,
    take_back,
)
from tests.executor import workshop as at
from tests.patience import PATIENCE

pytestmark = pytest.mark.asyncio
WORKERS = 6
REMEMBER_REVISIONS = (
    "CREATE TABLE seen_revisions (job_id uuid, revision bigint)",
    """
CREATE FUNCTION remember_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' OR NEW.revision <> OLD.revision THEN
    INSERT INTO seen_revisions VALUES (NEW.id, NEW.revision);
  END IF;
  RETURN NEW;
END $$
""",
    "CREATE TRIGGER remember AFTER INSERT OR UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION remember_revision()",
)


async def remember_revisions(db: Database) -> None:
    async with db.begin() as session:
        connection = await session.connection()
        for statement in REMEMBER_REVISIONS:
            await connection.exec_driver_sql(statement)


async def take(db: Database, worker: str, room: int = 1) -> list[Claim]:
    async with db.begin() as session:
        return await claim(session, Request(lane="local", worker=worker, room=room))


async def run(db: Database, claimed: Claim) -> bool:
    """Begin and finish a run; whether both were allowed."""
    try:
        async with db.begin() as session:
            await begin(session, claimed)
        async with db.begin() as session:
            await finish(session, await hold(session, claimed))
    except LeaseLostError:
        return False
    return True


async def gaps(db: Database) -> dict[Any, list[int]]:
    """Jobs whose committed revisions are not 1, 2, 3, …"""
    async with db.session() as session:
        rows = await session.execute(text("SELECT job_id, revision FROM seen_revisions ORDER BY revision"))
    seen = collections.defaultdict(list)
    for job_id, revision in rows:
        seen[job_id].append(revision)
    return {key: found for key, found in seen.items() if found != list(range(1, len(found) + 1))}


async def test_workers_at_once_never_take_the_same_task(db: Database) -> None:
    owners = [await at.add_user(db, f"user {number}") for number in range(4)]
    for owner in owners:
        await at.add_job(db, at.Order(owner_id=owner, count=10))

    async def worker(name: str) -> list[Claim]:
        taken: list[Claim] = []
        while found := await take(db, name, room=3):
            taken += found
        return taken

    taken = await asyncio.gather(*(worker(f"w{number}") for number in range(WORKERS)))
    ids = [claimed.task_id for claims in taken for claimed in claims]
    assert len(ids) == len(set(ids)) == 40
    async with db.session() as session:
        turns = await session.execute(text("SELECT virtual_time FROM turns"))
    # who claims at the same instant counts from a lane that has moved on: never less than what was served
    assert all(10.0 <= time <= 10.0 + WORKERS for (time,) in turns)


async def test_acknowledged_cancel_never_becomes_success(db: Database) -> None:
    await remember_revisions(db)
    owner = await at.add_user(db)
    outcomes = collections.Counter[JobStatus]()
    for _ in range(30):
        job_id = await at.add_job(db, at.Order(owner_id=owner, count=2))
        claims = await take(db, "w", room=2)

        async def cancel(job_id: Any = job_id) -> JobStatus:
            async with db.begin() as session:
                job = await cancel_job(session, job_id)
            assert job is not None
            return job.status

        telling = asyncio.create_task(cancel())
        made = await asyncio.gather(*(run(db, one) for one in claims))
        told = await telling
        job = await at.job_of(db, job_id)
        assert job.status is told
        states = collections.Counter(task.state for task in await at.tasks_of(db, job_id))
        assert states[JobStatus.SUCCEEDED] == sum(made)
        if told is JobStatus.CANCELED:
            assert sum(made) < 2
        outcomes[told] += 1
    assert outcomes[JobStatus.CANCELED] > 0
    assert await gaps(db) == {}


async def test_everything_at_once_leaves_no_gap_and_no_deadlock(db: Database) -> None:
    await remember_revisions(db)
    owner = await at.add_user(db)
    jobs = [await at.add_job(db, at.Order(owner_id=owner, count=8)) for _ in range(4)]
    stop = asyncio.Event()

    async def work(name: str) -> None:
        while not stop.is_set():
            claims = await take(db, name, room=4)
            async with db.begin() as session:
                await heartbeat(session, claims, lease_seconds=30)
            await asyncio.gather(*(run(db, one) for one in claims))
            if not claims:
                return

    async def disturb() -> None:
        for _ in range(10):
            async with db.session() as session:
                orphans = await running(session)
            for orphan in orphans[:3]:
                async with db.begin() as session:
                    await take_back(session, orphan)
        async with db.begin() as session:
            await cancel_job(session, jobs[3])

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(work("a"), work("b"), disturb())
        await work("c")
    async with db.session() as session:
        left = await session.scalar(
            select(func.count())
            .select_from(Task)
            .where(Task.state.in_([JobStatus.QUEUED, JobStatus.RUNNING]))
        )
    assert left == 0
    assert await gaps(db) == {}


class FaultError(Exception):
    """The database broke here."""


async def test_enqueue_that_breaks_at_any_statement_leaves_nothing(db: Database) -> None:
    owner = await at.add_user(db)
    statements = 0

    def break_at(_connection: Any, _cursor: Any, _statement: str, *_rest: Any) -> None:
        nonlocal statements
        statements += 1
        if statements == broken:
            raise FaultError

    event.listen(db.engine.sync_engine, "before_cursor_execute", break_at)
    faults = 0
    for broken in range(1, 20):
        statements = 0
        try:
            await at.add_job(db, at.Order(owner_id=owner, count=3))
        except FaultError:
            faults += 1
        if statements < broken:
            break
        statements = -1_000
        async with db.session() as session:
            for table in (Job, Variant, Task, Usage, LedgerEntry):
                assert await session.scalar(select(func.count()).select_from(table)) == 0
    event.remove(db.engine.sync_engine, "before_cursor_execute", break_at)
    assert faults == 5
    async with db.session() as session:
        counts = [
            await session.scalar(select(func.count()).select_from(table))
            for table in (Job, Variant, Task, Usage, LedgerEntry)
        ]
    assert counts == [1, 3, 3, 1, 3]
