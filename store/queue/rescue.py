"""Tasks whose worker is gone: found by their expired lease, or known to be a dead predecessor's."""

import dataclasses
import uuid

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from store.database.tables import JobStatus, Task, Variant
from store.queue.ending import Failure, fail_for_good, requeue
from store.queue.holding import Held
from store.queue.settling import locked_job, settle_job

MOST_DEATHS = 3
POISON = Failure(
    code="POISON",
    message=f"The server died {MOST_DEATHS} times while it worked on this; it will not be tried again.",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Orphan:
    """A running task as it was seen; `take_back` looks again under lock."""

    task_id: uuid.UUID
    fence: int
    job_id: uuid.UUID | None
    only_expired: bool


async def expired(session: AsyncSession, *, limit: int = 100) -> list[Orphan]:
    """Running tasks whose lease is over, longest first."""
    return await _orphans(session, limit=limit, only_expired=True)


async def running(session: AsyncSession) -> list[Orphan]:
    """All running tasks: at the start of a server that owns its database, those of its dead predecessor."""
    return await _orphans(session, limit=None, only_expired=False)


async def _orphans(session: AsyncSession, *, limit: int | None, only_expired: bool) -> list[Orphan]:
    query = select(Task.id, Task.fence, Task.job_id).where(Task.state == JobStatus.RUNNING)
    if only_expired:
        query = query.where(Task.lease_until < func.clock())
    rows = await session.execute(query.order_by(Task.lease_until).limit(limit))
    return [
        Orphan(task_id=task_id, fence=fence, job_id=job_id, only_expired=only_expired)
        for task_id, fence, job_id in rows
    ]


async def take_back(session: AsyncSession, orphan: Orphan) -> bool:
    """Put an orphan back into the queue, or park it as POISON. False when somebody else was faster.

    A death counts only if that run had reported a step and nothing new was saved since the last death. The
    fence must be as it was seen, so a task that got a new owner meanwhile is left alone.
    """
    job = None if orphan.job_id is None else await locked_job(session, orphan.job_id)
    task = await _still_orphaned(session, orphan)
    if task is None:
        return False
    variant = None
    if task.variant_id is not None:
        variant = await session.get(Variant, task.variant_id, with_for_update=True, populate_existing=True)
    if task.stepped and not task.advanced:
        task.deaths += 1
    task.stepped = task.advanced = False
    if task.deaths >= MOST_DEATHS:
        task.fence += 1
        await fail_for_good(session, Held(job=job, task=task, variant=variant), POISON)
        return True
    requeue(task, variant)
    if job is not None:
        await settle_job(session, job, queued=True)
    return True


async def _still_orphaned(session: AsyncSession, orphan: Orphan) -> Task | None:
    query = select(Task).where(
        Task.id == orphan.task_id, Task.fence == orphan.fence, Task.state == JobStatus.RUNNING
    )
    if orphan.only_expired:  # a heartbeat may have come since
        query = query.where(Task.lease_until < func.clock())
    return await session.scalar(query.with_for_update().execution_options(populate_existing=True))
