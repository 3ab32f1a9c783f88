"""Servers that are killed at random moments: nothing acknowledged is lost, nothing is done twice."""

import asyncio
import signal
import uuid
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from store.database.sessions import CommitUnknown, Database, PoolOptions
from store.database.tables import JobStatus, TaskKind
from store.queue import cancel_job
from tests.executor import workshop as at
from tests.kills import victims
from tests.kills.campaign import Campaign

pytestmark = pytest.mark.asyncio
STEP = {"scripted_step_seconds": 0.02, "scripted_save_every": 3}


async def kill(db: Database, url: str, folder: Path, kills: int) -> None:
    campaign = Campaign(db=db, url=url, folder=folder, kills=kills, worker={"scripted": STEP})
    acknowledged = await campaign.run()
    assert len(acknowledged) > kills / 2
    await campaign.check(acknowledged)


@pytest.mark.timeout(300)
async def test_25_kills_lose_nothing_and_double_nothing(
    db: Database, database_url: str, tmp_path: Path
) -> None:
    await kill(db, database_url, tmp_path, 25)


@pytest.mark.long
@pytest.mark.timeout(1200)
async def test_100_kills_lose_nothing_and_double_nothing(
    db: Database, database_url: str, tmp_path: Path
) -> None:
    await kill(db, database_url, tmp_path, 100)


async def test_job_that_ends_the_process_is_parked_and_others_finish(
    db: Database, database_url: str, tmp_path: Path
) -> None:
    owner = await at.add_user(db)
    poison = await at.add_job(db, at.Order(owner_id=owner, prompt="[exit_at=2]"))
    other = await at.add_job(db, at.Order(owner_id=owner, prompt="fine", steps=3))
    deaths = 0
    for _ in range(6):
        async with victims.victim(
            database_url, tmp_path, exclusive=True, scripted={"scripted_step_seconds": 0.2}
        ) as worker:
            final = asyncio.create_task(victims.all_final(db, timeout=30))
            dead = asyncio.create_task(worker.ended())
            await asyncio.wait([final, dead], return_when=asyncio.FIRST_COMPLETED)
            if final.done():
                await worker.stop()
                await dead
                break
            final.cancel()
            assert worker.exit_status == 70
            deaths += 1
    assert deaths == 3
    job = await at.job_of(db, poison)
    assert (job.status, job.failure_code) == (JobStatus.FAILED, "POISON")
    assert (await at.job_of(db, other)).status is JobStatus.SUCCEEDED


async def saved_something(db: Database, job_id: uuid.UUID) -> bool:
    return (await at.tasks_of(db, job_id))[0].latents_step is not None


async def reported_a_step(db: Database, job_id: uuid.UUID) -> bool:
    return (await at.tasks_of(db, job_id))[0].stepped


async def test_stopped_then_continued_worker_writes_nothing(
    db: Database, database_url: str, tmp_path: Path
) -> None:
    await victims.remember(db)
    owner = await at.add_user(db)
    job_id = await at.add_job(db, at.Order(owner_id=owner, steps=20))
    slow = {"scripted_step_seconds": 0.1, "scripted_save_every": 2}
    async with victims.victim(database_url, tmp_path, scripted=slow) as zombie:
        await victims.until(lambda: saved_something(db, job_id))
        zombie.send(signal.SIGSTOP)
        async with victims.victim(database_url, tmp_path, scripted=STEP) as heir:
            await victims.all_final(db, timeout=30)
            before = await at.job_of(db, job_id), await at.tasks_of(db, job_id)
            files = await victims.referred(db, saved_states=False)
            zombie.send(signal.SIGCONT)
            await asyncio.sleep(3.0)  # longer than what was left of its run
            assert await zombie.stop() == 0
            assert await heir.stop() == 0
    job, tasks = await at.job_of(db, job_id), await at.tasks_of(db, job_id)
    assert (job.revision, job.status) == (before[0].revision, JobStatus.SUCCEEDED)
    assert (tasks[0].fence, tasks[0].finished_at) == (before[1][0].fence, before[1][0].finished_at)
    assert set((await victims.times_finished(db)).values()) == {1}
    assert await victims.referred(db, saved_states=False) == files


async def test_sigterm_lets_running_work_finish(db: Database, database_url: str, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    job_id = await at.add_job(db, at.Order(owner_id=owner, steps=10))
    scripted = {"scripted_step_seconds": 0.1}
    async with victims.victim(database_url, tmp_path, scripted=scripted) as worker:
        await victims.until(lambda: reported_a_step(db, job_id))
        later = await at.add_job(db, at.Order(owner_id=owner))
        assert await worker.stop() == 0
    assert (await at.job_of(db, job_id)).status is JobStatus.SUCCEEDED
    assert (await at.job_of(db, later)).status in (JobStatus.QUEUED, JobStatus.SUCCEEDED)


async def test_sigterm_without_grace_gives_work_back_unharmed(
    db: Database, database_url: str, tmp_path: Path
) -> None:
    owner = await at.add_user(db)
    job_id = await at.add_job(db, at.Order(owner_id=owner, prompt="[hold_at=3]", steps=10))
    async with victims.victim(database_url, tmp_path, settings={"stop_grace_seconds": 0.2}) as worker:
        await victims.until(lambda: reported_a_step(db, job_id))
        assert await worker.stop() == 0
    (task,) = await at.tasks_of(db, job_id)
    assert (task.state, task.tries, task.deaths, task.fence) == (JobStatus.QUEUED, 0, 0, 2)
    assert task.kind is TaskKind.IMAGE


async def test_process_that_hangs_in_a_transaction_loses_its_locks(db: Database, database_url: str) -> None:
    owner = await at.add_user(db)
    job_id = await at.add_job(db, at.Order(owner_id=owner))
    hanging = Database(database_url, PoolOptions(idle_s=0.3))

    async def hang() -> None:
        async with hanging.begin() as session:
            await cancel_job(session, job_id)
            async with db.begin() as other:  # waits for the lock until the hanging session is ended
                await cancel_job(other, job_id)

    with pytest.raises((DBAPIError, CommitUnknown)):
        await asyncio.wait_for(hang(), 10)
    await hanging.close()
    job = await at.job_of(db, job_id)
    assert (job.status, job.revision) == (JobStatus.CANCELED, 2)
