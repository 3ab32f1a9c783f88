"""Making base images: one job, one variant and one task for each candidate, all in one transaction."""

import dataclasses
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from executor import specs
from generators.catalog import Model, Provider
from generators.spec import Conditioning, FileRef, ImageSpec
from resolvers import audit, choosing, idempotency, masks, prompts, refining, wishes
from resolvers.choosing import Settings
from resolvers.context import Context, Info
from resolvers.idempotency import Asked
from resolvers.ids import SubjectId
from resolvers.images_inputs import GenerateBaseImagesInput
from resolvers.inputs import GenerateBaseImageInput
from resolvers.refused import Refused, UserErrorCode
from resolvers.subjects import LOCKED, found
from resolvers.visible import visible
from store import base_image, queue
from store.database.ids import new_id
from store.database.tables import (
    ImageSource,
    Job,
    JobKind,
    Subject,
    Task,
    TaskKind,
    Variant,
    VariantPurpose,
)

TITLE = 200
MOST_SUBJECTS = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Making:
    """Everything one base-image job is made of, checked."""

    model: Model
    lane: str
    settings: Settings
    prompt: str
    negative_prompt: str | None
    conditioning: tuple[Conditioning, ...]
    mask: FileRef | None = None


async def generate_base_image(info: Info, asked: GenerateBaseImageInput) -> Job:
    """Enqueue candidates for a subject's base image; refines the current draft unless told otherwise."""
    context, once = info.context, Asked.of("generateBaseImage", asked)
    async with context.writing() as session:
        made = await idempotency.earlier(session, context.viewer, once)
        if made is not None:
            return await found(session, context.viewer, Job, made["job"])
        subject = await found(session, context.viewer, Subject, asked.subject_id, lock=True)
        job = await _enqueue(context, session, subject, asked)
        await idempotency.keep(session, context.viewer, once, job=job.id)
    return job


async def generate_base_images(info: Info, asked: GenerateBaseImagesInput) -> list[Job]:
    """Enqueue candidates for many subjects, all or none; a job for each, in the order they were named."""
    context, once = info.context, Asked.of("generateBaseImages", asked)
    if not 1 <= len(asked.subject_ids) <= MOST_SUBJECTS:
        words = f"Give 1 to {MOST_SUBJECTS} subjects; got {len(asked.subject_ids)}."
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("subjectIds",))
    if len(set(asked.subject_ids)) < len(asked.subject_ids):
        raise Refused(UserErrorCode.INVALID_INPUT, "Name each subject once.", ("subjectIds",))
    async with context.writing() as session:
        made = await idempotency.earlier(session, context.viewer, once)
        if made is not None:
            return [await found(session, context.viewer, Job, made[name]) for name in sorted(made)]
        subjects = await _locked(session, context, asked.subject_ids)
        jobs = [
            await _one_of_many(context, session, subject, at, asked) for at, subject in enumerate(subjects)
        ]
        created = {f"job{at:02d}": job.id for at, job in enumerate(jobs)}
        await idempotency.keep(session, context.viewer, once, **created)
    return jobs


async def _one_of_many(
    context: Context, session: AsyncSession, subject: Subject, at: int, asked: GenerateBaseImagesInput
) -> Job:
    """As if `generateBaseImage` were called for it; a refusal about the subject names its place."""
    same = {
        field.name: getattr(asked, field.name)
        for field in dataclasses.fields(asked)
        if field.name not in {"subject_ids", "idempotency_key"}
    }
    one_of_them = GenerateBaseImageInput(subject_id=SubjectId(subject.id), **same)
    try:
        return await _enqueue(context, session, subject, one_of_them)
    except Refused as refusal:
        if refusal.field != ("subjectId",):
            raise
        words = f"{subject.name}: {refusal.message}"
        raise Refused(refusal.reason, words, ("subjectIds", str(at))) from refusal


async def _locked(session: AsyncSession, context: Context, ids: Sequence[uuid.UUID]) -> list[Subject]:
    """The viewer's subjects in the order of `ids`, locked in the order that everybody locks in."""
    statement = select(Subject).where(Subject.id.in_(ids), visible(context.viewer, Subject))
    rows = (await session.scalars(statement.order_by(Subject.id).with_for_update())).all()
    by_id = {row.id: row for row in rows}
    for at, key in enumerate(ids):
        if key not in by_id:
            raise Refused(
                UserErrorCode.NOT_FOUND, "There is no subject with this id.", ("subjectIds", str(at))
            )
    return [by_id[key] for key in ids]


async def _enqueue(
    context: Context, session: AsyncSession, subject: Subject, asked: GenerateBaseImageInput
) -> Job:
    """One subject's job; the subject is locked."""
    require_unlocked(subject)
    making = await _making(context, session, subject, asked)
    job = _job(context, subject, asked)
    variants = _variants(job, subject, making)
    tasks = [_task(context, variant, making) for variant in variants]
    await queue.enqueue(session, job, variants, tasks)
    audit.note(context, session, "base_image.generated", job, count=len(variants), model=making.model.key)
    return job


