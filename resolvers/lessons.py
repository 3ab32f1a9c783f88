"""Which pictures an adapter is trained on: those that are named, or those that were chosen of a subject."""

import uuid
from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from resolvers.context import Context
from resolvers.refused import Refused, UserErrorCode
from resolvers.subjects import missing
from resolvers.visible import visible
from store.database.tables import File, Subject, Upload, Variant, VariantStatus

FEWEST, MOST = 3, 50
NOT_TAUGHT = frozenset({VariantStatus.HELD, VariantStatus.BLOCKED, VariantStatus.REJECTED})
DECIDED_FOR = (VariantStatus.APPROVED, VariantStatus.PUBLISHED)


async def named(
    context: Context, session: AsyncSession, variants: Sequence[uuid.UUID], uploads: Sequence[uuid.UUID]
) -> list[File]:
    """Those of the variants, then those of the uploads; raises Refused for one that cannot be learned from."""
    if len(variants) + len(uploads) > MOST:
        raise _count(len(variants) + len(uploads))
    files = [
        *await _of_variants(context, session, variants),
        *await _of_uploads(context, session, uploads),
    ]
    count = len(files)
    if count < FEWEST:
        raise _count(count)
    if len({file.sha256 for file in files}) < count:
        raise Refused(UserErrorCode.INVALID_INPUT, "Give each picture once.", ("variantIds",))
    return files


def _count(count: int) -> Refused:
    words = f"Give {FEWEST} to {MOST} pictures in `variantIds` and `uploadIds`; got {count}."
    return Refused(UserErrorCode.INVALID_INPUT, words, ("variantIds",))


async def _of_variants(context: Context, session: AsyncSession, ids: Sequence[uuid.UUID]) -> list[File]:
    statement = (
        select(Variant, File)
        .outerjoin(File, File.id == Variant.file_id)
        .where(Variant.id.in_(ids), visible(context.viewer, Variant))
    )
    rows = {variant.id: (variant, file) for variant, file in (await session.execute(statement)).all()}
    files = []
    for key in ids:
        if key not in rows:
            raise missing(Variant, "variantIds")
        variant, file = rows[key]
        if file is None or variant.status in NOT_TAUGHT:
            words = f"A picture that is {variant.status.value} cannot be learned from."
            raise Refused(UserErrorCode.INVALID_STATE, words, ("variantIds",))
        if not context.files.vault.exists(file.sha256):
            words = "The original of a picture was let go after it was published; upload it again to learn from it."
            raise Refused(UserErrorCode.INVALID_STATE, words, ("variantIds",))
        files.append(file)
    return files


async def _of_uploads(context: Context, session: AsyncSession, ids: Sequence[uuid.UUID]) -> list[File]:
    statement = (
        select(Upload.id, File)
        .join(File, File.id == Upload.file_id)
        .where(Upload.id.in_(ids), visible(context.viewer, Upload))
    )
    files = {row[0]: row[1] for row in (await session.execute(statement)).all()}
    if any(key not in files for key in ids):
        raise missing(Upload, "uploadIds")
    return [files[key] for key in ids]


async def chosen(context: Context, session: AsyncSession, subject: Subject, approved: Variant) -> list[File]:
    """The file of the picture that is being approved, then those of the subject's other pictures that somebody
    decided for: approved, published or liked, newest first. Undecided and rejected ones may show another look.
    """
    liked = (Variant.status == VariantStatus.DRAFT) & Variant.is_favorite
    statement = (
        select(File)
        .join(Variant, Variant.file_id == File.id)
        .where(
            Variant.subject_id == subject.id,
            or_(Variant.id == approved.id, Variant.status.in_(DECIDED_FOR), liked),
        )
        .order_by((Variant.id == approved.id).desc(), Variant.created_at.desc(), Variant.id.desc())
    )
    files = {file.sha256: file for file in await session.scalars(statement)}
    return [file for file in files.values() if context.files.vault.exists(file.sha256)][:MOST]
