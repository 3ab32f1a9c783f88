"""Kills a server again and again while jobs come in, and checks what is left."""

import asyncio
import dataclasses
import random
import uuid
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from generators.scripted import KEY
from store.database.sessions import Database
from store.database.tables import JobStatus, VariantStatus
from store.files.vault import Vault
from tests.executor import workshop as at
from tests.kills import victims

SEED = 20261120


@dataclasses.dataclass(frozen=True, kw_only=True)
class Campaign:
    """What is killed how often. `every` = seconds between jobs, from and to; `worker` = what the process is told.

    `linger` = at most so many seconds pass between a finished picture and the kill.
    """

    db: Database
    url: str
    folder: Path
    kills: int
    worker: Mapping[str, Any]
    model: str = KEY
    every: tuple[float, float] = (0.1, 0.5)
    linger: float = 0.6
    chance: random.Random = dataclasses.field(default_factory=lambda: random.Random(SEED))

    async def run(self) -> list[uuid.UUID]:
        """Start and kill workers while jobs come in, then let one finish; the acknowledged jobs."""
        await victims.remember(self.db)
        acknowledged: list[uuid.UUID] = []
        driving = asyncio.create_task(self._drive(acknowledged))
        for number in range(self.kills):
            # a server with a database of its own takes everything back at once, another one waits for the lease
            how = {"exclusive": number % 2 == 0, **self.worker}
            async with victims.victim(self.url, self.folder, wait=False, **how) as worker:
                await (self._starting() if number % 5 == 4 else self._working(worker))
                await worker.kill()
        driving.cancel()
        await asyncio.gather(driving, return_exceptions=True)
        async with victims.victim(self.url, self.folder, exclusive=True, **self.worker) as worker:
            await victims.all_final(self.db, timeout=120 + self.kills)
            assert await worker.stop() == 0
        return acknowledged

    async def check(self, acknowledged: list[uuid.UUID]) -> None:
        """What must hold however often the server died."""
        assert acknowledged
        for job_id in acknowledged:
            job = await at.job_of(self.db, job_id)
            found = (job.status, job.failed_count, job.failure_message)
            assert found == (JobStatus.SUCCEEDED, 0, None), found
            variants = await at.variants_of(self.db, job_id)
            assert all(variant.status is VariantStatus.DRAFT for variant in variants)
        assert set((await victims.times_finished(self.db)).values()) == {1}
        assert await victims.revision_gaps(self.db) == {}
        await at.build(self.db, self.folder).executor.clean_up()
        assert victims.on_disk(Vault(self.folder)) == await victims.referred(self.db)

    async def _drive(self, acknowledged: list[uuid.UUID]) -> None:
        owners = [await at.add_user(self.db, name) for name in ("ann", "bob")]
        while True:
            order = at.Order(
                owner_id=self.chance.choice(owners),
                prompt=f"picture {len(acknowledged)}",
                count=self.chance.randint(1, 3),
                steps=self.chance.randint(2, 14),
                model=self.model,
            )
            acknowledged.append(await at.add_job(self.db, order))
            await asyncio.sleep(self.chance.uniform(*self.every))

    async def _starting(self) -> None:
        await asyncio.sleep(self.chance.uniform(0.0, 0.1))

    async def _working(self, worker: victims.Victim) -> None:
        """Let it finish one picture: a server that dies every time before that is what poison looks like."""
        await worker.ready()
        await victims.until(one_more_than(self.db, await finished(self.db)), timeout=60)
        await asyncio.sleep(self.chance.uniform(0.0, self.linger))


async def finished(db: Database) -> int:
    """How many variants have been finished so far."""
    return sum((await victims.times_finished(db)).values())


def one_more_than(db: Database, before: int) -> Callable[[], Awaitable[bool]]:
    """Whether another variant was finished."""

    async def holds() -> bool:
        return await finished(db) > before

    return holds