def require_unlocked(subject: Subject, field: str = "subjectId") -> None:
    """Raise Refused while an approved picture stands: another one would change a look that is fixed."""
    if subject.appearance_locked:
        raise Refused(UserErrorCode.APPEARANCE_LOCKED, LOCKED, (field,))


async def _making(
    context: Context, session: AsyncSession, subject: Subject, asked: GenerateBaseImageInput
) -> Making:
    model = choosing.image_model(context.models, asked.model)
    settings = choosing.base_image_settings(model, asked)
    prompt = prompts.base_image_prompt(subject)
    choosing.check_prompt(model, prompt, "subjectId", made_of="the description, appearance or personality")
    choosing.check_prompt(model, asked.negative_prompt or "", "negativePrompt", made_of="it")
    start = await refining.start(session, subject, asked)
    if start is None and asked.conditioning:
        words = "There is no draft to hold to: `conditioning` goes with one that is refined."
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("conditioning",))
    mask = await masks.found(context, session, asked.mask_upload_id)
    if mask is not None:
        if start is None:
            words = "There is no draft to change: a mask goes with one that is refined."
            raise Refused(UserErrorCode.INVALID_INPUT, words, (masks.FIELD,))
        masks.require(context, model)
    return Making(
        model=model,
        lane=context.models.lane_for(model.key),
        settings=settings,
        prompt=prompt,
        negative_prompt=asked.negative_prompt,
        conditioning=await refining.held_by(context, session, model, (subject, start, asked, mask))
        if start
        else (),
        mask=mask,
    )


def _job(context: Context, subject: Subject, asked: GenerateBaseImageInput) -> Job:
    return Job(
        id=new_id(),
        owner_id=subject.owner_id,
        kind=JobKind.IMAGE,
        title=f"Base image of {subject.name}"[:TITLE],
        subject_id=subject.id,
        request=_plain(asked),
        request_id=context.request_id,
    )


def _variants(job: Job, subject: Subject, making: Making) -> list[Variant]:
    model, settings = making.model, making.settings
    versions = base_image.take_versions(subject, len(settings.seeds))
    return [
        Variant(
            id=new_id(),
            owner_id=subject.owner_id,
            job_id=job.id,
            subject_id=subject.id,
            purpose=VariantPurpose.BASE_IMAGE,
            version_number=version,
            source=ImageSource.LOCAL if model.provider is Provider.LOCAL else ImageSource.CLOUD,
            model_key=model.key,
            model_version=model.version,
            original_prompt=subject.look,
            composed_prompt=making.prompt,
            negative_prompt=making.negative_prompt,
            parameters=settings.parameters(model) | masks.kept(making.mask),
            conditioning=[_shown(each) for each in making.conditioning],
            seed=seed,
        )
        for version, seed in zip(versions, settings.seeds, strict=True)
    ]


def _task(context: Context, variant: Variant, making: Making) -> Task:
    settings = making.settings
    spec = ImageSpec(
        variant_id=str(variant.id),
        model=making.model.key,
        prompt=making.prompt,
        width=settings.width,
        height=settings.height,
        steps=settings.steps,
        seed=0 if variant.seed is None else variant.seed,
        negative_prompt=making.negative_prompt,
        guidance=settings.guidance,
        determinism=settings.determinism,
        conditioning=making.conditioning,
        quality=settings.quality,
        mask=making.mask,
        owner_id=str(variant.owner_id),
        request_id=context.request_id or "",
    )
    choosing.check_spec(context.models, spec, "model")
    return Task(
        id=new_id(),
        job_id=variant.job_id,
        variant_id=variant.id,
        owner_id=variant.owner_id,
        kind=TaskKind.IMAGE,
        lane=making.lane,
        model_key=making.model.key,
        spec=specs.to_json(spec),
        request_id=context.request_id,
        cost_estimate=context.models.estimate(spec),
    )


def _shown(conditioning: Conditioning) -> dict[str, Any]:
    """A conditioning as a variant's row keeps it."""
    return {
        "kind": conditioning.kind.value,
        "weight": conditioning.weight,
        "sourceId": conditioning.source_id,
    }


def _plain(asked: GenerateBaseImageInput) -> dict[str, Any]:
    """The input as it was accepted, without its key."""
    fields = dataclasses.asdict(asked)
    del fields["idempotency_key"]
    if fields.pop("auto_approve") is not None and asked.auto_approve is not None:
        fields |= choosing.thresholds(asked.auto_approve)
    if asked.conditioning is not None:
        fields["conditioning"] = wishes.Wish(conditioning=wishes.ways(asked.conditioning)).kept()[
            "conditioning"
        ]
    fields["determinism"] = asked.determinism.value
    return {
        name: str(value) if isinstance(value, uuid.UUID) else value
        for name, value in fields.items()
        if value is not None
    }
