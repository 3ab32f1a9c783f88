"""Stock photographs: searched, shown with their photographers, and taken as candidates for a post."""

import dataclasses
import enum
from typing import NoReturn

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from executor.stock import QUERY, Stock
from generators.hosted.failures import Trouble
from generators.hosted.pexels import StockPhoto
from resolvers import content, idempotency
from resolvers.base_images import CODES
from resolvers.context import Context, Info, Parent
from resolvers.idempotency import Asked
from resolvers.post_pictures import STOCK
from resolvers.posts_inputs import AttachStockPhotoInput
from resolvers.refused import Refused, Told, UserErrorCode, bad_input
from resolvers.subjects import found
from store import posts
from store.database.ids import new_id
from store.database.tables import File, ImageSource, Post, Variant, VariantPurpose, VariantStatus
from store.files.refusals import UploadRefused
from store.naming import traceable_name
from store.pictures import Picture, drop_bytes, keep_picture, store_bytes
from store.posts import PostMove

MOST = 80
STANDING = (
    VariantStatus.DRAFT,
    VariantStatus.APPROVED,
    VariantStatus.PUBLISHED,
    VariantStatus.HELD,
    VariantStatus.BLOCKED,
)
"""A photograph at one of these is not taken again: not to go around a reviewer either."""
NO_STOCK = "There is no stock of photographs. Set PEXELS_API_KEY."


class Orientation(enum.Enum):
    """The shape of a photograph."""

    LANDSCAPE = "LANDSCAPE"
    PORTRAIT = "PORTRAIT"
    SQUARE = "SQUARE"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attribution:
    """What must be shown beside a photograph."""

    photographer: str
    photographer_url: str
    source_url: str
    licence: str
    text: str


@dataclasses.dataclass(frozen=True)
class _Found:
    """A photograph and its bytes in the vault. `held_reason`: why it must wait for a reviewer."""

    photo: StockPhoto
    picture: Picture
    held_reason: str | None


@dataclasses.dataclass(frozen=True)
class AttachedPhoto:
    """What `attachStockPhoto` did: both nouns of its payload."""

    post: Post
    variant: Variant


async def stock_photos(
    info: Info, query: str, first: int = 15, orientation: Orientation | None = None
) -> list[StockPhoto]:
    """Photographs for a query, remembered for a day.

    Raises:
        Told: BAD_USER_INPUT; MODEL_UNAVAILABLE without a key; or what the provider said.
    """
    words = " ".join(query.split())
    if not 1 <= len(words) <= QUERY or "\0" in words:
        raise bad_input(f"`query` must have 1 to {QUERY} characters.")
    if not 1 <= first <= MOST:
        raise bad_input(f"`first` must be between 1 and {MOST}; got {first}.")
    content.require_clean(info.context, words, "query")
    stock = _stock(info.context)
    shape = orientation.value.lower() if orientation is not None else None
    try:
        return await stock.search(words, first=first, orientation=shape)
    except Trouble as trouble:
        raise Told(trouble.kind.value, trouble.words) from trouble


def photo_id(photo: Parent[StockPhoto]) -> int:
    """The provider's number."""
    return photo.id


def photo_attribution(photo: Parent[StockPhoto]) -> Attribution:
    """Whom to name beside it."""
    said = {name: str(value) for name, value in photo.attribution().items()}
    return _attribution(said)


def attribution_of(variant: Parent[Variant]) -> Attribution | None:
    """Whom to name beside a picture; None for what no photographer made."""
    return None if variant.attribution is None else _attribution(variant.attribution)


