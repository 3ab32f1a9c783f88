"""The base image: upload, approve, reject, unlock. The rules are store.base_image's table; here are the words."""

import dataclasses
import hashlib
import uuid

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from resolvers import audit, content, idempotency
from resolvers.context import Context, Info, Parent
from resolvers.generating import require_unlocked
from resolvers.idempotency import Asked
from resolvers.inputs import (
    ApproveBaseImageInput,
    RejectBaseImageInput,
    UnlockAppearanceInput,
    UploadBaseImageInput,
    UploadedFile,
)
from resolvers.paging import Listing, Order
from resolvers.refused import Refused, UserErrorCode
from resolvers.subjects import found, missing
from resolvers.training import train_on_approval
from store import base_image
from store.base_image import Move
from store.database.tables import (
    File,
    ImageSource,
    Job,
    Subject,
    Upload,
    Variant,
    VariantPurpose,
    VariantStatus,
)
from store.files.refusals import RefusalCode, UploadRefused
from store.naming import traceable_name
from store.outbox import WebhookEvent, tell
from store.pictures import Picture, drop_bytes, keep_picture, store_bytes

NO_IMAGE = "Cannot approve baseline: {kind} does not have a base image"
REPLACE = "A rejected base image needs a replacement: upload or generate another one."
CODES = {
    RefusalCode.FILE_TOO_LARGE: UserErrorCode.FILE_TOO_LARGE,
    RefusalCode.INVALID_FILE_TYPE: UserErrorCode.INVALID_FILE_TYPE,
}


@dataclasses.dataclass(frozen=True)
class Uploaded:
    """What `uploadBaseImage` made: both nouns of its payload."""

    subject: Subject
    variant: Variant


@dataclasses.dataclass(frozen=True)
class Approved:
    """What `approveBaseImage` did: both nouns of its payload. `job` None = no training was asked for."""

    subject: Subject
    job: Job | None


@dataclasses.dataclass(frozen=True)
class _Cleaned:
    """An upload as it is kept: its bytes lie in the vault, or its file has a row already."""

    picture: Picture | None
    upload_id: uuid.UUID | None
    marked_ai: bool
    held_reason: str | None = None


def base_image_history(subject: Parent[Subject], info: Info) -> Listing[Variant]:
    """Every version there ever was, newest first."""
    del info  # the subject was found for the viewer; its pictures have the same owner
    statement = select(Variant).where(
        Variant.subject_id == subject.id, Variant.purpose == VariantPurpose.BASE_IMAGE
    )
    return Listing(
        statement=statement, order=Order(key=Variant.version_number, id=Variant.id, descending=True)
    )


async def upload_base_image(info: Info, asked: UploadBaseImageInput) -> Uploaded:
    """Take a picture as the newest draft. Nothing is stored when it is refused."""
    context = info.context
    if (asked.file is None) == (asked.upload_id is None):
        raise Refused(UserErrorCode.INVALID_INPUT, "Give either `file` or `uploadId`.", ("file",))
    async with context.reading() as session:
        subject = await found(session, context.viewer, Subject, asked.subject_id)
    if (
        asked.idempotency_key is None
    ):  # with a key it may be a replay, whose answer does not depend on what came after
        require_unlocked(subject)
    data = None if asked.file is None else await _read(context, asked.file)
    stands_for = {} if data is None else {"file": hashlib.sha256(data).hexdigest()}
    once = Asked.of("uploadBaseImage", asked, **stands_for)
    cleaned = await _clean(context, asked, data)
    try:
        taken = await _take(context, asked, cleaned, once)
    except BaseException:
        if cleaned.picture is not None:
            await drop_bytes(context.db, context.files.vault, cleaned.picture.hashes)
        raise
    if cleaned.picture is not None:
        source = context.files.vault.path(cleaned.picture.stored.sha256)
        name = traceable_name(taken.variant, cleaned.picture.media_type.value)
        await context.files.copies.keep(source, name, base_image=True)
    return taken


