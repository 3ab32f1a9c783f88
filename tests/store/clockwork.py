"""A database whose time the test moves, and short ways to drive the queue in it.

One connection, because `likeness.now` belongs to a connection.
"""

import asyncio
import datetime
import uuid
from collections.abc import Coroutine
from typing import Any, TypeVar

from sqlalchemy import delete, text

from store.database.sessions import Database, PoolOptions
from store.database.tables import Lane, Task, User
from store.queue import (
    Claim,
    Failure,
    Request,
    RetryPolicy,
    begin,
    claim,
    expired,
    fail,
    finish,
    hold,
    mark_stepped,
    running,
    take_back,
)

T = TypeVar("T")
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
AGAIN = Failure(code="PROVIDER_DOWN", message="away", retryable=True)


class Clockwork:
    """A Database with a clock of its own."""

    def __init__(self, url: str) -> None:
        self.db = Database(url, PoolOptions(size=1))
        self.now = START

    async def set(self, now: datetime.datetime) -> None:
        """Make it that time."""
        self.now = now
        async with self.db.session() as session:
            await session.execute(
                text("SELECT set_config('likeness.now', :now, false)"), {"now": now.isoformat()}
            )

    async def sleep(self, seconds: float) -> None:
        """Let that much time pass."""
        await self.set(self.now + datetime.timedelta(seconds=seconds))

    async def clear(self) -> None:
        """An empty queue at the beginning of time."""
        await self.set(START)
        async with self.db.begin() as session:
            await session.execute(delete(User))
            await session.execute(delete(Lane))

    async def claim(self, room: int = 1, **how: Any) -> list[Claim]:
        """Claim from the local lane, as a worker called w."""
        async with self.db.begin() as session:
            return await claim(session, Request(**{"lane": "local", "worker": "w", "room": room, **how}))

    async def begin(self, claimed: Claim) -> None:
        """See queue.begin."""
        async with self.db.begin() as session:
            await begin(session, claimed)

    async def finish(self, claimed: Claim) -> None:
        """End a run well."""
        async with self.db.begin() as session:
            await finish(session, await hold(session, claimed))

    async def fail(self, claimed: Claim, failure: Failure = AGAIN, **policy: Any) -> bool:
        """End a run badly; noise 0.5, so waits are exact powers of two."""
        async with self.db.begin() as session:
            return await fail(session, await hold(session, claimed), failure, RetryPolicy(**policy))

    async def step(self, claimed: Claim) -> None:
        """Let a run report a step."""
        async with self.db.begin() as session:
            await mark_stepped(session, [claimed])

    async def save(self, claimed: Claim) -> None:
        """Let a run save something."""
        async with self.db.begin() as session:
            held = await hold(session, claimed)
            held.task.advanced = True

    async def sweep(self) -> int:
        """Take back what has expired; how many."""
        return await self._take_back(await self._seen(only_expired=True))

    async def restart(self) -> int:
        """Take back all that runs; how many."""
        return await self._take_back(await self._seen(only_expired=False))

    async def _seen(self, *, only_expired: bool) -> list[Any]:
        async with self.db.session() as session:
            return await expired(session) if only_expired else await running(session)

    async def _take_back(self, orphans: list[Any]) -> int:
        taken = 0
        for orphan in orphans:
            async with self.db.begin() as session:
                taken += await take_back(session, orphan)
        return taken

    async def task(self, task_id: uuid.UUID) -> Task:
        """The row as it is now."""
        async with self.db.session() as session:
            task = await session.get(Task, task_id)
        assert task is not None
        return task


class Sync:
    """Drives coroutines from synchronous rules, on one loop."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()

    def __call__(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def close(self) -> None:
        """End the loop."""
        self._runner.close()
