"""Which pictures an adapter is trained on: those that are named, or those that were chosen of a subject."""

import dataclasses
import uuid
from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from generators.spec import FileRef
from resolvers.adapter_inputs import CAPTION, TrainAdapterInput
from resolvers.context import Context
from resolvers.refused import Refused, UserErrorCode
from resolvers.subjects import missing
from resolvers.visible import visible
from store.database.tables import File, Subject, Upload, Variant, VariantPurpose, VariantStatus

FEWEST, MOST = 3, 50
NOT_TAUGHT = frozenset({VariantStatus.HELD, VariantStatus.BLOCKED, VariantStatus.REJECTED})
DECIDED_FOR = (VariantStatus.APPROVED, VariantStatus.PUBLISHED)
MOST_SEEN = 200  # some may be equal, or their originals gone
TRAINED_AT = "trainingStep"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """One picture. `words` say what it shows beside the look; "" = nothing is known."""

    file: FileRef
    words: str = ""


async def asked_for(
    context: Context, session: AsyncSession, subject: Subject, asked: TrainAdapterInput
) -> list[Source]:
    """Those that are named, else those that were chosen of the subject; raises Refused for what cannot be learned."""
    if asked.variant_ids is not None or asked.upload_ids is not None:
        return await named(context, session, asked.variant_ids or [], asked.upload_ids or [])
    if asked.captions:
        words = "`captions` go with pictures that are named; give `variantIds` or `uploadIds` too."
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("captions",))
    sources = await chosen(context, session, subject)
    if len(sources) < FEWEST:
        words = (
            f"{subject.name} has {len(sources)} approved, favourite or kept pictures; a training takes {FEWEST} to "
            f"{MOST}. Choose more, or name pictures in `variantIds` and `uploadIds`."
        )
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("variantIds",))
    return sources


async def named(
    context: Context, session: AsyncSession, variants: Sequence[uuid.UUID], uploads: Sequence[uuid.UUID]
) -> list[Source]:
    """Those of the variants, then those of the uploads; raises Refused for one that cannot be learned from."""
    if len(variants) + len(uploads) > MOST:
        raise _count(len(variants) + len(uploads))
    sources = [
        *await _of_variants(context, session, variants),
        *await _of_uploads(context, session, uploads),
    ]
    count = len(sources)
    if count < FEWEST:
        raise _count(count)
    if len({source.file.sha256 for source in sources}) < count:
        raise Refused(UserErrorCode.INVALID_INPUT, "Give each picture once.", ("variantIds",))
    return sources


def _source(variant: Variant, file: File) -> Source:
    """A base image was made from words about the look, which an adapter shall learn and not be told."""
    scene = variant.purpose is not VariantPurpose.BASE_IMAGE and TRAINED_AT not in variant.parameters
    words = (variant.original_prompt or "").strip() if scene else ""
    return Source(file=_ref(file), words=words[:CAPTION])


def _ref(file: File) -> FileRef:
    return FileRef(sha256=file.sha256, size=file.size, media_type=file.media_type)


def _count(count: int) -> Refused:
    words = f"Give {FEWEST} to {MOST} pictures in `variantIds` and `uploadIds`; got {count}."
    return Refused(UserErrorCode.INVALID_INPUT, words, ("variantIds",))


async def _of_variants(context: Context, session: AsyncSession, ids: Sequence[uuid.UUID]) -> list[Source]:
    statement = (
        select(Variant, File)
        .outerjoin(File, File.id == Variant.file_id)
        .where(Variant.id.in_(ids), visible(context.viewer, Variant))
    )
    rows = {variant.id: (variant, file) for variant, file in (await session.execute(statement)).all()}
    sources = []
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
        sources.append(_source(variant, file))
    return sources


async def _of_uploads(context: Context, session: AsyncSession, ids: Sequence[uuid.UUID]) -> list[Source]:
    statement = (
        select(Upload.id, File)
        .join(File, File.id == Upload.file_id)
        .where(Upload.id.in_(ids), visible(context.viewer, Upload))
    )
    files = {row[0]: row[1] for row in (await session.execute(statement)).all()}
    if any(key not in files for key in ids):
        raise missing(Upload, "uploadIds")
    return [Source(file=_ref(files[key])) for key in ids]


async def chosen(
    context: Context, session: AsyncSession, subject: Subject, approved: Variant | None = None
) -> list[Source]:
    """The picture that is being approved, if one is, then the subject's other pictures that somebody decided for:
    approved, published, liked or kept, newest first. Undecided and rejected ones may show another look.
    """
    liked = (Variant.status == VariantStatus.DRAFT) & or_(Variant.is_favorite, Variant.keep)
    first = Variant.id == (approved.id if approved is not None else None)
    statement = (
        select(Variant, File)
        .join(File, Variant.file_id == File.id)
        .where(
            Variant.subject_id == subject.id,
            or_(first, Variant.status.in_(DECIDED_FOR), liked),
            ~Variant.parameters.has_key(TRAINED_AT),
        )
        .order_by(first.desc(), Variant.created_at.desc(), Variant.id.desc())
        .limit(MOST_SEEN)
    )
    sources: dict[str, Source] = {}
    for variant, file in (await session.execute(statement)).all():
        if file.sha256 not in sources and context.files.vault.exists(file.sha256):
            sources[file.sha256] = _source(variant, file)
    return list(sources.values())[:MOST]
