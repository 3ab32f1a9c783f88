"""Jobs: reading, watching, cancelling and trying again."""

import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from executor.states import JobState
from resolvers import audit, idempotency
from resolvers.context import Context, Info, Parent
from resolvers.generating import require_unlocked
from resolvers.idempotency import Asked
from resolvers.identity import Viewer
from resolvers.inputs import CancelJobInput, JobFilter, RetryJobInput
from resolvers.paging import Listing, Order
from resolvers.refused import Refused, UserErrorCode, not_found
from resolvers.selection import selects
from resolvers.subjects import found
from resolvers.visible import visible
from store import base_image, posts, queue
from store.database.ids import new_id
from store.database.tables import (
    Job,
    JobKind,
    JobStatus,
    Subject,
    Task,
    TaskKind,
    Variant,
    VariantPurpose,
    VariantStatus,
)
from store.posts import PostMove

MISSING = frozenset({VariantStatus.FAILED, VariantStatus.CANCELED})
COPIED = (
    "owner_id", "subject_id", "post_id", "purpose", "source", "model_key", "model_version", "original_prompt",
    "enhanced_prompt", "enhanced_by", "composed_prompt", "negative_prompt", "parameters", "conditioning", "seed",
)  # fmt: skip


def jobs_of(viewer: Viewer, filter_by: JobFilter | None = None) -> Select[Job]:
    """The viewer's jobs."""
    statement = select(Job).where(visible(viewer, Job))
    wanted = filter_by or JobFilter()
    if wanted.subject_id is not None:
        statement = statement.where(Job.subject_id == wanted.subject_id)
    if wanted.kind is not None:
        statement = statement.where(Job.kind == wanted.kind)
    if wanted.status is not None:
        statement = statement.where(Job.status.in_(wanted.status))
    return statement


def jobs(info: Info, filter_by: JobFilter | None = None) -> Listing[Job]:
    """The list behind `jobs`, newest first."""
    return Listing(
        statement=jobs_of(info.context.viewer, filter_by),
        order=Order(key=Job.created_at, id=Job.id, descending=True),
    )


async def retried(job: Parent[Job], info: Info) -> Job | None:
    """The job that this one tries again."""
    return await info.context.load(Job, job.retry_of_id)


async def progress_of(job: Parent[Job], info: Info) -> JobState | None:
    """Where the job stands now, read together with all others that are asked for."""
    context, previews = info.context, selects(info, "variants", "preview")
    loader = context.batched(
        ("progress", previews), lambda keys: context.progress.now_many(keys, previews=previews)
    )
    state: JobState | None = await loader.load(job.id)
    return state


async def watch(info: Info, job_id: uuid.UUID, *, sharp: bool = False) -> AsyncGenerator[JobState, None]:
    """The whole state now and after every change, until the job is final; holds no session while it waits.

    `sharp` asks for previews by the tiny autoencoder, as long as previews are selected.

    Raises:
        Told: NOT_FOUND, when the viewer has no such job.
    """
    context = info.context
    if not await context.sees(Job, job_id):
        raise not_found("job")
    previews = selects(info, "variants", "preview")
    async with aclosing(context.progress.watch(job_id, previews=previews, sharp=sharp)) as states:
        async for state in states:
            context.forget()  # what an earlier event has loaded may have changed since
            yield state


async def cancel_job(info: Info, asked: CancelJobInput) -> Job:
    """Cancel at once; what is finished stays."""
    context = info.context
    async with context.writing() as session:
        job = await found(session, context.viewer, Job, asked.job_id)
        if job.status is JobStatus.CANCELED:
            return job
        canceled = await queue.cancel_job(session, job.id)
        if canceled is not None and canceled.status is not JobStatus.CANCELED:
            words = f"The job is {canceled.status.value}; a finished job cannot be cancelled."
            raise Refused(UserErrorCode.INVALID_STATE, words, ("jobId",))
    return job


async def retry_job(info: Info, asked: RetryJobInput) -> Job:
    """Make what a finished job still owes, as a new job: a text, and variants with their seeds and prompts."""
    context, once = info.context, Asked.of("retryJob", asked)
    async with context.writing() as session:
        made = await idempotency.earlier(session, context.viewer, once)
        if made is not None:
            return await found(session, context.viewer, Job, made["job"])
        job = await found(session, context.viewer, Job, asked.job_id)
        texts = await _unwritten(session, job)
        owed = await _owed(session, job, texts)
        _require_models(context, [*texts, *(task for task, _ in owed)])
        versions = await _versions(session, job, owed)
        again = _again(context, job)
        variants = [
            _copy(variant, again, version) for (_, variant), version in zip(owed, versions, strict=True)
        ]
        tasks = [_task(task, variant, again) for (task, _), variant in zip(owed, variants, strict=True)]
        if texts:
            tasks = [*(_task(task, None, again) for task in texts), *(queue.gated(task) for task in tasks)]
        await _begin_again(session, job, writing=bool(texts))
        await queue.enqueue(session, again, variants, tasks)
        audit.note(context, session, "job.retried", again, retry_of=str(job.id), count=len(tasks))
        await idempotency.keep(session, context.viewer, once, job=again.id)
    return again


