"""Pictures that look alike: nearest neighbours by what one image encoder says, among the viewer's own."""

import uuid

from sqlalchemy import select

from resolvers.context import Info
from resolvers.paging import LARGEST_SIZE
from resolvers.refused import bad_input, not_found
from resolvers.visible import one, visible
from store.database.tables import Embedding, Variant

USUAL = 10


async def similar_variants(info: Info, of: uuid.UUID, first: int | None = None) -> list[Variant]:
    """The most alike first, without the picture itself; none when it was never embedded.

    Raises:
        Told: NOT_FOUND, when the viewer has no such picture; BAD_USER_INPUT for a number out of range.
    """
    context = info.context
    count = USUAL if first is None else first
    if not 1 <= count <= LARGEST_SIZE:
        raise bad_input(f"`first` must be between 1 and {LARGEST_SIZE}; got {count}.")
    newest = (
        select(Embedding).where(Embedding.variant_id == of).order_by(Embedding.created_at.desc()).limit(1)
    )
    async with context.reading() as session:
        if await session.scalar(one(context.viewer, Variant, of)) is None:
            raise not_found("variant")
        mine = await session.scalar(newest)
        if mine is None:
            return []
        near = (
            select(Variant)
            .join(Embedding, Embedding.variant_id == Variant.id)
            .where(
                Embedding.encoder == mine.encoder,
                Embedding.owner_id == context.viewer.user_id,
                Embedding.variant_id != of,
                visible(context.viewer, Variant),
            )
            .order_by(Embedding.vector.cosine_distance(mine.vector), Variant.id)
            .limit(count)
        )
        return list((await session.scalars(near)).all())
