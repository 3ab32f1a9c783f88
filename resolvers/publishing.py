"""Choosing a picture and publishing it: the request and its job; the work is `executor.publishing`."""

import dataclasses

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from executor.publishing import PUBLISHABLE
from resolvers import audit
from resolvers.context import Context, Info
from resolvers.decisions import approve, locked
from resolvers.posts_inputs import ApprovePostInput, PublishVariantInput
from resolvers.refused import Refused, UserErrorCode
from resolvers.subjects import found, missing
from store import posts, publications
from store.database.tables import (
    FINAL,
    Job,
    JobKind,
    Post,
    PostImage,
    PostStatus,
    Variant,
    VariantPurpose,
    VariantStatus,
)
from store.posts import PostMove


@dataclasses.dataclass(frozen=True)
class ApprovedPost:
    """What `approvePost` did: both nouns of its payload."""

    post: Post
    job: Job


@dataclasses.dataclass(frozen=True)
class PublishedVariant:
    """What `publishVariant` did: both nouns of its payload."""

    variant: Variant
    job: Job


async def approve_post(info: Info, asked: ApprovePostInput) -> ApprovedPost:
    """Choose a candidate; it is published and becomes the featured image, then the post is PUBLISHED."""
    context = info.context
    async with context.writing() as session:
        post = await found(session, context.viewer, Post, asked.post_id)
        variant = await locked(session, context, asked.variant_id)
        await _require_candidate(session, post, variant)
        post = await posts.lock(session, post.id) or _gone()
        running = await _at_work(session, post, variant)
        if running is not None:
            return _again(post, running, variant)
        require_publishable(variant)
        if variant.status is VariantStatus.DRAFT:
            approve(variant)
        job = await publish(session, context, variant, post)
        if job.status in FINAL:  # it is the featured image already
            return ApprovedPost(post, job)
        if not posts.allowed(post.status, PostMove.APPROVED):
            words = f"The post is {post.status.value}; wait until its text is finished."
            raise Refused(UserErrorCode.INVALID_STATE, words, ("postId",))
        posts.advance(post, PostMove.APPROVED)
        await session.flush()
        audit.note(context, session, "post.approved", post, variant=str(variant.id), job=str(job.id))
    return ApprovedPost(post, job)


async def publish_variant(info: Info, asked: PublishVariantInput) -> PublishedVariant:
    """Publish a picture on its own."""
    context = info.context
    async with context.writing() as session:
        variant = await locked(session, context, asked.variant_id)
        job = await publish_one(session, context, variant)
    return PublishedVariant(variant, job)


async def publish_one(session: AsyncSession, context: Context, variant: Variant) -> Job:
    """Enqueue the publication of a locked picture, or find the one there is; raises Refused."""
    require_publishable(variant)
    return await publish(session, context, variant, None)


async def publish(session: AsyncSession, context: Context, variant: Variant, post: Post | None) -> Job:
    """Enqueue it, with an entry in the audit log unless it is at work or done already."""
    title = f"Publish {post.title or 'a post'}" if post is not None else "Publish a picture"
    order = publications.Order(
        variant=variant, target=context.publish_to, post=post, title=title, request_id=context.request_id
    )
    job, fresh = await publications.publish(session, order)
    if fresh:
        audit.note(context, session, "variant.published", variant, target=context.publish_to)
    return job


def require_publishable(variant: Variant) -> None:
    """Raise Refused unless the picture is finished and nobody decided against it."""
    if variant.purpose is VariantPurpose.BASE_IMAGE:
        words = "This is a base image: it shows how somebody looks and is not published."
        raise Refused(UserErrorCode.NOT_SUPPORTED, words, ("variantId",))
    if variant.status not in PUBLISHABLE or variant.file_id is None:
        words = f"The picture is {variant.status.value}; only a DRAFT or an APPROVED one can be published."
        raise Refused(UserErrorCode.INVALID_STATE, words, ("variantId",))


async def _require_candidate(session: AsyncSession, post: Post, variant: Variant) -> None:
    if variant.post_id == post.id:
        return
    attached = select(PostImage.id).where(PostImage.post_id == post.id, PostImage.variant_id == variant.id)
    if await session.scalar(attached) is None:
        words = "This picture is neither a candidate of this post nor attached to it."
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("variantId",))


async def _at_work(session: AsyncSession, post: Post, variant: Variant) -> Job | None:
    """The publication of a locked post that is not over.

    It may have shown its picture a moment ago and be about to end: whoever asks for that picture then asks for nothing
    new, and a post that were PUBLISHING again would stay so.
    """
    shown = post.status is PostStatus.PUBLISHED and post.featured_image_id == variant.id
    if post.status is not PostStatus.PUBLISHING and not shown:
        return None
    mine = Job.post_id == post.id, Job.kind == JobKind.PUBLICATION, Job.status.not_in(FINAL)
    running: Job | None = await session.scalar(select(Job).where(*mine).order_by(Job.id.desc()).limit(1))
    return running


def _again(post: Post, running: Job, variant: Variant) -> ApprovedPost:
    """The same request twice is one; another picture must wait."""
    if running.request.get("variantId") != str(variant.id):
        words = "Another picture of this post is being published. Wait for it, or cancel its job."
        raise Refused(UserErrorCode.INVALID_STATE, words, ("variantId",))
    return ApprovedPost(post, running)


def _gone() -> Post:
    raise missing(Post)