def status_of(state: Parent[JobState]) -> JobStatus:
    """Where the job stands."""
    return state.job.status


async def _unwritten(session: AsyncSession, job: Job) -> Sequence[Task]:
    """The tasks of a finished job whose text is still owed; raises Refused for a job that is not finished."""
    if not job.status.final:
        words = f"The job is {job.status.value}; only a finished job can be tried again."
        raise Refused(UserErrorCode.INVALID_STATE, words, ("jobId",))
    if job.kind is JobKind.PUBLICATION:
        words = (
            "A publication is tried again with `approvePost` or `publishVariant`; nothing is published twice."
        )
        raise Refused(UserErrorCode.NOT_SUPPORTED, words, ("jobId",))
    if job.kind not in {JobKind.ARTICLE, JobKind.TEXT}:  # elsewhere a text only serves the pictures
        return ()
    statement = select(Task).where(
        Task.job_id == job.id,
        Task.kind == TaskKind.WRITE,
        Task.state.in_((JobStatus.FAILED, JobStatus.CANCELED)),
    )
    return (await session.scalars(statement)).all()


async def _begin_again(session: AsyncSession, job: Job, *, writing: bool) -> None:
    """The post of a job that is tried again is under way again; raises Refused when it has a text by now."""
    post = await posts.lock(session, job.post_id) if job.post_id is not None else None
    if post is None:
        return
    if writing and (post.content.strip() or not posts.allowed(post.status, PostMove.WRITING_BEGUN)):
        words = "The post was written meanwhile. `regeneratePostImages` makes more pictures for it."
        raise Refused(UserErrorCode.INVALID_STATE, words, ("jobId",))
    posts.advance(post, PostMove.WRITING_BEGUN if writing else PostMove.IMAGES_BEGUN)
    await session.flush()


async def _owed(session: AsyncSession, job: Job, texts: Sequence[Task]) -> list[tuple[Task, Variant]]:
    """The tasks of a finished job whose variants were not made; raises Refused when there is nothing to do."""
    statement = (
        select(Task, Variant)
        .join(Variant, Variant.id == Task.variant_id)
        .where(Task.job_id == job.id, Variant.status.in_(MISSING))
        .order_by(Variant.version_number)
    )
    owed = [(task, variant) for task, variant in (await session.execute(statement)).all()]
    if not owed and not texts:
        words = "Nothing is missing: every variant of this job was made."
        raise Refused(UserErrorCode.INVALID_STATE, words, ("jobId",))
    return owed


def _require_models(context: Context, tasks: Sequence[Task]) -> None:
    for key in {task.model_key for task in tasks if task.model_key is not None}:
        usable = context.models.availability(key)
        if not usable.available:
            reason = usable.reason or f"{key} is not available."
            raise Refused(UserErrorCode.MODEL_UNAVAILABLE, reason, ("jobId",))


async def _versions(session: AsyncSession, job: Job, owed: Sequence[tuple[Task, Variant]]) -> Sequence[int]:
    """New numbers: within the subject for base images, their own again in a series, else within the new job."""
    if job.series_id is not None:
        return [variant.version_number for _, variant in owed]
    if not owed or job.subject_id is None or owed[0][1].purpose is not VariantPurpose.BASE_IMAGE:
        return range(1, len(owed) + 1)
    subject = await session.get_one(Subject, job.subject_id, with_for_update=True)
    require_unlocked(subject, "jobId")
    return base_image.take_versions(subject, len(owed))


def _again(context: Context, job: Job) -> Job:
    return Job(
        id=new_id(),
        owner_id=job.owner_id,
        kind=job.kind,
        title=job.title,
        project=job.project,
        use_case=job.use_case,
        subject_id=job.subject_id,
        post_id=job.post_id,
        preset_key=job.preset_key,
        series_id=job.series_id,
        retry_of_id=job.id,
        request=job.request,
        request_id=context.request_id,
    )


def _copy(variant: Variant, job: Job, version: int) -> Variant:
    same: dict[str, Any] = {name: getattr(variant, name) for name in COPIED}
    return Variant(id=new_id(), job_id=job.id, version_number=version, **same)


def _task(task: Task, variant: Variant | None, job: Job) -> Task:
    spec = {**task.spec, "request_id": job.request_id or ""}
    if variant is not None:
        spec["variant_id"] = str(variant.id)
    return Task(
        id=new_id(),
        job_id=job.id,
        variant_id=variant.id if variant is not None else None,
        owner_id=task.owner_id,
        kind=task.kind,
        lane=task.lane,
        model_key=task.model_key,
        priority=task.priority,
        spec=spec,
        request_id=job.request_id,
        cost_estimate=task.cost_estimate,
    )
