"""Reviewing: pictures that a rule or a provider's moderation holds, of all users, and the two decisions on them.

The one exception to ownership. A reviewer sees a picture that is HELD and what it was made with, not what else
belongs to its owner.
"""

import uuid

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from resolvers import audit
from resolvers.context import Context, Info
from resolvers.identity import Scope
from resolvers.paging import Listing, Order
from resolvers.refused import Refused, UserErrorCode, forbidden
from resolvers.review_inputs import BlockVariantInput, ReleaseVariantInput
from resolvers.subjects import missing
from store.database.tables import Variant, VariantStatus
from store.drafts import take_in


def review_queue(info: Info) -> Listing[Variant]:
    """Everything that is HELD, whoever's it is, longest waiting first.

    Raises:
        Told: FORBIDDEN, without the scope REVIEW.
    """
    if not info.context.viewer.may(Scope.REVIEW):
        raise forbidden("This needs the scope REVIEW, which your role or key does not have.")
    statement = select(Variant).where(Variant.status == VariantStatus.HELD)
    return Listing(statement=statement, order=Order(key=Variant.created_at, id=Variant.id))


async def release_variant(info: Info, asked: ReleaseVariantInput) -> Variant:
    """Let a picture through: it becomes the draft it would have been."""
    context = info.context
    async with context.writing() as session:
        variant = await _held(session, context, asked.variant_id)
        reason, variant.held_reason = variant.held_reason, None
        variant.status = VariantStatus.DRAFT
        await take_in(session, variant)
        audit.note(context, session, "variant.released", variant, held=reason)
    return variant


async def block_variant(info: Info, asked: BlockVariantInput) -> Variant:
    """Refuse a picture for good; why it was held stays with it."""
    context = info.context
    async with context.writing() as session:
        variant = await _held(session, context, asked.variant_id)
        variant.status = VariantStatus.BLOCKED
        variant.rejection_reason = asked.reason
        audit.note(context, session, "variant.blocked", variant, held=variant.held_reason)
    return variant


async def _held(session: AsyncSession, context: Context, variant_id: uuid.UUID) -> Variant:
    """Anybody's held picture, locked; the viewer's own ones are told apart by their status."""
    mine_or_held = or_(Variant.status == VariantStatus.HELD, Variant.owner_id == context.viewer.user_id)
    statement = select(Variant).where(Variant.id == variant_id, mine_or_held).with_for_update()
    variant = await session.scalar(statement)
    if variant is None:
        raise missing(Variant)
    if variant.status is not VariantStatus.HELD:
        words = f"The picture is {variant.status.value}; only a HELD one waits for a reviewer."
        raise Refused(UserErrorCode.INVALID_STATE, words, ("variantId",))
    return variant
