"""How work enters the queue: in the caller's transaction, all or nothing."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from store import ledger
from store.database.tables import Job, Task, Variant
from store.events import Change, changed


async def enqueue(
    session: AsyncSession, job: Job, variants: Sequence[Variant], tasks: Sequence[Task]
) -> None:
    """Add the rows of one job and hold what its tasks may cost; workers are told when the caller commits.

    A task holds its estimate, and one picture if it makes one. Locks the owner's usage: lock everything else before.

    Flushes, so that a violated constraint is raised here. Waits for nobody: whose turn it is, is counted when
    tasks are claimed.

    Raises:
        Exceeded: a limit of the owner's does not allow it; roll everything back.
    """
    for rows in ([job], variants, tasks):
        session.add_all(rows)
        await session.flush()
    await ledger.hold(session, job.owner_id, [ledger.promise(task) for task in tasks])
    changed(session, Change(job_id=job.id, queued=True))