async def approve_base_image(info: Info, asked: ApproveBaseImageInput) -> Approved:
    """Approve the current draft, or another one by its id; the appearance is locked from then on."""
    context, once = info.context, Asked.of("approveBaseImage", asked)
    async with context.writing() as session:
        made = await idempotency.earlier(session, context.viewer, once)
        if made is not None:
            return await _approved_before(session, context, asked, made)
        subject = await found(session, context.viewer, Subject, asked.subject_id)
        variant = await _lock_version(session, subject, asked.variant_id)
        subject = await _lock_subject(session, subject.id)
        _require_current(subject, variant, asked.variant_id)
        if subject.appearance_locked:
            words = "A base image is approved already. Unlock the appearance before you approve another one."
            raise Refused(UserErrorCode.APPEARANCE_LOCKED, words, ("subjectId",))
        if variant is None:
            words = NO_IMAGE.format(kind=subject.kind.value.lower())
            raise Refused(UserErrorCode.NO_BASE_IMAGE, words, ("subjectId",))
        _require_draft(variant)
        base_image.approve(subject, variant)
        audit.note(context, session, "base_image.approved", subject, variant=str(variant.id))
        told = {"subjectId": str(subject.id), "variantId": str(variant.id), "name": subject.name}
        await tell(session, subject.owner_id, WebhookEvent.BASE_IMAGE_APPROVED, f"{variant.id}", told)
        job = None
        if asked.train_adapter:
            job = await train_on_approval(context, session, subject, variant)
        created = {"variant": variant.id} if job is None else {"variant": variant.id, "job": job.id}
        await idempotency.keep(session, context.viewer, once, **created)
    return Approved(subject, job)


async def _approved_before(
    session: AsyncSession, context: Context, asked: ApproveBaseImageInput, made: dict[str, uuid.UUID]
) -> Approved:
    """What the same call did the first time, as it is now."""
    subject = await found(session, context.viewer, Subject, asked.subject_id)
    job = await found(session, context.viewer, Job, made["job"]) if "job" in made else None
    return Approved(subject, job)


async def reject_base_image(info: Info, asked: RejectBaseImageInput) -> Subject:
    """Reject the current draft, or another one by its id; the reason is kept."""
    context = info.context
    async with context.writing() as session:
        subject = await found(session, context.viewer, Subject, asked.subject_id)
        variant = await _lock_version(session, subject, asked.variant_id)
        subject = await _lock_subject(session, subject.id)
        _require_current(subject, variant, asked.variant_id)
        if variant is None:
            words = f"There is no draft to reject: the base image is {subject.base_image_status.value}."
            raise Refused(UserErrorCode.NO_BASE_IMAGE, words, ("subjectId",))
        if variant.status is VariantStatus.APPROVED:
            words = "An approved base image stays until the appearance is unlocked."
            raise Refused(UserErrorCode.APPEARANCE_LOCKED, words, ("subjectId",))
        _require_draft(variant)
        await base_image.reject(session, subject, variant, asked.reason)
        audit.note(context, session, "base_image.rejected", subject, variant=str(variant.id))
    return subject


async def unlock_appearance(info: Info, asked: UnlockAppearanceInput) -> Subject:
    """Make the approved picture a draft again, so that the look can change."""
    context = info.context
    async with context.writing() as session:
        subject = await found(session, context.viewer, Subject, asked.subject_id)
        variant = await _lock_version(session, subject, None)
        subject = await _lock_subject(session, subject.id)
        _require_current(subject, variant, None)
        if variant is None or not base_image.allowed(subject.base_image_status, Move.UNLOCKED):
            words = f"The appearance is not locked: the base image is {subject.base_image_status.value}."
            raise Refused(UserErrorCode.INVALID_STATE, words, ("subjectId",))
        base_image.unlock(subject, variant)
        audit.note(context, session, "appearance.unlocked", subject, variant=str(variant.id))
    return subject


async def _lock_version(
    session: AsyncSession, subject: Subject, variant_id: uuid.UUID | None
) -> Variant | None:
    """Lock the named version, or the current one; before the subject, as everywhere."""
    wanted = subject.base_image_id if variant_id is None else variant_id
    variant = None if wanted is None else await session.get(Variant, wanted, with_for_update=True)
    if variant_id is None:
        return variant
    if (
        variant is None
        or variant.subject_id != subject.id
        or variant.purpose is not VariantPurpose.BASE_IMAGE
    ):
        raise missing(Variant)
    return variant


