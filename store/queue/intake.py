"""How work enters the queue: in the caller's transaction, all or nothing."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from store.database.tables import Job, Task, Variant
from store.events import Change, changed


async def enqueue(
    session: AsyncSession, job: Job, variants: Sequence[Variant], tasks: Sequence[Task]
) -> None:
    """Add the rows of one job; workers are told when the caller commits.

    Flushes, so that a violated constraint is raised here. Waits for nobody: whose turn it is, is counted when
    tasks are claimed.
    """
    for rows in ([job], variants, tasks):
        session.add_all(rows)
        await session.flush()
    changed(session, Change(job_id=job.id, queued=True))
