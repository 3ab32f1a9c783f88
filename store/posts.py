"""The life of a post: one table of allowed moves, what ends for it when work is lost, and its slug.

`DRAFT -> WRITING -> AWAITING_IMAGE -> AWAITING_APPROVAL -> PUBLISHING -> PUBLISHED`; a text that is given skips
WRITING, and what is lost on the way goes back to where it began. Knows rows; knows no viewer and no generator.

Lock order everywhere: job, task, variant, post (as a subject), budget, user.
"""

import enum
import hashlib
import uuid

from slugify import slugify
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from store.database.tables import Job, JobKind, Post, PostStatus, TaskKind, Variant, VariantStatus

SLUG = 200
LOCK = {"key_share": True}
"""FOR NO KEY UPDATE. A row that refers to this one and is written twice in one transaction has its reference checked
(KEY SHARE); two such transactions would wait for each other's FOR UPDATE for good.
"""


class PostMove(enum.Enum):
    """What can happen to a post."""

    WRITING_BEGUN = "WRITING_BEGUN"
    WRITTEN = "WRITTEN"
    WRITING_LOST = "WRITING_LOST"  # failed or cancelled
    IMAGES_BEGUN = "IMAGES_BEGUN"  # candidates are being made
    DRAWN = "DRAWN"  # a candidate is finished
    APPROVED = "APPROVED"  # one is chosen and being published
    PUBLISHED = "PUBLISHED"
    PUBLISHING_LOST = "PUBLISHING_LOST"  # failed or cancelled, and nothing was published before
    REPLACING_LOST = "REPLACING_LOST"  # the same, and what was published before stands


_DRAFT, _WRITING, _IMAGE = PostStatus.DRAFT, PostStatus.WRITING, PostStatus.AWAITING_IMAGE
_APPROVAL, _PUBLISHING, _PUBLISHED = (
    PostStatus.AWAITING_APPROVAL,
    PostStatus.PUBLISHING,
    PostStatus.PUBLISHED,
)
_UNDECIDED = (_DRAFT, _IMAGE, _APPROVAL)

TRANSITIONS: dict[tuple[PostStatus, PostMove], PostStatus] = {
    (_DRAFT, PostMove.WRITING_BEGUN): _WRITING,
    (_WRITING, PostMove.WRITTEN): _DRAFT,
    (_WRITING, PostMove.WRITING_LOST): _DRAFT,
    (_DRAFT, PostMove.IMAGES_BEGUN): _IMAGE,
    **{(status, PostMove.IMAGES_BEGUN): status for status in PostStatus if status is not _DRAFT},
    **{(status, PostMove.DRAWN): _APPROVAL for status in _UNDECIDED},
    **{(status, PostMove.DRAWN): status for status in (_WRITING, _PUBLISHING, _PUBLISHED)},
    **{(status, PostMove.APPROVED): _PUBLISHING for status in (*_UNDECIDED, _PUBLISHED)},
    (_PUBLISHING, PostMove.PUBLISHED): _PUBLISHED,
    (_PUBLISHING, PostMove.PUBLISHING_LOST): _APPROVAL,
    (_PUBLISHING, PostMove.REPLACING_LOST): _PUBLISHED,
}
"""Everything that may happen; what is not here is refused."""


class PostMoveRefused(Exception):  # noqa: N818 -- an expected answer
    """The table does not allow this move; nothing was changed."""

    def __init__(self, status: PostStatus, move: PostMove) -> None:
        self.status = status
        self.move = move
        super().__init__(f"{move.value} is not possible while the post is {status.value}.")


def allowed(status: PostStatus, move: PostMove) -> bool:
    """Whether the table has this move."""
    return (status, move) in TRANSITIONS


def advance(post: Post, move: PostMove) -> None:
    """Take a move on a locked post; raises PostMoveRefused when the table has no such move."""
    status = TRANSITIONS.get((post.status, move))
    if status is None:
        raise PostMoveRefused(post.status, move)
    post.status = status
    post.updated_at = func.clock()


async def lock(session: AsyncSession, post_id: uuid.UUID) -> Post | None:
    """The post, fresh and locked until the transaction ends; None when it is gone."""
    return await session.get(Post, post_id, with_for_update=LOCK, populate_existing=True)


async def drawn(session: AsyncSession, post_id: uuid.UUID) -> None:
    """Take in a finished candidate; for the transaction that commits it. A post that is gone is no error."""
    post = await lock(session, post_id)
    if post is not None:
        advance(post, PostMove.DRAWN)


async def written(session: AsyncSession, post: Post, *, drawing: bool) -> None:
    """A locked post has its text. `drawing` = candidates are being made for it."""
    advance(post, PostMove.WRITTEN)
    if drawing:
        advance(post, PostMove.IMAGES_BEGUN)
    waiting = select(Variant.id).where(
        Variant.post_id == post.id, Variant.status.in_((VariantStatus.DRAFT, VariantStatus.APPROVED))
    )
    if await session.scalar(waiting.limit(1)) is not None:
        advance(post, PostMove.DRAWN)


async def lost(session: AsyncSession, job: Job, kind: TaskKind) -> None:
    """A task of that kind failed for good, or was cancelled: its post goes back to where it stood before."""
    writing = kind is TaskKind.WRITE and job.kind is JobKind.ARTICLE
    if job.post_id is None or not (writing or kind is TaskKind.PUBLISH):
        return
    post = await lock(session, job.post_id)
    if post is None:
        return
    if writing:
        move = PostMove.WRITING_LOST
    else:
        move = PostMove.PUBLISHING_LOST if post.featured_image_url is None else PostMove.REPLACING_LOST
    if allowed(post.status, move):  # else it has gone on without this task
        advance(post, move)


def slug_of(words: str) -> str:
    """1 to 200 of a-z, 0-9 and hyphens for a title or a topic; always the same for the same words."""
    made = slugify(words, max_length=SLUG, word_boundary=True)
    return made or hashlib.sha256(words.strip().encode()).hexdigest()[:16]


async def with_slug(session: AsyncSession, owner_id: uuid.UUID, slug: str) -> Post | None:
    """The owner's post of that slug."""
    found: Post | None = await session.scalar(
        select(Post).where(Post.owner_id == owner_id, Post.slug == slug)
    )
    return found


async def free_slug(session: AsyncSession, owner_id: uuid.UUID, words: str) -> str:
    """The slug of those words, numbered where the owner has it already: `a-title`, `a-title-2`, …"""
    slug = slug_of(words)
    taken = set(
        await session.scalars(
            select(Post.slug).where(Post.owner_id == owner_id, Post.slug.startswith(slug, autoescape=True))
        )
    )
    number, free = 1, slug
    while free in taken:
        number += 1
        free = f"{slug}-{number}"
    return free
