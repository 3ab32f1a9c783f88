"""Pictures in posts: attaching, captions, order, detaching.

The post's row is locked while its pictures change places, so that positions are always 1, 2, … without gaps.
What made a picture is copied when it is attached, and stays whatever becomes of the picture's own row.
"""

import uuid
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from resolvers import audit, idempotency, variants
from resolvers.checks import within
from resolvers.context import Context, Info, Parent, Some
from resolvers.idempotency import Asked
from resolvers.identity import Viewer
from resolvers.post_image_inputs import (
    AttachImageInput,
    DetachImageInput,
    PostImageInput,
    ReorderPostImagesInput,
    UpdatePostImageInput,
)
from resolvers.refused import Refused, UserErrorCode
from resolvers.subjects import found, missing, said
from resolvers.variants import ThumbnailSize
from resolvers.visible import visible
from store.database.ids import new_id
from store.database.tables import Character, Post, PostImage, Subject, SubjectKind, Variant, VariantStatus

MOST_IMAGES = 50
SHOWN = frozenset({VariantStatus.DRAFT, VariantStatus.APPROVED, VariantStatus.PUBLISHED})


async def attach_image(info: Info, asked: AttachImageInput) -> PostImage:
    """Show a finished picture in a post."""
    context, once = info.context, Asked.of("attachImage", asked)
    async with context.writing() as session:
        made = await idempotency.earlier(session, context.viewer, once)
        if made is not None:
            return await found(session, context.viewer, PostImage, made["image"])
        variant = await _showable(session, context.viewer, asked.variant_id, ("variantId",))
        post = await found(session, context.viewer, Post, asked.post_id, lock=True)
        last = await _count(session, post.id)
        position = last + 1 if asked.position is None else asked.position
        within("position", position, 1, last + 1)
        await _require_room(session, post, last, [variant.id], ("variantId",))
        if position <= last:
            await _shift(session, post.id, position, 1)
        image = await _image(session, post, variant, asked.caption, position)
        post.updated_at = func.clock()
        await session.flush()
        await idempotency.keep(session, context.viewer, once, image=image.id)
    return image


async def attach_all(
    session: AsyncSession, context: Context, post: Post, wanted: list[PostImageInput], field: str = "images"
) -> None:
    """Attach pictures to a new, flushed post in their order; raises Refused, naming the one that cannot be."""
    if len({each.variant_id for each in wanted}) < len(wanted):
        raise Refused(UserErrorCode.INVALID_INPUT, "Name each picture once.", (field,))
    await _require_room(session, post, 0, [each.variant_id for each in wanted], (field,))
    for place, each in enumerate(wanted):
        path = (field, str(place), "variantId")
        variant = await _showable(session, context.viewer, each.variant_id, path)
        await _image(session, post, variant, each.caption, place + 1)
    await session.flush()


async def detach_image(info: Info, asked: DetachImageInput) -> Post:
    """Take a picture out of its post; the others close up."""
    context = info.context
    async with context.writing() as session:
        image, post = await _locked(session, context.viewer, asked.post_image_id)
        audit.note(context, session, "image.detached", post, variant=str(image.variant_id))
        await session.execute(delete(PostImage).where(PostImage.id == image.id))
        await _shift(session, post.id, image.position + 1, -1)
        post.updated_at = func.clock()
    return post


async def update_post_image(info: Info, asked: UpdatePostImageInput) -> PostImage:
    """Change the caption."""
    context = info.context
    async with context.writing() as session:
        image, post = await _locked(session, context.viewer, asked.post_image_id)
        if isinstance(asked.caption, Some) and said(asked.caption.value) != image.caption:
            image.caption = said(asked.caption.value)
            post.updated_at = func.clock()
    return image


async def reorder_post_images(info: Info, asked: ReorderPostImagesInput) -> Post:
    """Give all pictures of a post a new order."""
    context = info.context
    async with context.writing() as session:
        post = await found(session, context.viewer, Post, asked.post_id, lock=True)
        own = (await session.scalars(select(PostImage.id).where(PostImage.post_id == post.id))).all()
        if len(asked.post_image_ids) != len(own) or set(asked.post_image_ids) != set(own):
            words = f"Name all {len(own)} pictures of the post, each once, in the new order."
            raise Refused(UserErrorCode.INVALID_INPUT, words, ("postImageIds",))
        places: dict[Any, int] = {key: place for place, key in enumerate(asked.post_image_ids, 1)}
        if places:
            await session.execute(
                update(PostImage),
                [{"id": key, "position": place} for key, place in places.items()],
                execution_options={"synchronize_session": False},
            )
        post.updated_at = func.clock()
    return post


async def images_of(post: Parent[Post], info: Info) -> list[PostImage]:
    """The post's pictures in their order; read together for all posts that are asked for."""
    loader = info.context.batched("post images", lambda keys: _of_posts(info, keys))
    images: list[PostImage] = await loader.load(post.id)
    return images


