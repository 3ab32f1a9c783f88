"""The end of an article's text: the post gets it, and the pictures that waited for it get their prompt.

The pictures lie in the queue behind a gate, held and accounted for since the article was asked for. Knows rows and
how an article is read; knows no text model.
"""

import uuid
from collections.abc import Sequence

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from executor.article_text import ArticleText, NoArticleError, read
from executor.models import Models
from executor.rewriting import Frame
from generators.events import FailureKind, TextMade
from store import posts
from store.database.tables import Job, JobStatus, Post, Publication, Task, TaskKind, Variant
from store.posts import PostMove
from store.queue import Failure, Held, fail_for_good, finish, open_gate

log = structlog.get_logger(__name__)
STOCK_LANE = "pexels"
GONE = "The post was deleted while it was being written."


class Articles:
    """Ends the text of an ARTICLE job."""

    def __init__(self, models: Models) -> None:
        self._models = models

    async def end(self, session: AsyncSession, held: Held, event: TextMade) -> None:
        """Write the post (or find that it exists), give the waiting pictures their prompt, and let them be made."""
        job = held.job
        if job is None:
            raise ValueError("An article was written for no job.")
        try:
            text = read(job.text or "")
        except NoArticleError as error:
            words = f"The answer of {event.model} is no article: {error}."
            await _fail(session, held, words)
            return
        waiting = await _waiting(session, job)
        post = await _placed(session, job, text, drawing=bool(waiting))
        if post is None:
            await _fail(session, held, GONE)
            return
        for task, variant in waiting:
            self._show(job, task, variant, text)
        await open_gate(session, job.id)
        await finish(session, held)

    def _show(self, job: Job, task: Task, variant: Variant, text: ArticleText) -> None:
        """Say what one picture shows, in as many characters as its model takes."""
        stock = task.lane == STOCK_LANE
        words = text.image_query if stock else text.image_prompt
        words = str(job.request.get("image_prompt") or words)
        prompt = words if stock else Frame(**job.request.get("frame", {})).around(words)
        model = self._models.get(task.model_key or "")
        prompt = prompt[: model.max_prompt] if model is not None else prompt
        task.spec = {**task.spec, "prompt": prompt}
        variant.original_prompt, variant.composed_prompt = words, prompt


async def _fail(session: AsyncSession, held: Held, words: str) -> None:
    await fail_for_good(session, held, Failure(code=FailureKind.BAD_REQUEST.value, message=words))


async def _waiting(session: AsyncSession, job: Job) -> Sequence[tuple[Task, Variant]]:
    """The job's pictures, locked, by their place in it."""
    rows = await session.execute(
        select(Task, Variant)
        .join(Variant, Variant.id == Task.variant_id)
        .where(Task.job_id == job.id, Task.kind == TaskKind.IMAGE, Task.state == JobStatus.QUEUED)
        .order_by(Task.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return [(task, variant) for task, variant in rows.all()]


async def _placed(session: AsyncSession, job: Job, text: ArticleText, *, drawing: bool) -> Post | None:
    """The post that has the article now: the job's own, or the one that had this title already."""
    post = await posts.lock(session, job.post_id) if job.post_id is not None else None
    if post is None:
        return None
    if post.slug is None:
        other = await _take_slug(session, post, posts.slug_of(text.title))
        if other is not None:
            return await _reused(session, job, post, other, drawing=drawing)
    post.title = post.title or text.title
    post.content, post.excerpt = text.content, post.excerpt or text.excerpt or None
    post.image_prompt = post.image_prompt or text.image_prompt
    await posts.written(session, post, drawing=drawing)
    return post


async def _take_slug(session: AsyncSession, post: Post, slug: str) -> Post | None:
    """Give a locked post its slug; the owner's other post where that has it already."""
    other = await posts.with_slug(session, post.owner_id, slug)
    if other is not None:
        return other
    try:
        async with session.begin_nested():
            named = update(Post).where(Post.id == post.id).values(slug=slug)
            await session.execute(named, execution_options={"synchronize_session": False})
    except IntegrityError:  # somebody was faster, and has committed by now
        return await posts.with_slug(session, post.owner_id, slug)
    post.slug = slug
    return None


async def _reused(session: AsyncSession, job: Job, post: Post, other: Post, *, drawing: bool) -> Post:
    """Let go of the post that was begun: everything of it belongs to the other one, whose text stays as it is."""
    log.warning("article_reused_post", post=str(other.id), slug=other.slug, job=str(job.id))
    topic, begun = post.topic_slug, post.id
    for table in (Job, Variant, Publication):
        moved = update(table).where(table.post_id == begun).values(post_id=other.id)
        await session.execute(moved, execution_options={"synchronize_session": False})
    job.post_id, job.reused_post = other.id, True
    await session.flush()
    session.expunge(post)
    await session.execute(delete(Post).where(Post.id == begun))
    kept = await _locked(session, other.id)
    kept.topic_slug = kept.topic_slug or topic
    if drawing:
        posts.advance(kept, PostMove.IMAGES_BEGUN)
    return kept


async def _locked(session: AsyncSession, post_id: uuid.UUID) -> Post:
    post = await posts.lock(session, post_id)
    if post is None:
        raise LookupError(f"post {post_id} went away in this transaction")
    return post
