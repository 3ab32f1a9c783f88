"""Publish and subscribe, in one process and between servers."""

import asyncio
import uuid

import asyncpg
import pytest

from store.database.sessions import Database
from store.events import Broadcast, Change, Topic, changed
from store.wire import CHANNEL, Wire, tell
from tests.patience import PATIENCE

pytestmark = pytest.mark.asyncio
JOB, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)


async def test_changes_of_one_job_merge_in_a_slot() -> None:
    broadcast = Broadcast()
    with broadcast.subscribe(Topic.ALL) as slot:
        for job_id in (JOB, OTHER, JOB):
            broadcast.publish(Change(job_id=job_id))
        assert await slot.wait(0)
        assert slot.take() == [JOB, OTHER]
        assert not await slot.wait(0)


async def test_slot_of_a_job_hears_nothing_of_others() -> None:
    broadcast = Broadcast()
    with broadcast.subscribe(JOB) as slot:
        broadcast.publish(Change(job_id=OTHER, queued=True, canceled=True))
        assert not await slot.wait(0)
    assert broadcast.subscribers(JOB) == 0


async def test_commit_publishes_once_and_rollback_never(db: Database) -> None:
    broadcast = Broadcast()
    broadcast.attach(db)
    told: list[Change] = []
    broadcast.add_outlet(told.append)
    with pytest.raises(RuntimeError, match="no"):
        await change_and_fail(db)
    assert told == []
    async with db.begin() as session:
        changed(session, Change(job_id=JOB, queued=True))
        changed(session, Change(job_id=JOB, canceled=True))
        assert told == []
    assert told == [Change(job_id=JOB, queued=True, canceled=True)]


async def change_and_fail(db: Database) -> None:
    async with db.begin() as session:
        changed(session, Change(job_id=JOB))
        raise RuntimeError("no")


async def test_change_reaches_other_servers_but_not_twice_its_own(db: Database) -> None:
    here, there = Broadcast(), Broadcast()
    wires = [Wire(db, broadcast, debounce_seconds=0.01) for broadcast in (here, there)]
    for wire in wires:
        wire.start()
        await wire.connected.wait()
    with here.subscribe(JOB) as own, there.subscribe(JOB) as others, there.subscribe(Topic.CANCELED) as ended:
        here.publish(Change(job_id=JOB, canceled=True))
        assert own.take() == [JOB]
        assert await others.wait(PATIENCE)
        assert await ended.wait(PATIENCE)
        assert ended.take() == [JOB]
        here.publish(
            Change(job_id=OTHER, queued=True)
        )  # a later message: the first one would have come back by now
        with there.subscribe(OTHER) as later:
            assert await later.wait(PATIENCE)
        assert own.take() == []
    for wire in wires:
        await wire.stop()


async def test_server_that_is_alone_hears_and_tells_nobody(db: Database) -> None:
    alone, there = Broadcast(), Broadcast()
    wires = [Wire(db, alone, debounce_seconds=0.01, telling=False), Wire(db, there, debounce_seconds=0.01)]
    for wire in wires:
        wire.start()
        await wire.connected.wait()
    with alone.subscribe(OTHER) as heard, there.subscribe(JOB) as told:
        alone.publish(Change(job_id=JOB))
        there.publish(Change(job_id=OTHER))
        assert await heard.wait(PATIENCE)
        await tell(db, Change(job_id=OTHER))
        assert await heard.wait(PATIENCE)
        assert told.take() == []
    for wire in wires:
        await wire.stop()


async def test_thousands_of_changes_become_one_word(db: Database) -> None:
    here, there = Broadcast(), Broadcast()
    wires = [Wire(db, broadcast, debounce_seconds=0.01) for broadcast in (here, there)]
    for wire in wires:
        wire.start()
        await wire.connected.wait()
    with there.subscribe(JOB) as slot:
        for number in range(10, 5_000):
            here.publish(Change(job_id=uuid.UUID(int=number)))
        assert await slot.wait(PATIENCE)
        assert slot.missed
    for wire in wires:
        await wire.stop()


async def test_broken_connection_is_made_up_for(db: Database, database_url: str) -> None:
    broadcast = Broadcast()
    wire = Wire(db, broadcast, debounce_seconds=0.01)
    wire.start()
    await wire.connected.wait()
    with broadcast.subscribe(JOB) as slot:
        killer = await asyncpg.connect(database_url.replace("+asyncpg", ""))
        await killer.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'likeness wire'"
            " AND datname = current_database()"
        )
        assert await slot.wait(PATIENCE)
        assert slot.missed
        assert slot.take() == [JOB]
        await asyncio.wait_for(wire.connected.wait(), PATIENCE)
        await killer.execute("SELECT pg_notify($1, $2)", CHANNEL, f"elsewhere :{JOB.hex}")
        assert await slot.wait(PATIENCE)
        await killer.close()
    await wire.stop()
