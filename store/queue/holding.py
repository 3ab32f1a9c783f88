"""A claimed task in the hands of its worker: the fence before every write, the lease, the beginning."""

import dataclasses
import uuid
from collections.abc import Sequence

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from store.database.tables import Job, JobStatus, Task, Variant, VariantStatus
from store.queue.claiming import Claim
from store.queue.settling import locked_job, revise


class LeaseLostError(Exception):
    """The task went to somebody else, was cancelled or deleted. The run must stop and can write nothing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Held:
    """The rows of a task this worker still holds, locked until the transaction ends."""

    job: Job | None
    task: Task
    variant: Variant | None


async def hold(session: AsyncSession, claim: Claim) -> Held:
    """Lock job, task and variant of a claim. Every write of a run begins with this.

    Raises:
        LeaseLostError: the fence has risen, the task is no longer running, or it is gone.
    """
    job = None if claim.job_id is None else await locked_job(session, claim.job_id)
    task = await session.scalar(
        select(Task)
        .where(Task.id == claim.task_id, Task.fence == claim.fence, Task.state == JobStatus.RUNNING)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if task is None:
        raise LeaseLostError(f"task {claim.task_id} is no longer held with fence {claim.fence}")
    variant = None
    if task.variant_id is not None:
        variant = await session.get(Variant, task.variant_id, with_for_update=True, populate_existing=True)
    return Held(job=job, task=task, variant=variant)


async def begin(session: AsyncSession, claim: Claim) -> Held:
    """Say that a claimed task now runs: its job and variant become RUNNING.

    Raises:
        LeaseLostError: see `hold`.
    """
    held = await hold(session, claim)
    if held.variant is not None:
        held.variant.status = VariantStatus.RUNNING
    if held.job is not None:
        if held.job.status is JobStatus.QUEUED:
            held.job.status = JobStatus.RUNNING
            held.job.started_at = func.clock()
        revise(session, held.job)
    return held


_HEARTBEAT = text("""
WITH mine AS (
  SELECT tasks.id FROM tasks
  JOIN unnest(CAST(:ids AS uuid[]), CAST(:fences AS bigint[])) AS held(id, fence) USING (id, fence)
  WHERE tasks.state = 'RUNNING' ORDER BY tasks.id FOR UPDATE OF tasks
)
UPDATE tasks SET lease_until = clock() + make_interval(secs => :lease)
FROM mine WHERE tasks.id = mine.id RETURNING tasks.id
""")


async def heartbeat(
    session: AsyncSession, claims: Sequence[Claim], *, lease_seconds: float
) -> set[uuid.UUID]:
    """Lengthen the leases. Returns the task ids still held: the runs of all others must be cancelled at once."""
    rows = await session.scalars(_HEARTBEAT, {**_pairs(claims), "lease": lease_seconds})
    return set(rows)


_STEPPED = text("""
WITH mine AS (
  SELECT tasks.id FROM tasks
  JOIN unnest(CAST(:ids AS uuid[]), CAST(:fences AS bigint[])) AS held(id, fence) USING (id, fence)
  WHERE tasks.state = 'RUNNING' AND NOT tasks.stepped ORDER BY tasks.id FOR UPDATE OF tasks
)
UPDATE tasks SET stepped = true FROM mine WHERE tasks.id = mine.id
""")


async def mark_stepped(session: AsyncSession, claims: Sequence[Claim]) -> None:
    """Remember that these runs reported a step, so that an expired lease counts as a death."""
    await session.execute(_STEPPED, _pairs(claims))


def _pairs(claims: Sequence[Claim]) -> dict[str, list[uuid.UUID] | list[int]]:
    return {"ids": [claim.task_id for claim in claims], "fences": [claim.fence for claim in claims]}
