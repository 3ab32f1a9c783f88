"""Writing articles: which post, whether there is anything to write, and the job. The end is `executor.articles`."""

import dataclasses
import uuid
from typing import Any

import structlog
from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from executor import article_text
from generators.spec import TextSpec
from resolvers import audit, idempotency, post_pictures, texts
from resolvers.context import Context, Info
from resolvers.idempotency import Asked
from resolvers.inputs import NAME
from resolvers.post_pictures import PLACEHOLDER, Drawing, Wanted
from resolvers.posts import persona_id_of, slug_races
from resolvers.posts_inputs import RegeneratePostImagesInput, WriteArticleInput
from resolvers.refused import Refused, UserErrorCode
from resolvers.subjects import found
from store import posts, queue
from store.database.ids import new_id
from store.database.tables import Job, JobKind, Persona, Post, PostStatus, Task
from store.posts import PostMove

log = structlog.get_logger(__name__)
OUTPUT_TOKENS = 6_000


@dataclasses.dataclass(frozen=True)
class WrittenArticle:
    """What `writeArticle` began: the nouns of its payload. `job` None = there was nothing to do."""

    post: Post
    job: Job | None
    reused: bool


@dataclasses.dataclass(frozen=True)
class Regenerated:
    """What `regeneratePostImages` began: both nouns of its payload."""

    post: Post
    job: Job


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Words:
    """What was said, without white space around it; None for nothing."""

    topic: str | None
    title: str | None
    content: str | None
    image_prompt: str | None

    @property
    def named(self) -> str:
        """What people call it before it has a headline."""
        return self.title or self.topic or ""


async def write_article(info: Info, asked: WriteArticleInput) -> WrittenArticle:
    """Have an article written and its pictures made; or only the pictures, where the text is there already."""
    context, once = info.context, Asked.of("writeArticle", asked)
    words = _words(asked)
    async with context.writing() as session, slug_races():
        made = await idempotency.earlier(session, context.viewer, once)
        if made is not None:
            return await _replayed(session, context, made)
        persona_id = await persona_id_of(session, context, asked.persona_id)
        post, reused = await _begun(session, context, words)
        if not reused:
            await _fill(session, post, asked, words, persona_id)
        drawing = await post_pictures.prepare(context, session, _wanted(asked, words, post, persona_id))
        writing = not reused and words.content is None
        job = await _enqueue(session, context, _Order(asked, words, post, drawing, reused, writing))
        created = {"post": post.id} | ({"job": job.id} if job is not None else {})
        created |= {"reused": post.id} if reused else {}
        await idempotency.keep(session, context.viewer, once, **created)
    return WrittenArticle(post, job, reused)


async def regenerate_post_images(info: Info, asked: RegeneratePostImagesInput) -> Regenerated:
    """Have more candidates made for a post."""
    context, once = info.context, Asked.of("regeneratePostImages", asked)
    async with context.writing() as session:
        made = await idempotency.earlier(session, context.viewer, once)
        if made is not None:
            return Regenerated(
                await found(session, context.viewer, Post, made["post"]),
                await found(session, context.viewer, Job, made["job"]),
            )
        post = await found(session, context.viewer, Post, asked.post_id, lock=True)
        prompt = _said(asked.prompt) or post.image_prompt or post.title
        if prompt is None:
            words = "The post has neither an image prompt nor a title: give `prompt`."
            raise Refused(UserErrorCode.INVALID_INPUT, words, ("prompt",))
        drawing = await post_pictures.prepare(
            context,
            session,
            dataclasses.replace(_pictures(asked, prompt, post.persona_id), count=asked.count),
        )
        assert drawing is not None  # at least one picture is wanted
        job = _job(context, post, JobKind.IMAGE, f"Pictures for {post.title or 'a post'}")
        variants, tasks = post_pictures.rows(context, job, post, drawing)
        posts.advance(post, PostMove.IMAGES_BEGUN)
        await session.flush()
        await queue.enqueue(session, job, variants, tasks)
        audit.note(context, session, "post_images.generated", job, count=len(variants))
        await idempotency.keep(session, context.viewer, once, post=post.id, job=job.id)
    return Regenerated(post, job)


# ---------------------------------------------------------------------- which post


async def _begun(session: AsyncSession, context: Context, words: _Words) -> tuple[Post, bool]:
    """The post, locked, and whether it was there with a text (or one being written) already.

    Two that begin the same post at the same instant meet on its slug: one makes the row, the other finds it.
    """
    owner_id = context.viewer.user_id
    slug = posts.slug_of(words.title) if words.title else None
    topic_slug = posts.slug_of(words.topic) if words.topic else None
    while True:
        there = await _there(session, owner_id, slug, topic_slug)
        if there is not None:
            reused = bool(there.content.strip()) or there.status is not PostStatus.DRAFT
            if reused:
                log.warning("article_reused_post", post=str(there.id), slug=there.slug)
            return there, reused
        row = insert(Post).values(id=new_id(), owner_id=owner_id, slug=slug, topic_slug=topic_slug)
        made = await session.scalar(row.on_conflict_do_nothing().returning(Post.id))
        if made is not None:
            return await session.get_one(Post, made, with_for_update=True), False