async def post_of_image(image: Parent[PostImage], info: Info) -> Post | None:
    """The post that shows it."""
    return await info.context.load(Post, image.post_id)


async def variant_of(image: Parent[PostImage], info: Info) -> Variant | None:
    """The picture."""
    return await info.context.load(Variant, image.variant_id)


async def character_of(image: Parent[PostImage], info: Info) -> Character | None:
    """Whom it shows."""
    return await info.context.load(Character, image.character_id)


async def image_url(image: Parent[PostImage], info: Info) -> str | None:
    """Where the picture is."""
    variant = await info.context.load(Variant, image.variant_id)
    return None if variant is None else await variants.url(variant, info)


async def thumbnail_url(
    image: Parent[PostImage], info: Info, size: ThumbnailSize = ThumbnailSize.PX_256
) -> str | None:
    """Where a small version is."""
    variant = await info.context.load(Variant, image.variant_id)
    return None if variant is None else await variants.thumbnail_url(variant, info, size)


async def _showable(
    session: AsyncSession, viewer: Viewer, variant_id: uuid.UUID, field: tuple[str, ...]
) -> Variant:
    """The viewer's finished picture, locked so that it stays what it is; raises Refused."""
    statement = select(Variant).where(Variant.id == variant_id, visible(viewer, Variant))
    variant = await session.scalar(statement.with_for_update(read=True))
    if variant is None:
        refusal = missing(Variant)
        raise Refused(refusal.reason, refusal.message, field)
    if variant.status not in SHOWN or variant.file_id is None:
        words = (
            f"The picture is {variant.status.value}; only a DRAFT, APPROVED or PUBLISHED one can be shown."
        )
        raise Refused(UserErrorCode.INVALID_STATE, words, field)
    return variant


async def _require_room(
    session: AsyncSession, post: Post, last: int, wanted: list[uuid.UUID], field: tuple[str, ...]
) -> None:
    if last + len(wanted) > MOST_IMAGES:
        words = f"A post shows at most {MOST_IMAGES} pictures; it has {last}."
        raise Refused(UserErrorCode.INVALID_STATE, words, field)
    twice = select(PostImage.id).where(PostImage.post_id == post.id, PostImage.variant_id.in_(wanted))
    if last and await session.scalar(twice.limit(1)) is not None:
        raise Refused(UserErrorCode.CONFLICT, "The post shows this picture already.", field)


async def _image(
    session: AsyncSession, post: Post, variant: Variant, caption: str | None, position: int
) -> PostImage:
    """The row, with what made the picture."""
    kind = None
    if variant.subject_id is not None:
        kind = await session.scalar(select(Subject.kind).where(Subject.id == variant.subject_id))
    image = PostImage(
        id=new_id(),
        owner_id=post.owner_id,
        post_id=post.id,
        variant_id=variant.id,
        character_id=variant.subject_id if kind is SubjectKind.CHARACTER else None,
        prompt=variant.original_prompt,
        generation_params=_params(variant),
        caption=said(caption),
        position=position,
    )
    session.add(image)
    return image


def _params(variant: Variant) -> dict[str, Any]:
    """With what the picture was made, as it stands in the contract's spelling."""
    facts = {
        "model": variant.model_key,
        "modelVersion": variant.model_version,
        "composedPrompt": variant.composed_prompt,
        "negativePrompt": variant.negative_prompt,
        "seed": variant.seed,
        "width": variant.width,
        "height": variant.height,
    }
    return {**variant.parameters, **{name: value for name, value in facts.items() if value is not None}}


async def _locked(session: AsyncSession, viewer: Viewer, image_id: uuid.UUID) -> tuple[PostImage, Post]:
    """The picture in the post as it is once its post is locked, and the post."""
    image = await session.scalar(
        select(PostImage).where(PostImage.id == image_id, visible(viewer, PostImage))
    )
    if image is None:
        raise missing(PostImage, "postImageId")
    post = await found(session, viewer, Post, image.post_id, lock=True)
    fresh = await session.get(PostImage, image_id, populate_existing=True)
    if fresh is None:
        raise missing(PostImage, "postImageId")
    return fresh, post


async def _count(session: AsyncSession, post_id: uuid.UUID) -> int:
    return (await session.scalar(select(func.count()).where(PostImage.post_id == post_id))) or 0


async def _shift(session: AsyncSession, post_id: uuid.UUID, first: int, by: int) -> None:
    """Move the pictures from that position on."""
    await session.execute(
        update(PostImage)
        .where(PostImage.post_id == post_id, PostImage.position >= first)
        .values(position=PostImage.position + by)
        .execution_options(synchronize_session=False)
    )


async def _of_posts(info: Info, keys: list[uuid.UUID]) -> list[list[PostImage]]:
    statement = (
        select(PostImage)
        .where(PostImage.post_id.in_(keys), visible(info.context.viewer, PostImage))
        .order_by(PostImage.position)
    )
    async with info.context.reading() as session:
        images = (await session.scalars(statement)).all()
    return [[image for image in images if image.post_id == key] for key in keys]