async def _lock_subject(session: AsyncSession, subject_id: uuid.UUID) -> Subject:
    subject = await base_image.lock(session, subject_id)
    if subject is None:
        raise missing(Subject)
    return subject


def _require_current(subject: Subject, variant: Variant | None, variant_id: uuid.UUID | None) -> None:
    """Raise Refused when another picture became the current one between looking and locking."""
    if variant_id is None and subject.base_image_id != (variant.id if variant else None):
        words = (
            "Another base image was finished just now. Look at it, or name the one you mean by `variantId`."
        )
        raise Refused(UserErrorCode.CONFLICT, words, ("variantId",))


def _require_draft(variant: Variant) -> None:
    if variant.status is VariantStatus.REJECTED:
        raise Refused(UserErrorCode.INVALID_STATE, REPLACE, ("variantId",))
    if variant.status is not VariantStatus.DRAFT:
        words = f"Version {variant.version_number} is {variant.status.value}; only a DRAFT can be decided on."
        raise Refused(UserErrorCode.INVALID_STATE, words, ("variantId",))


async def _read(context: Context, sent: UploadedFile) -> bytes:
    """The file, at most one byte more than is allowed; the decoder refuses what is longer."""
    return await sent.read(context.files.max_upload_bytes + 1)


async def _clean(context: Context, asked: UploadBaseImageInput, data: bytes | None) -> _Cleaned:
    if data is None:
        reason = await _held_reason(context, asked.upload_id)
        return _Cleaned(None, asked.upload_id, marked_ai=False, held_reason=reason)
    try:
        image = await context.files.decoder.clean(data, file_name=asked.file.filename if asked.file else None)
    except UploadRefused as refusal:
        code = CODES.get(refusal.code, UserErrorCode.INVALID_FILE)
        raise Refused(code, str(refusal), ("file",)) from refusal
    reason = await content.reason_to_hold(context, image.data, image.media_type.value)
    picture = await store_bytes(context.files.vault, image.data, image.media_type, image.looks)
    return _Cleaned(picture, None, marked_ai=image.marked_ai, held_reason=reason)


async def _held_reason(context: Context, upload_id: uuid.UUID | None) -> str | None:
    """Why a picture that was sent ahead must wait for a reviewer."""
    if not context.guard.moderates or upload_id is None:
        return None
    async with context.reading() as session:
        upload = await found(session, context.viewer, Upload, upload_id)
        file = await session.get_one(File, upload.file_id)
    data = await context.files.vault.read_async(file.sha256)
    return await content.reason_to_hold(context, data, file.media_type)


async def _take(context: Context, asked: UploadBaseImageInput, cleaned: _Cleaned, once: Asked) -> Uploaded:
    async with context.writing() as session:
        made = await idempotency.earlier(session, context.viewer, once)
        if made is not None:
            return Uploaded(
                await found(session, context.viewer, Subject, asked.subject_id),
                await found(session, context.viewer, Variant, made["variant"]),
            )
        subject = await found(session, context.viewer, Subject, asked.subject_id, lock=True)
        require_unlocked(subject)
        file = await _file(context, session, subject, cleaned)
        variant = Variant(
            owner_id=subject.owner_id,
            subject_id=subject.id,
            file_id=file.id,
            purpose=VariantPurpose.BASE_IMAGE,
            version_number=base_image.take_versions(subject, 1)[0],
            status=VariantStatus.DRAFT if cleaned.held_reason is None else VariantStatus.HELD,
            held_reason=cleaned.held_reason,
            source=ImageSource.UPLOAD,
            parameters={"markedAsAiByItsMaker": True} if cleaned.marked_ai else {},
            width=file.width,
            height=file.height,
            finished_at=func.clock(),
        )
        session.add(variant)
        if cleaned.held_reason is None:
            await base_image.settle(session, subject.id)
        else:
            await session.flush()
        await idempotency.keep(session, context.viewer, once, variant=variant.id)
    return Uploaded(subject, variant)


async def _file(context: Context, session: AsyncSession, subject: Subject, cleaned: _Cleaned) -> File:
    if cleaned.picture is not None:
        return await keep_picture(session, subject.owner_id, cleaned.picture)
    assert cleaned.upload_id is not None  # one of the two was given
    upload = await found(session, context.viewer, Upload, cleaned.upload_id)
    return await session.get_one(File, upload.file_id)