async def _there(
    session: AsyncSession, owner_id: uuid.UUID, slug: str | None, topic_slug: str | None
) -> Post | None:
    names = [name for name in (slug, topic_slug) if name is not None]
    by_name = Post.slug.in_(names)
    known: Post | None = await session.scalar(
        select(Post)
        .where(
            Post.owner_id == owner_id, or_(by_name, Post.topic_slug == topic_slug) if topic_slug else by_name
        )
        .order_by(
            (Post.content != "").desc(), Post.created_at, Post.id
        )  # one with a text wins over a mere beginning
        .limit(1)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return known


async def _fill(
    session: AsyncSession,
    post: Post,
    asked: WriteArticleInput,
    words: _Words,
    persona_id: uuid.UUID | None,
) -> None:
    """Write what is known into a new post."""
    if words.title is not None and post.slug is None:
        post.slug = await posts.free_slug(session, post.owner_id, words.title)
    post.title = words.title or post.title
    post.content = words.content or post.content
    post.excerpt = _said(asked.excerpt) or post.excerpt
    post.image_prompt = words.image_prompt or post.image_prompt
    post.persona_id = persona_id or post.persona_id
    await session.flush()


# ---------------------------------------------------------------------- the job


@dataclasses.dataclass(frozen=True)
class _Order:
    """Everything the job is made of, checked."""

    asked: WriteArticleInput
    words: _Words
    post: Post
    drawing: Drawing | None
    reused: bool
    writing: bool


async def _enqueue(session: AsyncSession, context: Context, order: _Order) -> Job | None:
    """One job for the text and the pictures; None when neither is wanted."""
    if order.drawing is None and not order.writing:
        return None
    post, drawing = order.post, order.drawing
    job = _job(context, post, JobKind.ARTICLE, order.words.named or post.title or "An article")
    job.project, job.reused_post = order.asked.project, order.reused
    job.request = {"topic": order.words.topic, "image_prompt": order.words.image_prompt}
    variants, tasks = post_pictures.rows(context, job, post, drawing) if drawing is not None else ([], [])
    if order.writing:
        job.request |= {"frame": drawing.frame if drawing is not None else {}}
        tasks = [await _write(session, context, job, order), *(queue.gated(task) for task in tasks)]
        posts.advance(post, PostMove.WRITING_BEGUN)
    else:
        posts.advance(post, PostMove.IMAGES_BEGUN)
    await session.flush()
    await queue.enqueue(session, job, variants, tasks)
    details = {"pictures": len(variants), "writing": order.writing, "reused": order.reused}
    audit.note(context, session, "article.asked", job, **details)
    return job


async def _write(session: AsyncSession, context: Context, job: Job, order: _Order) -> Task:
    """The task that writes the text; raises Refused without a text model."""
    model = texts.text_model(context)
    voice = None
    if order.post.persona_id is not None:
        persona = await session.get_one(Persona, order.post.persona_id)
        voice = article_text.Voice(name=persona.name, personality=persona.personality, look=persona.look)
    spec = TextSpec(
        model=model.key,
        instructions=article_text.INSTRUCTIONS,
        prompt=article_text.asking(order.words.topic or order.words.named, order.words.title, voice),
        json_schema=article_text.SCHEMA,
        max_output_tokens=OUTPUT_TOKENS,
        owner_id=str(job.owner_id),
        request_id=context.request_id or "",
    )
    return texts.write_task(context, job, spec)


def _job(context: Context, post: Post, kind: JobKind, title: str) -> Job:
    return Job(
        id=new_id(),
        owner_id=post.owner_id,
        kind=kind,
        title=title[:NAME],
        post_id=post.id,
        subject_id=post.persona_id,
        request={},
        request_id=context.request_id,
    )


async def _replayed(session: AsyncSession, context: Context, made: dict[str, uuid.UUID]) -> WrittenArticle:
    """The first answer again. The job knows where the article went, should its title have turned out to exist."""
    job = await found(session, context.viewer, Job, made["job"]) if "job" in made else None
    post_id = made["post"] if job is None or job.post_id is None else job.post_id
    post = await found(session, context.viewer, Post, post_id)
    return WrittenArticle(post, job, "reused" in made or (job is not None and job.reused_post))


# ---------------------------------------------------------------------- what was said


def _words(asked: WriteArticleInput) -> _Words:
    words = _Words(
        topic=_said(asked.topic),
        title=_said(asked.title),
        content=_said(asked.content),
        image_prompt=_said(asked.image_prompt),
    )
    if words.content is not None and words.title is None:
        raise Refused(UserErrorCode.INVALID_INPUT, "A text of yours needs a `title`.", ("title",))
    if words.topic is None and words.title is None:
        sentence = "Give a `topic`, or a `title` with its `content`."
        raise Refused(UserErrorCode.INVALID_INPUT, sentence, ("topic",))
    return words


def _wanted(asked: WriteArticleInput, words: _Words, post: Post, persona_id: uuid.UUID | None) -> Wanted:
    """Which pictures; what stands for their prompt until the text is written is cut short."""
    known = words.image_prompt or post.image_prompt or post.title or words.named
    prompt = words.image_prompt or (known if post.content else known[:PLACEHOLDER])
    pictures = _pictures(asked, prompt, persona_id or post.persona_id)
    return dataclasses.replace(pictures, count=asked.image_count, counted="imageCount")


def _pictures(
    asked: WriteArticleInput | RegeneratePostImagesInput, prompt: str, persona_id: uuid.UUID | None
) -> Wanted:
    named: dict[str, Any] = {
        name: getattr(asked, name)
        for name in ("model", "negative_prompt", "width", "height", "steps", "seed")
    }
    return Wanted(count=0, prompt=prompt, source=asked.image_source, subject_id=persona_id, **named)


def _said(words: str | None) -> str | None:
    return words.strip() if words and words.strip() else None
