"""Tasks that wait for another task of their job: enqueued and held for, but not claimable before a gate opens.

Knows rows only. The gate is far in the future; opening it is a write like any other, so a crash loses nothing.
"""

import uuid

from sqlalchemy import func, text
from sqlalchemy.ext.asyncio import AsyncSession

from store.database.tables import Task
from store.events import Change, changed

_OPEN = text("""
UPDATE tasks SET not_before = clock()
WHERE job_id = :job AND state = 'QUEUED' AND not_before > clock() + interval '50 years'
""")


def gated(task: Task) -> Task:
    """The same new task, waiting at its job's gate."""
    task.not_before = func.clock() + text("interval '100 years'")
    return task


async def open_gate(session: AsyncSession, job_id: uuid.UUID) -> None:
    """Let what waits at a locked job's gate be claimed; workers are told after the commit."""
    await session.flush()
    await session.execute(_OPEN, {"job": job_id})
    changed(session, Change(job_id=job_id, queued=True))
