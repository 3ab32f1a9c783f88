"""The whole server process, `python -m app serve`, killed while it works; then stopped as it should be."""

import asyncio
import random
from pathlib import Path

import pytest

from store.database.sessions import Database
from store.database.tables import JobStatus
from tests.executor import workshop as at
from tests.kills import victims
from tests.kills.campaign import SEED, finished, one_more_than
from tests.running import RunningServer

pytestmark = pytest.mark.asyncio
ENVIRONMENT = {
    "SCRIPTED_GENERATOR": "true",
    "SCRIPTED_STEP_SECONDS": "0.03",
    "SCRIPTED_SAVE_EVERY": "2",
    "STARTER_CHECKPOINT": "false",
    "BUILTIN_CHECKPOINTS": "false",
    "LEASE_SECONDS": "1",
    "HEARTBEAT_SECONDS": "0.3",
    "SWEEP_SECONDS": "0.2",
    "LOCAL_CAPACITY": "2",
}


async def test_killed_server_goes_on_where_it_was(db: Database, database_url: str, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    await victims.remember(db)
    owner = await at.add_user(db)
    jobs = [
        await at.add_job(db, at.Order(owner_id=owner, prompt=f"picture {number}", steps=12, count=2))
        for number in range(8)
    ]
    server = RunningServer(tmp_path, {**ENVIRONMENT, "DATABASE_URL": database_url.replace("+asyncpg", "")})
    try:
        for _ in range(3):
            await asyncio.to_thread(server.start)
            await victims.until(one_more_than(db, await finished(db)), timeout=60)
            await asyncio.sleep(chance.uniform(0.0, 0.4))
            assert await asyncio.to_thread(server.kill) == -9
        await asyncio.to_thread(server.start)
        await victims.all_final(db, timeout=90)
        assert await asyncio.to_thread(server.end) == 0
    finally:
        server.close()
    for job_id in jobs:
        job = await at.job_of(db, job_id)
        assert (job.status, job.failed_count) == (JobStatus.SUCCEEDED, 0)
    assert await victims.times_finished(db) == {
        variant.id: 1 for job_id in jobs for variant in await at.variants_of(db, job_id)
    }
    assert await victims.revision_gaps(db) == {}