async def attach_stock_photo(info: Info, asked: AttachStockPhotoInput) -> AttachedPhoto:
    """Take a photograph as a candidate of a post; the same one twice is one candidate."""
    context, once = info.context, Asked.of("attachStockPhoto", asked)
    async with context.reading() as session:
        await found(session, context.viewer, Post, asked.post_id)
    got = await _fetched(context, asked.photo_id)
    try:
        async with context.writing() as session:
            made = await idempotency.earlier(session, context.viewer, once)
            if made is not None:
                return AttachedPhoto(
                    await found(session, context.viewer, Post, asked.post_id),
                    await found(session, context.viewer, Variant, made["variant"]),
                )
            attached, fresh = await _attach(session, context, asked, got)
            await idempotency.keep(session, context.viewer, once, variant=attached.variant.id)
    except BaseException:
        await drop_bytes(context.db, context.files.vault, got.picture.hashes)
        raise
    if fresh:
        name = traceable_name(attached.variant, got.picture.media_type.value)
        source = context.files.vault.path(got.picture.stored.sha256)
        await context.files.copies.keep(source, name, base_image=False)
    return attached


async def _fetched(context: Context, number: int) -> _Found:
    """The photograph, its bytes decoded and written anew without metadata, and kept; raises Refused."""
    try:
        stock = _stock(context)
        photo = await stock.photo(number)
        image = await context.files.decoder.clean(await stock.data(photo))
    except Trouble as trouble:
        raise Refused(UserErrorCode.MODEL_UNAVAILABLE, trouble.words, ("photoId",)) from trouble
    except UploadRefused as refusal:
        code = CODES.get(refusal.code, UserErrorCode.INVALID_FILE)
        raise Refused(code, str(refusal), ("photoId",)) from refusal
    except Told as told:
        if isinstance(told, Refused):
            raise
        _refuse(told)
    held = await content.reason_to_hold(context, image.data, image.media_type.value, photo.alt)
    picture = await store_bytes(context.files.vault, image.data, image.media_type, image.looks)
    return _Found(photo, picture, held)


async def _attach(
    session: AsyncSession, context: Context, asked: AttachStockPhotoInput, got: _Found
) -> tuple[AttachedPhoto, bool]:
    post = await found(session, context.viewer, Post, asked.post_id, lock=True)
    there = await session.scalar(
        select(Variant).where(
            Variant.post_id == post.id,
            Variant.source == ImageSource.STOCK,
            Variant.provider_job_id == str(got.photo.id),
            Variant.status.in_(STANDING),
        )
    )
    if there is not None:
        return AttachedPhoto(post, there), False
    file = await keep_picture(session, post.owner_id, got.picture)
    variant = _variant(post, file, got.photo)
    variant.finished_at = await session.scalar(select(func.clock()))
    session.add(variant)
    if got.held_reason is None:
        posts.advance(post, PostMove.DRAWN)
    else:
        variant.status, variant.held_reason = VariantStatus.HELD, got.held_reason
    await session.flush()
    return AttachedPhoto(post, variant), True


def _variant(post: Post, file: File, photo: StockPhoto) -> Variant:
    return Variant(
        id=new_id(),
        owner_id=post.owner_id,
        post_id=post.id,
        file_id=file.id,
        purpose=VariantPurpose.POST_IMAGE,
        version_number=1,
        status=VariantStatus.DRAFT,
        source=ImageSource.STOCK,
        model_key=STOCK,
        provider_job_id=str(photo.id),
        original_prompt=photo.alt or None,
        attribution=photo.attribution(),
        width=file.width,
        height=file.height,
    )


def _stock(context: Context) -> Stock:
    if context.stock is None:
        raise Told(UserErrorCode.MODEL_UNAVAILABLE.value, NO_STOCK)
    usable = context.models.availability(STOCK)
    if not usable.available:
        raise Told(UserErrorCode.MODEL_UNAVAILABLE.value, usable.reason or NO_STOCK)
    return context.stock


def _refuse(told: Told) -> NoReturn:
    """What a query says at the top level, a mutation says as an answer."""
    raise Refused(UserErrorCode.MODEL_UNAVAILABLE, told.message, ("photoId",)) from told


def _attribution(said: dict[str, str]) -> Attribution:
    return Attribution(
        photographer=said.get("photographer", ""),
        photographer_url=said.get("photographerUrl", ""),
        source_url=said.get("sourceUrl", ""),
        licence=said.get("licence", ""),
        text=said.get("text", ""),
    )
