"""Candidates for a post: from a model of this server, a hosted one, or a stock of photographs.

Everything is checked before anything is written; `rows` makes rows and writes nothing.
"""

import dataclasses
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from executor import specs
from generators.catalog import Capability, Model, Provider
from generators.spec import ImageSpec
from resolvers import choosing, planning
from resolvers.checks import within
from resolvers.context import Context
from resolvers.planning import Prepared
from resolvers.refused import Refused, UserErrorCode
from resolvers.wishes import Wish
from store.database.ids import new_id
from store.database.tables import ImageSource, Job, Post, Task, TaskKind, Variant, VariantPurpose

STOCK = "pexels"
LANDSCAPE = (1280, 720)  # a photograph's shape is chosen by it, nothing is scaled
QUERY = 80
PLACEHOLDER = 200  # characters of what stands for a prompt that is still to be written
NO_CLOUD = (
    "No hosted model can be used. Set the key of a provider, such as OPENAI_API_KEY or REPLICATE_API_TOKEN."
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which pictures. `count` 0 = none; `counted` is the field's name, for refusals."""

    count: int
    prompt: str
    model: str | None = None
    source: ImageSource = ImageSource.LOCAL
    subject_id: uuid.UUID | None = None
    negative_prompt: str | None = None
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    seed: int | None = None
    counted: str = "count"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drawing:
    """Pictures that can be made: from the plan of a model, or as photographs."""

    wanted: Wanted
    ready: Prepared | None

    @property
    def frame(self) -> dict[str, str]:
        """What stands around a prompt that is still to be written."""
        if self.ready is None:
            return {}
        return {"before": self.ready.frame.before, "after": self.ready.frame.after}


async def prepare(context: Context, session: AsyncSession, wanted: Wanted) -> Drawing | None:
    """Check everything; None when no pictures are wanted.

    Raises:
        Refused: the first thing that cannot be, naming the field.
    """
    within(wanted.counted, wanted.count, 0 if wanted.counted == "imageCount" else 1, choosing.MOST_COUNT)
    if wanted.count == 0:
        return None
    if wanted.model == STOCK or (wanted.model is None and wanted.source is ImageSource.STOCK):
        _require_stock(context, wanted)
        return Drawing(wanted=wanted, ready=None)
    wish = Wish(
        prompt=wanted.prompt,
        models=(_model(context, wanted).key,),
        count=wanted.count,
        subject_id=wanted.subject_id,
        negative_prompt=wanted.negative_prompt,
        width=wanted.width,
        height=wanted.height,
        steps=wanted.steps,
        seed=wanted.seed,
    )
    with _own_names(wanted):
        return Drawing(wanted=wanted, ready=await planning.prepare(context, session, wish))


def rows(context: Context, job: Job, post: Post, drawing: Drawing) -> tuple[list[Variant], list[Task]]:
    """The candidates and their tasks."""
    if drawing.ready is not None:
        wish = dataclasses.replace(drawing.ready.wish, post_id=post.id)
        return planning.rows(context, job, dataclasses.replace(drawing.ready, wish=wish))
    made = [_photograph(job, post, drawing.wanted, number) for number in range(drawing.wanted.count)]
    return made, [_photo_task(context, variant) for variant in made]


def _model(context: Context, wanted: Wanted) -> Model:
    if wanted.model is not None or wanted.source is ImageSource.LOCAL:
        return choosing.image_model(context.models, wanted.model)
    if wanted.source is ImageSource.UPLOAD:
        words = (
            "Pictures are made here (LOCAL), elsewhere (CLOUD) or found (STOCK); an upload is none of these."
        )
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("imageSource",))
    hosted = (
        model
        for model in context.models.list(Capability.TEXT_TO_IMAGE)
        if model.provider is not Provider.LOCAL and context.models.availability(model.key).available
    )
    found = next(hosted, None)
    if found is None:
        raise Refused(UserErrorCode.MODEL_UNAVAILABLE, NO_CLOUD, ("imageSource",))
    return found


def _require_stock(context: Context, wanted: Wanted) -> None:
    field = "imageSource" if wanted.model is None else "model"
    usable = context.models.availability(STOCK)
    if not usable.available:
        words = usable.reason or "There is no stock of photographs."
        raise Refused(UserErrorCode.MODEL_UNAVAILABLE, words, (field,))
    for name in ("negative_prompt", "steps"):
        if getattr(wanted, name) is not None:
            spelled = {"negative_prompt": "negativePrompt"}.get(name, name)
            words = f"Photographs are found, not made: {spelled} cannot be chosen."
            raise Refused(UserErrorCode.NOT_SUPPORTED, words, (spelled,))


def _photograph(job: Job, post: Post, wanted: Wanted, number: int) -> Variant:
    return Variant(
        id=new_id(),
        owner_id=job.owner_id,
        job_id=job.id,
        post_id=post.id,
        purpose=VariantPurpose.POST_IMAGE,
        version_number=number + 1,
        source=ImageSource.STOCK,
        model_key=STOCK,
        original_prompt=wanted.prompt,
        composed_prompt=wanted.prompt[:QUERY],
        parameters={"width": wanted.width or LANDSCAPE[0], "height": wanted.height or LANDSCAPE[1]},
        seed=(wanted.seed or 0) + number,
    )


def _photo_task(context: Context, variant: Variant) -> Task:
    spec = ImageSpec(
        variant_id=str(variant.id),
        model=STOCK,
        prompt=variant.composed_prompt or "",
        width=variant.parameters["width"],
        height=variant.parameters["height"],
        steps=1,
        seed=variant.seed or 0,
        owner_id=str(variant.owner_id),
        request_id=context.request_id or "",
    )
    return Task(
        id=new_id(),
        job_id=variant.job_id,
        variant_id=variant.id,
        owner_id=variant.owner_id,
        kind=TaskKind.IMAGE,
        lane=context.models.lane_for(STOCK),
        model_key=STOCK,
        spec=specs.to_json(spec),
        request_id=context.request_id,
    )


@contextmanager
def _own_names(wanted: Wanted) -> Iterator[None]:
    """Let refusals name the fields of these inputs, which are called otherwise than those of `generateImages`."""
    names: dict[str, str] = {"models": "model", "count": wanted.counted, "prompt": "imagePrompt"}
    if wanted.counted == "count":
        names.pop("prompt")
    try:
        yield
    except Refused as refused:
        changed: tuple[Any, ...] = tuple(names.get(part, part) for part in refused.field)
        raise Refused(refused.reason, refused.message, changed) from refused
