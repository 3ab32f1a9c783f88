"""Looks after what nobody holds: tasks of dead servers, saved states of ended tasks, the depth of the queue."""

import asyncio
import itertools
from collections.abc import Iterable

import structlog
from sqlalchemy import select, text, update

from executor.models import Models
from executor.recorder import Tools, drop_latents
from store.database.tables import FINAL, Task
from store.queue import depths, expired, running, take_back

log = structlog.get_logger(__name__)

_DURATIONS = text("""
SELECT model_key, generation_time_ms FROM (
  SELECT model_key, generation_time_ms, id FROM variants
  WHERE generation_time_ms > 0 AND model_key IS NOT NULL ORDER BY created_at DESC, id DESC LIMIT 200
) AS newest ORDER BY id
""")

_REFERRED = text("""
SELECT name FROM unnest(CAST(:names AS text[])) AS name
WHERE EXISTS (SELECT 1 FROM files WHERE sha256 = name OR thumbnail_256 = name OR thumbnail_512 = name)
   OR EXISTS (SELECT 1 FROM tasks WHERE latents = name)
   OR EXISTS (SELECT 1 FROM adapters WHERE sha256 = name)
""")
BATCH = 500


class Janitor:
    """Everything here may be done by several servers at once and again after a crash."""

    def __init__(self, tools: Tools, lanes: Iterable[str] = ()) -> None:
        """`lanes` are those whose depth is told from the start, also while nothing waits in them."""
        self._tools = tools
        self._lanes = set(lanes)

    async def take_over(self) -> int:
        """Put a dead predecessor's tasks back into the queue, however fresh their leases; returns how many."""
        async with self._tools.db.session() as session:
            orphans = await running(session)
        for orphan in orphans:
            async with self._tools.db.begin() as session:
                await take_back(session, orphan)
        return len(orphans)

    async def sweep(self) -> None:
        """One round: expired leases, saved states, depths."""
        async with self._tools.db.session() as session:
            orphans = await expired(session)
        for orphan in orphans:
            async with self._tools.db.begin() as session:
                taken = await take_back(session, orphan)
            log.info("lease ran out", task=str(orphan.task_id), taken_back=taken)
        await self._drop_saved_states()
        await self._observe_depths()

    async def drop_unreferenced(self, *, older_than: float) -> int:
        """Delete bytes that no row refers to, left by crashes; those put after `older_than` (seconds since 1970) stay.

        Returns how many went.
        """
        vault, gone = self._tools.vault, 0
        kept = vault.stored()
        while batch := await asyncio.to_thread(lambda: list(itertools.islice(kept, BATCH))):
            names = [stored.sha256 for stored in batch]
            async with self._tools.db.session() as session:
                used = set(await session.scalars(_REFERRED, {"names": names}))
            for name in set(names) - used:
                gone += await vault.delete_async(name, unless_newer_than=older_than)
        await asyncio.to_thread(vault.drop_unfinished, older_than=older_than)
        return gone

    async def learn_durations(self, models: Models) -> None:
        """Remember how long pictures took before this start."""
        async with self._tools.db.session() as session:
            rows = await session.execute(_DURATIONS)
        for key, milliseconds in rows:
            models.measured(key, milliseconds / 1000)

    async def _drop_saved_states(self) -> None:
        async with self._tools.db.session() as session:
            ended = await session.execute(
                select(Task.id, Task.latents)
                .where(Task.latents.is_not(None), Task.state.in_(FINAL))
                .limit(100)
            )
        for task_id, sha256 in ended.all():
            if sha256 is not None:
                await drop_latents(self._tools, sha256, of=task_id)
            async with self._tools.db.begin() as session:
                await session.execute(update(Task).where(Task.id == task_id).values(latents=None))

    async def _observe_depths(self) -> None:
        async with self._tools.db.session() as session:
            waiting = await depths(session)
        self._lanes |= waiting.keys()
        for lane in self._lanes:
            self._tools.observer.queue_depth(lane, waiting.get(lane, 0))
