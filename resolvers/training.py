"""Training an adapter: everything checked, then one job with one task."""

import re
import secrets
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from executor import specs
from executor.lanes import TRAIN_LANE
from generators.catalog import Capability, Model, Provider, Recipe
from generators.spec import TrainingImage, TrainingSpec
from resolvers import audit, idempotency, lessons
from resolvers.adapter_inputs import TrainAdapterInput
from resolvers.checks import within
from resolvers.choosing import SMALLEST_SIDE
from resolvers.context import Context, Info
from resolvers.idempotency import Asked
from resolvers.ids import SubjectId
from resolvers.lessons import Source
from resolvers.refused import Refused, UserErrorCode
from resolvers.subjects import found
from store import queue
from store.database.ids import new_id
from store.database.tables import (
    Job,
    JobKind,
    Persona,
    Subject,
    Task,
    TaskKind,
    Variant,
)

MOST_STEPS, MOST_RANK, HIGHEST_RATE = 6000, 128, 0.1
LARGEST_SEED = 2**53 - 1
TITLE = 200
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
USUAL = Recipe()


async def train_adapter(info: Info, asked: TrainAdapterInput) -> Job:
    """Enqueue one training."""
    context, once = info.context, Asked.of("trainAdapter", asked)
    async with context.writing() as session:
        made = await idempotency.earlier(session, context.viewer, once)
        if made is not None:
            return await found(session, context.viewer, Job, made["job"])
        subject = await found(session, context.viewer, Subject, asked.subject_id)
        sources = await lessons.asked_for(context, session, subject, asked)
        job = await _begin(context, session, subject, sources, asked)
        await idempotency.keep(session, context.viewer, once, job=job.id)
    return job


async def train_on_approval(
    context: Context, session: AsyncSession, subject: Subject, approved: Variant
) -> Job:
    """Enqueue a training on the picture that is being approved and on what else was chosen of the subject.

    Raises:
        Refused: naming `trainAdapter`; the approval is not to stand then either.
    """
    sources = await lessons.chosen(context, session, subject, approved)
    try:
        return await _begin(
            context, session, subject, sources, TrainAdapterInput(subject_id=SubjectId(subject.id))
        )
    except Refused as refused:
        raise Refused(refused.reason, refused.message, ("trainAdapter",)) from refused


async def _begin(
    context: Context,
    session: AsyncSession,
    subject: Subject,
    sources: Sequence[Source],
    asked: TrainAdapterInput,
) -> Job:
    """One job with one task, and what it says in the audit log."""
    model = _model(context, asked.model)
    spec = _spec(context, subject, model, sources, asked)
    job = _job(context, subject, spec)
    await queue.enqueue(session, job, [], [_task(context, job, model, spec)])
    audit.note(context, session, "adapter.trained", job, model=model.key, pictures=len(spec.images))
    return job


def _model(context: Context, key: str | None) -> Model:
    """The one that is named, else the best local one; raises Refused when it cannot be trained now."""
    able = context.models.list(Capability.TRAINING)
    if key is None:
        local = [
            model
            for model in able
            if model.provider is Provider.LOCAL and context.models.availability(model.key).available
        ]
        if not local:
            words = "No local model can be trained here now. Name one of a provider, or bring a checkpoint."
            raise Refused(UserErrorCode.NO_LOCAL_MODEL, words, ("model",))
        return max(local, key=lambda model: model.rank)
    model = context.models.get(key)
    if model is None:
        words = f"There is no model {key!r}. `models` lists them all."
        raise Refused(UserErrorCode.UNKNOWN_MODEL, words, ("model",))
    if Capability.TRAINING not in model.capabilities:
        others = ", ".join(each.key for each in able) or "none is configured"
        words = f"{model.name} cannot be trained. These can: {others}."
        raise Refused(UserErrorCode.NOT_SUPPORTED, words, ("model",))
    usable = context.models.availability(key)
    if not usable.available:
        reason = usable.reason or f"{model.name} is not available."
        raise Refused(UserErrorCode.MODEL_UNAVAILABLE, reason, ("model",))
    return model


