"""Posts: reading, making and changing them. Publishing is `resolvers.publishing`, writing `resolvers.articles`."""

import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from resolvers import dice, idempotency, post_images
from resolvers.context import Context, Info, Parent, Some
from resolvers.idempotency import Asked
from resolvers.identity import Viewer
from resolvers.inputs import Direction
from resolvers.paging import Listing, Order
from resolvers.posts_inputs import CreatePostInput, PostFilter, PostOrder, UpdatePostInput
from resolvers.refused import Refused, UserErrorCode
from resolvers.subjects import found, missing
from resolvers.visible import one, visible
from store import posts as life
from store.database.tables import Beat, Persona, Post, PostStatus, Variant

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
PLAIN = ("title", "excerpt", "image_prompt")


def posts_of(viewer: Viewer, filter_by: PostFilter | None = None) -> Select[Post]:
    """The viewer's posts."""
    statement = select(Post).where(visible(viewer, Post))
    wanted = filter_by or PostFilter()
    if wanted.status is not None:
        statement = statement.where(Post.status.in_(wanted.status))
    if wanted.persona_id is not None:
        statement = statement.where(Post.persona_id == wanted.persona_id)
    if wanted.beat_id is not None:
        statement = statement.where(Post.beat_id == wanted.beat_id)
    return statement


def posts(
    info: Info, filter_by: PostFilter | None = None, order_by: PostOrder | None = None
) -> Listing[Post]:
    """The list behind `posts`."""
    order = order_by or PostOrder()
    return _listed(posts_of(info.context.viewer, filter_by), descending=order.direction is Direction.DESC)


def posts_of_persona(persona: Parent[Persona], info: Info) -> Listing[Post]:
    """The persona's posts, newest first."""
    return _listed(posts_of(info.context.viewer).where(Post.persona_id == persona.id))


async def post(info: Info, slug: str) -> Post | None:
    """The viewer's post of that slug."""
    context = info.context
    async with context.reading() as session:
        mine: Post | None = await session.scalar(posts_of(context.viewer).where(Post.slug == slug))
    return mine


def candidates(post: Parent[Post], info: Info) -> Listing[Variant]:
    """The pictures to choose from, newest first."""
    statement = select(Variant).where(Variant.post_id == post.id, visible(info.context.viewer, Variant))
    return Listing(statement=statement, order=Order(key=Variant.created_at, id=Variant.id, descending=True))


async def post_of(row: Parent[Any], info: Info) -> Post | None:
    """The post a job or a picture is for."""
    return await info.context.load(Post, row.post_id)


async def persona_of(post: Parent[Post], info: Info) -> Persona | None:
    """The persona that writes it."""
    return await info.context.load(Persona, post.persona_id)


async def beat_of(post: Parent[Post], info: Info) -> Beat | None:
    """The beat it is written in."""
    return await info.context.load(Beat, post.beat_id)


async def featured_image_of(post: Parent[Post], info: Info) -> Variant | None:
    """The picture that is published with it."""
    return await info.context.load(Variant, post.featured_image_id)


async def create_post(info: Info, asked: CreatePostInput) -> Post:
    """Make a post from what is given."""
    context, once = info.context, Asked.of("createPost", asked)
    async with context.writing() as session, slug_races():
        made = await idempotency.earlier(session, context.viewer, once)
        if made is not None:
            return await found(session, context.viewer, Post, made["post"])
        post = await new_post(session, context, asked)
        await post_images.attach_all(session, context, post, asked.images or [])
        await dice.keep(session, post, dice.rolled_all(asked.dice or [], owner_id=post.owner_id))
        await idempotency.keep(session, context.viewer, once, post=post.id)
    return post


async def new_post(session: AsyncSession, context: Context, asked: CreatePostInput) -> Post:
    """The row of a new post, checked and flushed; raises Refused."""
    owner_id = context.viewer.user_id
    title = _said(asked.title)
    slug = None
    if asked.slug is not None:
        slug = await _own_slug(session, owner_id, asked.slug)
    elif title is not None:
        slug = await life.free_slug(session, owner_id, title)
    post = Post(
        owner_id=owner_id,
        title=title,
        slug=slug,
        content=asked.content,
        excerpt=_said(asked.excerpt),
        image_prompt=_said(asked.image_prompt),
        persona_id=await persona_id_of(session, context, asked.persona_id),
        beat_id=await _beat_id_of(session, context, asked.beat_id),
    )
    session.add(post)
    await session.flush()
    return post


async def update_post(info: Info, asked: UpdatePostInput) -> Post:
    """Change what was given."""
    context = info.context
    async with context.writing() as session, slug_races():
        post = await found(session, context.viewer, Post, asked.post_id, lock=True)
        if post.status is PostStatus.WRITING:
            words = "The post is being written. Wait for its job, or cancel it."
            raise Refused(UserErrorCode.INVALID_STATE, words, ("postId",))
        for name in PLAIN:
            change = getattr(asked, name)
            if isinstance(change, Some):
                setattr(post, name, _said(change.value))
        if isinstance(asked.content, Some):
            post.content = asked.content.value
        if isinstance(asked.slug, Some) and asked.slug.value != post.slug:
            post.slug = await _own_slug(session, post.owner_id, asked.slug.value)
        await _move(session, context, post, asked)
        if session.is_modified(post):
            post.updated_at = func.clock()
        await session.flush()
    return post


async def _move(session: AsyncSession, context: Context, post: Post, asked: UpdatePostInput) -> None:
    """To another persona, to another beat."""
    if isinstance(asked.persona_id, Some):
        post.persona_id = await persona_id_of(session, context, asked.persona_id.value)
    if isinstance(asked.beat_id, Some):
        post.beat_id = await _beat_id_of(session, context, asked.beat_id.value)


async def persona_id_of(
    session: AsyncSession, context: Context, wanted: uuid.UUID | None
) -> uuid.UUID | None:
    """The id of the viewer's persona; raises Refused NOT_FOUND for what is none."""
    if wanted is None:
        return None
    persona = await session.scalar(one(context.viewer, Persona, wanted))
    if persona is None:
        raise missing(Persona, "personaId")
    return persona.id


async def _beat_id_of(session: AsyncSession, context: Context, wanted: uuid.UUID | None) -> uuid.UUID | None:
    return None if wanted is None else (await found(session, context.viewer, Beat, wanted)).id


@asynccontextmanager
async def slug_races() -> AsyncIterator[None]:
    """Two that take one slug at the same instant: the later one is refused, and told in words."""
    try:
        yield
    except IntegrityError as error:
        if "uq_posts_owner_id_slug" not in str(error.orig):
            raise
        words = "Another post took this slug at the same moment. Try again."
        raise Refused(UserErrorCode.CONFLICT, words, ("slug",)) from error


async def _own_slug(session: AsyncSession, owner_id: uuid.UUID, slug: str) -> str:
    if not SLUG.fullmatch(slug):
        words = "A slug is made of a-z, 0-9 and single hyphens between them."
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("slug",))
    if await life.with_slug(session, owner_id, slug) is not None:
        words = f"You have a post with the slug {slug!r} already."
        raise Refused(UserErrorCode.CONFLICT, words, ("slug",))
    return slug


def _listed(statement: Select[Post], *, descending: bool = True) -> Listing[Post]:
    return Listing(statement=statement, order=Order(key=Post.created_at, id=Post.id, descending=descending))


def _said(words: str | None) -> str | None:
    """The words, None when they say nothing."""
    return words.strip() if words and words.strip() else None
