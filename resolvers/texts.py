"""TEXT jobs: prompts suggested, references read, and any job's text as it is being written.

A text is kept on its job; watching it costs nothing and can begin again at any character.
"""

import dataclasses
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from executor import specs
from generators.catalog import Capability, Model
from generators.spec import FileRef, TextSpec
from resolvers import audit, grips, idempotency
from resolvers.checks import within
from resolvers.context import Context, Info
from resolvers.idempotency import Asked
from resolvers.inputs import NAME
from resolvers.refused import Refused, UserErrorCode, bad_input, not_found
from resolvers.subjects import found
from resolvers.texts_inputs import AnalyzeReferencesInput, SuggestPromptsInput
from resolvers.visible import one
from store import queue
from store.database.ids import new_id
from store.database.tables import Job, JobKind, Subject, Task, TaskKind

NO_TEXT_MODEL = (
    "There is no text model. Set TEXT_BASE_URL and TEXT_MODEL (any OpenAI-compatible endpoint, such as Ollama or "
    "vLLM), or OPENAI_API_KEY."
)
TEXT_LANE = "text"
MOST_SUGGESTIONS, MOST_UPLOADS = 10, 10
SUGGEST = (
    "You write prompts for an image generator. Each is one paragraph of plain English, at most 60 words: who or "
    "what, where, light, composition, mood. Keep what is said about the person; vary everything else. Answer with "
    "a numbered list and nothing else."
)
ANALYZE = (
    "You look at reference pictures for an illustrator. Say only what can be seen. Describe what all pictures share "
    "first: face, hair, build, clothes, palette, light, style; then what is special in each, by its number. Never "
    "guess who a real person is."
)
USUAL_QUESTION = "What must be said so that the same person, thing or style can be drawn again?"


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextDelta:
    """More of a text: `text` begins at `offset`, in code points; ask again from `next`. `done` = no more will come."""

    offset: int
    text: str
    next: int
    done: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Writing:
    """A text to be written by a job of its own."""

    title: str
    instructions: str
    prompt: str
    images: tuple[FileRef, ...] = ()
    subject_id: uuid.UUID | None = None


def text_model(context: Context) -> Model:
    """The model that writes; raises Refused with how to set one."""
    model = context.models.text_model()
    if model is None:
        raise Refused(UserErrorCode.NO_TEXT_MODEL, NO_TEXT_MODEL)
    return model


async def suggest_prompts(info: Info, asked: SuggestPromptsInput) -> Job:
    """Have prompts suggested."""
    context, once = info.context, Asked.of("suggestPrompts", asked)
    within("count", asked.count, 1, MOST_SUGGESTIONS)
    if asked.subject_id is None and not (asked.scene and asked.scene.strip()):
        words = "Give `subjectId` or `scene`: what shall the prompts be about?"
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("scene",))
    model = text_model(context)
    async with context.writing() as session:
        made = await idempotency.earlier(session, context.viewer, once)
        if made is not None:
            return await found(session, context.viewer, Job, made["job"])
        subject = None
        if asked.subject_id is not None:
            subject = await found(session, context.viewer, Subject, asked.subject_id)
        writing = Writing(
            title=f"Prompts for {subject.name if subject is not None else asked.scene}"[:NAME],
            instructions=SUGGEST,
            prompt=_suggesting(subject, asked),
            subject_id=asked.subject_id,
        )
        job = await _enqueue(context, session, model, writing)
        await idempotency.keep(session, context.viewer, once, job=job.id)
    return job


async def analyze_references(info: Info, asked: AnalyzeReferencesInput) -> Job:
    """Have uploaded pictures read."""
    context, once = info.context, Asked.of("analyzeReferences", asked)
    if not 1 <= len(asked.upload_ids) <= MOST_UPLOADS:
        words = f"Give 1 to {MOST_UPLOADS} uploads; got {len(asked.upload_ids)}."
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("uploadIds",))
    model = text_model(context)
    if Capability.VISION not in model.capabilities:
        words = f"{model.name} cannot read pictures. Set TEXT_MODEL to one that can."
        raise Refused(UserErrorCode.NOT_SUPPORTED, words)
    async with context.writing() as session:
        made = await idempotency.earlier(session, context.viewer, once)
        if made is not None:
            return await found(session, context.viewer, Job, made["job"])
        given = await grips.references(session, context.viewer, asked.upload_ids, "uploadIds")
        if len(given) > model.max_references:
            words = f"{model.name} reads at most {model.max_references} pictures; {len(given)} were given."
            raise Refused(UserErrorCode.NOT_SUPPORTED, words, ("uploadIds",))
        question = (asked.question or "").strip() or USUAL_QUESTION
        writing = Writing(
            title=f"Analysis of {len(given)} reference{'' if len(given) == 1 else 's'}",
            instructions=ANALYZE,
            prompt=question,
            images=tuple(one.file for one in given if one.file is not None),
        )
        job = await _enqueue(context, session, model, writing)
        await idempotency.keep(session, context.viewer, once, job=job.id)
    return job


async def watch_text(info: Info, job_id: uuid.UUID, after: int = 0) -> AsyncIterator[TextDelta]:
    """The job's text from that character on, as it grows; ends when no more will come. Changes and bills nothing.

    Raises:
        Told: NOT_FOUND, when the viewer has no such job; BAD_USER_INPUT for a negative offset.
    """
    context = info.context
    if after < 0:
        raise bad_input(f"`after` must be 0 or more; got {after}.")
    async with context.reading() as session:
        if await session.scalar(one(context.viewer, Job, job_id)) is None:
            raise not_found("job")
    offset = after
    async for state in context.progress.watch(job_id):
        text, done = state.job.text or "", state.final or state.written
        if len(text) > offset or done:
            delta = TextDelta(offset=offset, text=text[offset:], next=max(offset, len(text)), done=done)
            offset = delta.next
            yield delta
        if done:
            return


async def _enqueue(context: Context, session: AsyncSession, model: Model, writing: Writing) -> Job:
    spec = TextSpec(
        model=model.key,
        instructions=writing.instructions,
        prompt=writing.prompt,
        images=writing.images,
        owner_id=str(context.viewer.user_id),
        request_id=context.request_id or "",
    )
    job = Job(
        id=new_id(),
        owner_id=context.viewer.user_id,
        kind=JobKind.TEXT,
        title=writing.title,
        subject_id=writing.subject_id,
        request={"prompt": writing.prompt},
        request_id=context.request_id,
    )
    await queue.enqueue(session, job, [], [write_task(context, job, spec)])
    audit.note(context, session, "text.asked", job, model=model.key)
    return job


def write_task(context: Context, job: Job, spec: TextSpec) -> Task:
    """The task that writes a job's text."""
    return Task(
        id=new_id(),
        job_id=job.id,
        owner_id=job.owner_id,
        kind=TaskKind.WRITE,
        lane=TEXT_LANE,
        model_key=spec.model,
        spec=specs.to_json(spec),
        request_id=context.request_id,
        cost_estimate=context.models.estimate(spec),
    )


def _suggesting(subject: Subject | None, asked: SuggestPromptsInput) -> str:
    parts: Sequence[Any] = (
        f"Suggest {asked.count} prompts.",
        f"Who: {subject.look}" if subject is not None else None,
        f"Personality: {subject.personality}" if subject is not None and subject.personality else None,
        f"Scene: {asked.scene}" if asked.scene else None,
        f"Use: {asked.use_case}" if asked.use_case else None,
    )
    return "\n".join(part for part in parts if part)
