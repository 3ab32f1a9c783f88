"""The same decision on many pictures: one transaction and one outcome for each id.

One that is refused changes nothing and stops none of the others; what was done before a failure of ours stays done,
and asking again does no harm. Knows what may be done with one picture from those who do it.
"""

import dataclasses
from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from resolvers import audit, decisions
from resolvers.bulk_inputs import (
    MOST_AT_ONCE,
    DeleteVariantsInput,
    FavoriteVariantsInput,
    PublishVariantsInput,
    RejectVariantsInput,
)
from resolvers.context import Context, Info
from resolvers.ids import GlobalId, Named, Ref
from resolvers.publishing import publish_one
from resolvers.refused import Refused, UserErrorCode
from resolvers.subjects import missing
from store import removal
from store.database.tables import FINAL, Job, PostImage, Publication, Subject, Variant, VariantStatus

UNFINISHED = frozenset({VariantStatus.QUEUED, VariantStatus.RUNNING})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one id, as it was given; `refused` None = it was done."""

    id: GlobalId
    refused: Refused | None


Act = Callable[[AsyncSession, Variant], Awaitable[None]]
"""What is done with one locked picture; raises Refused."""


async def reject_variants(info: Info, asked: RejectVariantsInput) -> list[Outcome]:
    """Decide against each; the reason is kept."""
    context = info.context

    async def reject(session: AsyncSession, variant: Variant) -> None:
        if decisions.reject(variant, asked.reason):
            audit.note(context, session, "variant.rejected", variant)

    return await _each(context, asked.variant_ids, reject)


async def favorite_variants(info: Info, asked: FavoriteVariantsInput) -> list[Outcome]:
    """Like each, or no longer."""

    async def favorite(_session: AsyncSession, variant: Variant) -> None:
        variant.is_favorite = asked.is_favorite

    return await _each(info.context, asked.variant_ids, favorite)


async def publish_variants(info: Info, asked: PublishVariantsInput) -> list[Outcome]:
    """Enqueue the publication of each; each has a job of its own."""
    context = info.context

    async def publish(session: AsyncSession, variant: Variant) -> None:
        await publish_one(session, context, variant)

    return await _each(context, asked.variant_ids, publish)


async def delete_variants(info: Info, asked: DeleteVariantsInput) -> list[Outcome]:
    """Delete each for good, and the bytes that nobody else's row refers to."""
    return await _outcomes(asked.variant_ids, lambda ref: _delete(info.context, ref))


def _require_some(ids: Sequence[Named]) -> None:
    """Raise Refused unless the call names 1 to 100 ids."""
    count = len(ids)
    if not 1 <= count <= MOST_AT_ONCE:
        words = f"variantIds must have 1 to {MOST_AT_ONCE} ids; got {count}."
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("variantIds",))


async def _each(context: Context, ids: Sequence[Named], act: Act) -> list[Outcome]:
    async def one(ref: Ref | None) -> None:
        async with context.writing() as session:
            await act(session, await _locked(session, context, ref))

    return await _outcomes(ids, one)


async def _outcomes(ids: Sequence[Named], one: Callable[[Ref | None], Awaitable[None]]) -> list[Outcome]:
    _require_some(ids)
    outcomes = []
    for place, named in enumerate(ids):
        refused = None
        try:
            await one(named.ref)
        except Refused as refusal:
            refused = _at(refusal, place)
        outcomes.append(Outcome(id=named.given, refused=refused))
    return outcomes


async def _delete(context: Context, ref: Ref | None) -> None:
    async with context.writing() as session:
        variant = await _locked(session, context, ref)
        await _require_deletable(session, variant)
        gone = await removal.going(session, Variant.id == variant.id)
        audit.note(context, session, "variant.deleted", variant, version=variant.version_number)
        await session.execute(delete(Variant).where(Variant.id == variant.id))
        hashes = await removal.unneeded(session, gone.file_ids)
    await removal.finish(context.db, context.files.vault, context.files.copies, gone, hashes)


async def _locked(session: AsyncSession, context: Context, ref: Ref | None) -> Variant:
    if ref is None:
        raise Refused(UserErrorCode.INVALID_ID, "This is not an id of this server.")
    if ref.table is not Variant:
        raise missing(Variant)
    return await decisions.locked(session, context, ref.key)


async def _require_deletable(session: AsyncSession, variant: Variant) -> None:
    """Raise Refused for what is being made, is published or being published, is somebody's look, or is attached."""
    if variant.status in UNFINISHED:
        raise _in_use(f"The picture is {variant.status.value}. Cancel its job first.")
    if variant.status is VariantStatus.PUBLISHED:
        raise _in_use("The picture is published; what is public is not deleted here.")
    looks = select(Subject.name).where(Subject.base_image_id == variant.id).with_for_update().limit(1)
    name = await session.scalar(looks)
    if name is not None:
        raise _in_use(f"This is the base image of {name}. Approve or reject another one, or delete {name}.")
    publishing = (
        select(Publication.id)
        .join(Job, Job.id == Publication.job_id)
        .where(Publication.variant_id == variant.id, Job.status.not_in(FINAL))
    )
    if await session.scalar(publishing.limit(1)) is not None:
        raise _in_use("The picture is being published. Wait for that job, or cancel it.")
    attached = select(PostImage.id).where(PostImage.variant_id == variant.id).limit(1)
    if await session.scalar(attached) is not None:
        raise _in_use("The picture is attached to a post. Detach it with `detachImage` first.")


def _in_use(words: str) -> Refused:
    return Refused(UserErrorCode.INVALID_STATE, words)


def _at(refusal: Refused, place: int) -> Refused:
    """The same refusal, naming the id it is about."""
    return Refused(refusal.reason, refusal.message, ("variantIds", str(place)))
