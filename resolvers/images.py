"""Having pictures made: `generateImages`, what it would cost, and the chain of jobs that go on from one another."""

import dataclasses
import uuid
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from generators.spec import TextSpec
from resolvers import audit, characters, idempotency, planning, prompts, texts, wishes
from resolvers.context import Context, Info, Parent
from resolvers.idempotency import Asked
from resolvers.identity import Scope
from resolvers.images_inputs import GenerateImagesInput
from resolvers.inputs import NAME
from resolvers.paging import Listing, Order
from resolvers.planning import Prepared
from resolvers.refused import Refused, UserErrorCode, forbidden
from resolvers.subjects import found
from resolvers.variants import variants_of
from resolvers.wishes import Wish
from store import queue
from store.database.ids import new_id
from store.database.tables import Job, JobKind, Task, Variant, VariantPurpose

SMART_TOKENS = 400


async def generate_images(info: Info, asked: GenerateImagesInput) -> Job:
    """Enqueue pictures: several models side by side, a subject held, from scratch or going on from a job."""
    context, once = info.context, Asked.of("generateImages", asked)
    if asked.auto_publish and not context.viewer.may(Scope.PUBLISH):
        raise forbidden("`autoPublish` needs the scope PUBLISH, which your role or key does not have.")
    async with context.writing() as session:
        made = await idempotency.earlier(session, context.viewer, once)
        if made is not None:
            return await found(session, context.viewer, Job, made["job"])
        parent = await _parent(session, context, asked.job_id)
        wish = await _with_newcomer(context, session, asked, _wish(asked, parent))
        ready = await planning.prepare(context, session, wish, by_seed=parent is None)
        job = _job(context, ready, parent)
        await enqueue(context, session, job, ready, first_version=await _next_version(session, parent))
        audit.note(context, session, "images.generated", job, count=ready.pictures)
        await idempotency.keep(session, context.viewer, once, job=job.id)
    return job


async def enqueue(
    context: Context, session: AsyncSession, job: Job, ready: Prepared, *, first_version: int = 1
) -> None:
    """Put a job's pictures into the queue; with a smart prompt and a text model they wait for its words.

    Raises:
        Exceeded: a limit of the owner's does not allow it; roll everything back.
    """
    variants, tasks = planning.rows(context, job, ready, first_version=first_version)
    writing = _rewriting(context, job, ready)
    if writing is not None:
        job.request = {**job.request, "frame": {"before": ready.frame.before, "after": ready.frame.after}}
        tasks = [writing, *(queue.gated(task) for task in tasks)]
    await queue.enqueue(session, job, variants, tasks)


def series(job: Parent[Job], info: Info) -> Listing[Variant]:
    """All pictures of the chain, by version number."""
    first = planning.series_of(job)
    chain = select(Job.id).where(or_(Job.id == first, Job.series_id == first))
    statement = variants_of(info.context.viewer).where(Variant.job_id.in_(chain))
    return Listing(statement=statement, order=Order(key=Variant.version_number, id=Variant.id))


async def continued(job: Parent[Job], info: Info) -> Job | None:
    """The job that this one goes on from."""
    return await info.context.load(Job, job.continues_id)


def _wish(asked: GenerateImagesInput, parent: Job | None) -> Wish:
    said = wishes.said(asked)
    return said if parent is None else wishes.going_on(said, parent.request)


async def _with_newcomer(
    context: Context, session: AsyncSession, asked: GenerateImagesInput, wish: Wish
) -> Wish:
    """The wish, with a character made on the spot as its subject; refusals name the field of `newCharacter`."""
    if asked.new_character is None:
        return wish
    if asked.subject_id is not None or wish.scene_only:
        words = "`newCharacter` shall be in the pictures; leave `subjectId` and `sceneOnly` out."
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("newCharacter",))
    try:
        character = await characters.make(session, context.viewer, asked.new_character)
    except Refused as refusal:
        raise Refused(refusal.reason, refusal.message, ("newCharacter", *refusal.field)) from refusal
    return dataclasses.replace(wish, subject_id=character.id)


async def _parent(session: AsyncSession, context: Context, job_id: uuid.UUID | None) -> Job | None:
    """The finished job to go on from; the chain's first job is locked, so that version numbers never meet."""
    if job_id is None:
        return None
    job = await found(session, context.viewer, Job, job_id)
    if job.kind is not JobKind.IMAGE:
        words = f"This job is {job.kind.value}; only one that made images can be gone on from."
        raise Refused(UserErrorCode.NOT_SUPPORTED, words, ("jobId",))
    if not job.status.final:
        words = f"The job is {job.status.value}; only a finished job can be gone on from."
        raise Refused(UserErrorCode.INVALID_STATE, words, ("jobId",))
    base = select(Variant.id).where(Variant.job_id == job.id, Variant.purpose == VariantPurpose.BASE_IMAGE)
    if await session.scalar(base.limit(1)) is not None:
        words = "This job made a base image; refine that with `generateBaseImage`."
        raise Refused(UserErrorCode.NOT_SUPPORTED, words, ("jobId",))
    await session.execute(select(Job.id).where(Job.id == planning.series_of(job)).with_for_update())
    return job


async def _next_version(session: AsyncSession, parent: Job | None) -> int:
    if parent is None:
        return 1
    first = planning.series_of(parent)
    highest = (
        select(func.max(Variant.version_number))
        .join(Job, Job.id == Variant.job_id)
        .where(or_(Job.id == first, Job.series_id == first))
    )
    return (await session.scalar(highest) or 0) + 1


def _job(context: Context, ready: Prepared, parent: Job | None) -> Job:
    wish = ready.wish
    goes_on: dict[str, Any] = {}
    if parent is not None:
        goes_on = {"continues_id": parent.id, "series_id": planning.series_of(parent)}
    return Job(
        id=new_id(),
        owner_id=context.viewer.user_id,
        kind=JobKind.IMAGE,
        title=(parent.title if parent is not None else wish.titled)[:NAME],
        project=parent.project if parent is not None else wish.project,
        use_case=ready.use_case,
        subject_id=wish.subject_id,
        post_id=wish.post_id,
        preset_key=wish.preset_key,
        request=wish.kept(),
        request_id=context.request_id,
        **goes_on,
    )


def _rewriting(context: Context, job: Job, ready: Prepared) -> Task | None:
    """The task that rewrites the prompt; None when that is not wanted or there is no text model."""
    model = context.models.text_model() if ready.smart else None
    if model is None:
        return None
    spec = TextSpec(
        model=model.key,
        instructions=prompts.REWRITE,
        prompt=prompts.rewriting(ready.wish.words, ready.frame, ready.use_case),
        max_output_tokens=SMART_TOKENS,
        owner_id=str(job.owner_id),
        request_id=context.request_id or "",
    )
    return texts.write_task(context, job, spec)
