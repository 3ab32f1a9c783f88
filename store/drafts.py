"""What a new draft means for what it belongs to: a subject's base image, a post's choice of pictures."""

from sqlalchemy.ext.asyncio import AsyncSession

from store import base_image, posts
from store.database.tables import Variant, VariantPurpose


async def take_in(session: AsyncSession, variant: Variant) -> None:
    """Take in a picture that became a DRAFT; for the transaction that commits it. Locks the subject or the post."""
    if variant.purpose is VariantPurpose.BASE_IMAGE and variant.subject_id is not None:
        await base_image.settle(session, variant.subject_id)
    if variant.post_id is not None:
        await posts.drawn(session, variant.post_id)
