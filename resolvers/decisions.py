"""What is decided about one picture: liked, rated, kept, approved, rejected.

Each change is a function of a locked row, so that whoever decides on many uses the same. Base images are
decided on through their subject (`resolvers.base_images`), because a look may be locked by it.
"""

import uuid

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from resolvers import audit
from resolvers.context import Context, Info
from resolvers.decisions_inputs import (
    ApproveVariantInput,
    FavoriteVariantInput,
    KeepVariantInput,
    RateVariantInput,
    RejectVariantInput,
)
from resolvers.refused import Refused, UserErrorCode
from resolvers.subjects import found
from store.database.tables import Variant, VariantPurpose, VariantStatus

LOWEST, HIGHEST = 1, 5


async def rate_variant(info: Info, asked: RateVariantInput) -> Variant:
    """Give it 1 to 5, or take the rating back."""
    async with info.context.writing() as session:
        variant = await locked(session, info.context, asked.variant_id)
        if asked.rating is not None and not LOWEST <= asked.rating <= HIGHEST:
            words = f"rating must be between {LOWEST} and {HIGHEST}; got {asked.rating}."
            raise Refused(UserErrorCode.INVALID_INPUT, words, ("rating",))
        variant.rating = asked.rating
    return variant


async def favorite_variant(info: Info, asked: FavoriteVariantInput) -> Variant:
    """Like it, or no longer."""
    async with info.context.writing() as session:
        variant = await locked(session, info.context, asked.variant_id)
        variant.is_favorite = asked.is_favorite
    return variant


async def keep_variant(info: Info, asked: KeepVariantInput) -> Variant:
    """Exempt it from retention, or no longer."""
    async with info.context.writing() as session:
        variant = await locked(session, info.context, asked.variant_id)
        variant.keep = asked.keep
    return variant


async def approve_variant(info: Info, asked: ApproveVariantInput) -> Variant:
    """Choose it: it stays, and is not published by that."""
    context = info.context
    async with context.writing() as session:
        variant = await locked(session, context, asked.variant_id)
        if approve(variant):
            audit.note(context, session, "variant.approved", variant)
            await session.flush()
            await session.refresh(variant, ["approved_at"])  # the database's time, which the answer shows
    return variant


async def reject_variant(info: Info, asked: RejectVariantInput) -> Variant:
    """Decide against it; the reason is kept."""
    context = info.context
    async with context.writing() as session:
        variant = await locked(session, context, asked.variant_id)
        if reject(variant, asked.reason):
            audit.note(context, session, "variant.rejected", variant)
    return variant


async def locked(session: AsyncSession, context: Context, variant_id: uuid.UUID) -> Variant:
    """The viewer's picture, locked until the transaction ends; raises Refused NOT_FOUND."""
    return await found(session, context.viewer, Variant, variant_id, lock=True)


def approve(variant: Variant) -> bool:
    """Choose a locked picture; False when it was chosen already. Raises Refused when it cannot be."""
    _require_no_base_image(variant, "approveBaseImage")
    if variant.status is VariantStatus.APPROVED:
        return False
    if variant.status is not VariantStatus.DRAFT:
        words = f"The picture is {variant.status.value}; only a DRAFT can be approved."
        raise Refused(UserErrorCode.INVALID_STATE, words, ("variantId",))
    variant.status = VariantStatus.APPROVED
    variant.approved_at = func.clock()
    return True


def reject(variant: Variant, reason: str | None) -> bool:
    """Decide against a locked picture; False when that was so already. Raises Refused when it cannot be."""
    _require_no_base_image(variant, "rejectBaseImage")
    if variant.status is VariantStatus.REJECTED:
        return False
    if variant.status not in {VariantStatus.DRAFT, VariantStatus.APPROVED}:
        words = f"The picture is {variant.status.value}; only a DRAFT or an APPROVED one can be rejected."
        raise Refused(UserErrorCode.INVALID_STATE, words, ("variantId",))
    variant.status = VariantStatus.REJECTED
    variant.rejection_reason = reason
    variant.approved_at = None
    return True


def _require_no_base_image(variant: Variant, instead: str) -> None:
    if variant.purpose is VariantPurpose.BASE_IMAGE:
        words = f"This is a base image: it decides on a look. Use `{instead}`."
        raise Refused(UserErrorCode.NOT_SUPPORTED, words, ("variantId",))
