"""Making base images: one job, one variant and one task for each candidate, all in one transaction."""

import dataclasses
import uuid
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from executor import specs
from generators.catalog import Capability, Model, Provider
from generators.spec import Conditioning, ConditioningKind, FileRef, ImageSpec
from resolvers import audit, choosing, idempotency, prompts
from resolvers.choosing import Settings
from resolvers.context import Context, Info
from resolvers.idempotency import Asked
from resolvers.inputs import GenerateBaseImageInput
from resolvers.refused import Refused, UserErrorCode
from resolvers.subjects import LOCKED, found, missing
from store import base_image, queue
from store.database.ids import new_id
from store.database.tables import (
    BaseImageStatus,
    File,
    ImageSource,
    Job,
    JobKind,
    Subject,
    Task,
    TaskKind,
    Variant,
    VariantPurpose,
)

KEPT_OF_DRAFT = 0.5  # how much of the refined picture stays, 0..1
TITLE = 200


@dataclasses.dataclass(frozen=True, kw_only=True)
class Making:
    """Everything one base-image job is made of, checked."""

    model: Model
    lane: str
    settings: Settings
    prompt: str
    negative_prompt: str | None
    conditioning: tuple[Conditioning, ...]


async def generate_base_image(info: Info, asked: GenerateBaseImageInput) -> Job:
    """Enqueue candidates for a subject's base image; refines the current draft unless told otherwise."""
    context, once = info.context, Asked.of("generateBaseImage", asked)
    async with context.writing() as session:
        made = await idempotency.earlier(session, context.viewer, once)
        if made is not None:
            return await found(session, context.viewer, Job, made["job"])
        subject = await found(session, context.viewer, Subject, asked.subject_id, lock=True)
        require_unlocked(subject)
        making = await _making(context, session, subject, asked)
        job = _job(context, subject, asked)
        variants = _variants(job, subject, making)
        tasks = [_task(context, variant, making) for variant in variants]
        await queue.enqueue(session, job, variants, tasks)
        audit.note(context, session, "base_image.generated", job, count=len(variants), model=making.model.key)
        await idempotency.keep(session, context.viewer, once, job=job.id)
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
    start = await _start(session, subject, asked)
    return Making(
        model=model,
        lane=context.models.lane_for(model.key),
        settings=settings,
        prompt=prompt,
        negative_prompt=asked.negative_prompt,
        conditioning=(await _held_by(session, model, start),) if start else (),
    )


async def _start(session: AsyncSession, subject: Subject, asked: GenerateBaseImageInput) -> Variant | None:
    """The picture to refine, None = begin anew."""
    if asked.from_scratch:
        if asked.refine_from is not None:
            words = "Give `refineFrom` or `fromScratch: true`, not both."
            raise Refused(UserErrorCode.INVALID_INPUT, words, ("refineFrom",))
        return None
    if asked.refine_from is not None:
        return await _version(session, subject, asked.refine_from)
    if subject.base_image_status is not BaseImageStatus.DRAFT or subject.base_image_id is None:
        return None
    return await _version(session, subject, subject.base_image_id)


async def _version(session: AsyncSession, subject: Subject, variant_id: uuid.UUID) -> Variant:
    variant = await session.scalar(
        select(Variant).where(
            Variant.id == variant_id,
            Variant.subject_id == subject.id,
            Variant.purpose == VariantPurpose.BASE_IMAGE,
        )
    )
    if variant is None:
        raise missing(Variant, "refineFrom")
    if variant.file_id is None:
        words = f"Version {variant.version_number} has no picture to refine; it is {variant.status.value}."
        raise Refused(UserErrorCode.INVALID_STATE, words, ("refineFrom",))
    return variant


async def _held_by(session: AsyncSession, model: Model, start: Variant) -> Conditioning:
    if Capability.IMAGE_TO_IMAGE in model.capabilities:
        kind = ConditioningKind.INIT_IMAGE
    elif Capability.REFERENCE_IMAGES in model.capabilities:
        kind = ConditioningKind.REFERENCE_IMAGE
    else:
        choosing.require(
            model, Capability.IMAGE_TO_IMAGE, "refine a picture (`fromScratch: true` begins anew)", "model"
        )
        raise AssertionError
    file = await session.get_one(File, start.file_id)
    return Conditioning(
        kind=kind,
        weight=KEPT_OF_DRAFT if kind is ConditioningKind.INIT_IMAGE else 1.0,
        file=FileRef(sha256=file.sha256, size=file.size, media_type=file.media_type),
        source_id=str(start.id),
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
            parameters=settings.parameters(model),
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
        owner_id=str(variant.owner_id),
        request_id=context.request_id or "",
    )
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
        cost_estimate=making.model.price or 0,
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
    fields["determinism"] = asked.determinism.value
    return {
        name: str(value) if isinstance(value, uuid.UUID) else value
        for name, value in fields.items()
        if value is not None
    }
