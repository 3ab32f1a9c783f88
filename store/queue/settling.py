"""What a job is, given its tasks. The one place where a job's status changes, always under its row lock."""

import uuid

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from store.database.tables import FINAL, Job, JobKind, JobStatus, Task
from store.events import Change, changed
from store.outbox import WebhookEvent, tell

ONE_MADE = "Image generated and saved locally (preview mode). Review and approve to publish."
MANY_MADE = "{count} images generated and saved locally (preview mode). Review and approve to publish."


async def locked_job(session: AsyncSession, job_id: uuid.UUID) -> Job | None:
    """The job, fresh and locked until the transaction ends; None when it is gone."""
    return await session.get(Job, job_id, with_for_update=True, populate_existing=True)


def revise(session: AsyncSession, job: Job, *, queued: bool = False, canceled: bool = False) -> None:
    """Count one committed change of a locked job, and tell subscribers after the commit.

    Once a transaction: the caller holds the row lock, so revisions have no gaps.
    """
    job.revision += 1
    job.updated_at = func.clock()
    changed(session, Change(job_id=job.id, queued=queued, canceled=canceled))


async def settle_job(session: AsyncSession, job: Job, *, queued: bool = False) -> None:
    """Recompute a locked job after one of its tasks ended or went back, and count the change.

    A final job keeps its state. While a task waits or runs the job goes on. Then: SUCCEEDED if any task
    succeeded (`failed_count` tells the rest), else FAILED with the failure of the task that ended last.
    """
    await session.flush()
    rows = await session.execute(select(Task.state, func.count()).where(_counts(job)).group_by(Task.state))
    counts = dict(rows.all())
    job.failed_count = counts.get(JobStatus.FAILED, 0)
    revise(session, job, queued=queued)  # before the outside is told, which writes the row
    if not job.status.final and not counts.keys() & {JobStatus.QUEUED, JobStatus.RUNNING}:
        await _end(session, job, made=counts.get(JobStatus.SUCCEEDED, 0))


async def _end(session: AsyncSession, job: Job, *, made: int) -> None:
    job.finished_at = func.clock()
    if made:
        job.status = JobStatus.SUCCEEDED
        if job.kind is JobKind.IMAGE:
            job.message = ONE_MADE if made == 1 else MANY_MADE.format(count=made)
        await tell_end(session, job, WebhookEvent.JOB_SUCCEEDED)
        return
    job.status = JobStatus.FAILED
    last = await session.scalar(
        select(Task)
        .where(_counts(job), Task.state == JobStatus.FAILED)
        .order_by(Task.finished_at.desc(), Task.id.desc())
        .limit(1)
    )
    if last is not None:
        job.failure_code = last.failure_code
        job.failure_message = last.failure_message
        job.failure_retryable = last.failure_retryable
    await tell_end(session, job, WebhookEvent.JOB_FAILED)


def _counts(job: Job) -> ColumnElement[bool]:
    """The tasks that decide what becomes of a job: of an IMAGE job its pictures, not the text that led to them."""
    own = Task.job_id == job.id
    if job.kind is not JobKind.IMAGE:
        return own
    return own & (Task.variant_id.is_not(None) | Task.state.not_in(FINAL))


async def tell_end(session: AsyncSession, job: Job, event: WebhookEvent) -> None:
    """Tell the outside, once, that a job is final."""
    data = {
        "jobId": str(job.id),
        "kind": job.kind.value,
        "title": job.title,
        "failedCount": job.failed_count,
        "failureCode": job.failure_code,
    }
    await tell(session, job.owner_id, event, str(job.id), data)
