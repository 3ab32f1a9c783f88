"""How a task ends: done, failed, cancelled, or given back. Each in the caller's transaction, behind the fence."""

import dataclasses
import datetime
import uuid

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from store import ledger, posts
from store.database.tables import (
    FINAL,
    Job,
    JobKind,
    JobStatus,
    Task,
    TaskKind,
    TaskProgress,
    Variant,
    VariantStatus,
)
from store.outbox import WebhookEvent
from store.queue.backoff import RetryPolicy, seconds_until_retry
from store.queue.claiming import Claim
from store.queue.gates import open_gate
from store.queue.holding import Held, hold
from store.queue.settling import locked_job, revise, settle_job, tell_end


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a run made nothing. `code` is a FailureCode; `retry_after` in seconds; `tried` False = it only waited."""

    code: str
    message: str
    retryable: bool = False
    retry_after: float | None = None
    tried: bool = True


async def finish(session: AsyncSession, held: Held) -> None:
    """End a held task that did its work, and bill it. The caller has already written what was made.

    Takes the lock of the owner's usage, so subjects are locked before.
    """
    await end_task(session, held.task, JobStatus.SUCCEEDED)
    if held.job is not None:
        await settle_job(session, held.job)
    await ledger.settle(session, [held.task.id])


async def fail(session: AsyncSession, held: Held, failure: Failure, policy: RetryPolicy) -> bool:
    """End a held task that failed, or let it try again later. Returns whether it will try again.

    Who could not even try goes back unharmed, however often: a provider's rest closes a lane, never a job.
    """
    task = held.task
    if failure.retryable:
        task.tries += failure.tried
        if task.tries < policy.max_tries or not failure.tried:
            wait = seconds_until_retry(task.tries, noise=policy.noise, retry_after=failure.retry_after)
            requeue(task, held.variant, after=wait)
            await _drop_progress(session, task)
            if held.job is not None:
                await settle_job(session, held.job)
            return True
    await fail_for_good(session, held, failure)
    return False


async def fail_for_good(session: AsyncSession, held: Held, failure: Failure) -> None:
    """End a held task as FAILED, without another try.

    Pictures that waited for a better prompt are made without it; those of an article that has no text fail too.
    """
    _note_failure(held.task, held.variant, failure)
    await end_task(session, held.task, JobStatus.FAILED)
    ended = [held.task.id]
    if held.job is not None:
        if held.task.kind is TaskKind.WRITE and held.job.kind is not JobKind.ARTICLE:
            await open_gate(session, held.job.id)
        elif held.task.kind is TaskKind.WRITE:
            ended += await _fail_waiting(session, held.job, failure)
        await posts.lost(session, held.job, held.task.kind)
        await settle_job(session, held.job)
    await ledger.settle(session, ended)


def _note_failure(task: Task, variant: Variant | None, failure: Failure) -> None:
    for row in (task, variant):
        if row is not None:
            row.failure_code = failure.code
            row.failure_message = failure.message
            row.failure_retryable = failure.retryable
    if variant is not None:
        variant.status = VariantStatus.FAILED
        variant.finished_at = func.clock()


async def _fail_waiting(session: AsyncSession, job: Job, failure: Failure) -> list[uuid.UUID]:
    """End every task of a locked job that still waits, for the same reason; their ids."""
    rows = await session.execute(
        select(Task, Variant)
        .outerjoin(Variant, Variant.id == Task.variant_id)
        .where(Task.job_id == job.id, Task.state == JobStatus.QUEUED)
        .order_by(Task.id)
        .with_for_update(of=Task)
    )
    ended = []
    for task, variant in rows.all():
        _note_failure(task, variant, failure)
        await end_task(session, task, JobStatus.FAILED)
        ended.append(task.id)
    return ended


async def release(session: AsyncSession, claim: Claim) -> None:
    """Give a task back unharmed, as a server does that stops: neither tries nor deaths change.

    Raises:
        LeaseLostError: it was no longer ours to give back.
    """
    held = await hold(session, claim)
    requeue(held.task, held.variant)
    await _drop_progress(session, held.task)
    if held.job is not None:
        await settle_job(session, held.job, queued=True)


async def cancel_job(session: AsyncSession, job_id: uuid.UUID) -> Job | None:
    """Cancel a job at once: what waits or runs is CANCELED, finished variants stay. None when it is gone.

    A final job is left as it is. Runs lose their fence here and are told after the commit. Takes the lock of the
    owner's usage; who must lock a subject as well calls `stop_job`, locks it, then calls `ledger.settle_jobs`.
    """
    job = await stop_job(session, job_id)
    if job is not None and job.status is JobStatus.CANCELED:
        await ledger.settle_jobs(session, [job_id])
    return job


async def stop_job(session: AsyncSession, job_id: uuid.UUID) -> Job | None:
    """As `cancel_job`, without the ledger: the holds of its tasks stay until they are settled."""
    job = await locked_job(session, job_id)
    if job is None or job.status.final:
        return job
    tasks = await session.scalars(
        select(Task)
        .where(Task.job_id == job_id, Task.state.not_in(FINAL))
        .order_by(Task.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    kinds: set[TaskKind] = set()
    for task in tasks.all():
        task.fence += 1
        await end_task(session, task, JobStatus.CANCELED)
        await _cancel_variant(session, task)
        kinds.add(task.kind)
    for kind in kinds:
        await posts.lost(session, job, kind)
    job.status = JobStatus.CANCELED
    job.finished_at = func.clock()
    revise(session, job, canceled=True)
    await tell_end(session, job, WebhookEvent.JOB_CANCELED)
    await session.flush()
    await session.refresh(job)  # so that the caller has the row as it will be committed
    return job


async def end_task(session: AsyncSession, task: Task, state: JobStatus) -> None:
    """Give a locked task its final state and drop its live progress."""
    task.state = state
    task.finished_at = func.clock()
    task.lease_until = None
    await _drop_progress(session, task)


def requeue(task: Task, variant: Variant | None, *, after: float = 0.0) -> None:
    """Put a locked task back into the queue, claimable after that many seconds. The fence rises: its run is over."""
    task.state = JobStatus.QUEUED
    task.fence += 1
    task.worker = None
    task.lease_until = None
    task.not_before = func.clock() + datetime.timedelta(seconds=after)
    if variant is not None:
        variant.status = VariantStatus.QUEUED


async def _cancel_variant(session: AsyncSession, task: Task) -> None:
    if task.variant_id is None:
        return
    variant = await session.get(Variant, task.variant_id, with_for_update=True, populate_existing=True)
    if variant is not None:
        variant.status = VariantStatus.CANCELED
        variant.finished_at = func.clock()


async def _drop_progress(session: AsyncSession, task: Task) -> None:
    await session.execute(delete(TaskProgress).where(TaskProgress.task_id == task.id))