def _spec(
    context: Context, subject: Subject, model: Model, sources: Sequence[Source], asked: TrainAdapterInput
) -> TrainingSpec:
    recipe = model.recipe or USUAL
    steps, rank = asked.steps or recipe.steps, asked.rank or recipe.rank
    rate = recipe.learning_rate if asked.learning_rate is None else asked.learning_rate
    _check_numbers(asked, model)
    if model.provider is not Provider.LOCAL:
        _check_offered(asked, model)
    trigger, kind = _trigger(subject, asked.trigger), _class(subject, asked.class_prompt)
    return TrainingSpec(
        model=model.key,
        images=_lessons(sources, asked.captions, f"{trigger} {kind}", trigger),
        trigger=trigger,
        class_prompt=kind,
        rank=rank,
        steps=steps,
        learning_rate=rate,
        resolution=asked.resolution,
        prior_preservation=asked.prior_preservation,
        seed=secrets.randbelow(2**31) if asked.seed is None else asked.seed,
        owner_id=str(subject.owner_id),
        request_id=context.request_id or "",
    )


def _check_offered(asked: TrainAdapterInput, model: Model) -> None:
    """What a provider's trainer leaves to nobody."""
    if asked.prior_preservation:
        words = f"{model.name} has no prior preservation."
        raise Refused(UserErrorCode.NOT_SUPPORTED, words, ("priorPreservation",))
    if asked.resolution is not None:
        words = f"{model.name} chooses the resolution itself."
        raise Refused(UserErrorCode.NOT_SUPPORTED, words, ("resolution",))


def _check_numbers(asked: TrainAdapterInput, model: Model) -> None:
    if asked.steps is not None:
        within("steps", asked.steps, 1, MOST_STEPS)
    if asked.rank is not None:
        within("rank", asked.rank, 1, MOST_RANK)
    if asked.resolution is not None:
        within("resolution", asked.resolution, min(SMALLEST_SIDE, model.max_side), model.max_side)
    if asked.seed is not None:
        within("seed", asked.seed, 0, LARGEST_SEED)
    if asked.learning_rate is not None and not 0 < asked.learning_rate <= HIGHEST_RATE:
        words = f"learningRate must be above 0 and at most {HIGHEST_RATE}; got {asked.learning_rate}."
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("learningRate",))


def _trigger(subject: Subject, wanted: str | None) -> str:
    """The caller's, else letters of the name with some of the id: a word that means nothing else to the model."""
    if wanted is None:
        letters = "".join(letter for letter in subject.name.lower() if letter.isascii() and letter.isalnum())
        return f"{letters[:6]}{subject.id.hex[-4:]}"
    if not WORD.fullmatch(wanted):
        words = "The trigger must be one word of letters, digits, - and _."
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("trigger",))
    return wanted


def _class(subject: Subject, wanted: str | None) -> str:
    if wanted and wanted.strip():
        return wanted.strip()
    return "person" if isinstance(subject, Persona) else "character"


def _lessons(
    sources: Sequence[Source], captions: Sequence[str] | None, name: str, trigger: str
) -> tuple[TrainingImage, ...]:
    """The pictures with their captions, each of which begins with the subject's name.

    What the caller leaves open is made of the words that the picture was made from: what is said of a picture is not
    learned as a part of the look.
    """
    told = list(captions or [""] * len(sources))
    if len(told) != len(sources):
        words = f"Give one caption for each picture: {len(sources)} pictures, {len(told)} captions."
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("captions",))
    return tuple(
        TrainingImage(file=source.file, caption=_captioned(words.strip() or source.words, name, trigger))
        for source, words in zip(sources, told, strict=True)
    )


def _captioned(words: str, name: str, trigger: str) -> str | None:
    if not words:
        return None
    return words if trigger.lower() in words.lower() else f"{name}, {words}"


def _job(context: Context, subject: Subject, spec: TrainingSpec) -> Job:
    request = {"model": spec.model, "trigger": spec.trigger, "steps": spec.steps, "rank": spec.rank}
    return Job(
        id=new_id(),
        owner_id=subject.owner_id,
        kind=JobKind.TRAINING,
        title=f"Adapter of {subject.name}"[:TITLE],
        subject_id=subject.id,
        request=request,
        request_id=context.request_id,
    )


def _task(context: Context, job: Job, model: Model, spec: TrainingSpec) -> Task:
    local = model.provider is Provider.LOCAL
    return Task(
        id=new_id(),
        job_id=job.id,
        owner_id=job.owner_id,
        kind=TaskKind.TRAIN,
        lane=TRAIN_LANE if local else context.models.lane_for(model.key),
        model_key=model.key,
        spec=specs.to_json(spec),
        request_id=context.request_id,
        cost_estimate=context.models.estimate(spec),
    )
