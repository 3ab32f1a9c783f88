"""From a wish to rows: which models make which pictures how, everything checked, then variants and their tasks.

`prepare` reads and refuses; `rows` makes rows and writes nothing. Whoever has pictures made (images, posts,
articles) uses both, so that presets, holding and prompts are the same everywhere.
"""

import dataclasses
import uuid
from decimal import Decimal
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from executor import specs
from executor.rewriting import Frame
from generators.catalog import Capability, Model, Provider
from generators.spec import Conditioning, FileRef, ImageSpec
from resolvers import choosing, grips, holding, masks, presets, prompts, wishes
from resolvers.choosing import Settings
from resolvers.context import Context
from resolvers.refused import Refused, UserErrorCode
from resolvers.subjects import found
from resolvers.wishes import Wish
from store.database.ids import new_id
from store.database.tables import (
    ImageSource,
    Job,
    Post,
    Preset,
    Subject,
    Task,
    TaskKind,
    Variant,
    VariantPurpose,
)

TEMPLATE = "template"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What one model makes."""

    model: Model
    lane: str
    settings: Settings
    negative_prompt: str | None
    conditioning: tuple[Conditioning, ...]
    fallback_models: tuple[str, ...]
    mask: FileRef | None = None

    def spec(self, prompt: str, seed: int | None) -> ImageSpec:
        """One picture of it; the ids are filled in by `rows`."""
        return ImageSpec(
            variant_id="",
            model=self.model.key,
            prompt=prompt,
            width=self.settings.width,
            height=self.settings.height,
            steps=self.settings.steps,
            seed=0 if seed is None else seed,
            negative_prompt=self.negative_prompt,
            guidance=self.settings.guidance,
            determinism=self.settings.determinism,
            conditioning=self.conditioning,
            fallback_models=self.fallback_models,
            quality=self.settings.quality,
            mask=self.mask,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prepared:
    """Everything that pictures are made from, checked. `smart` = their prompt is rewritten first."""

    wish: Wish
    subject: Subject | None
    post: Post | None
    preset: Preset | None
    frame: Frame
    smart: bool
    plans: tuple[Plan, ...]

    @property
    def words(self) -> str:
        """What stands in the frame: the caller's words, or the template's until a text model has rewritten them."""
        return prompts.template(self.wish.words, self.use_case) if self.smart else self.wish.words

    @property
    def prompt(self) -> str:
        """What the generator receives."""
        return self.frame.around(self.words)

    @property
    def use_case(self) -> str | None:
        """The caller's, else the preset's."""
        return self.wish.use_case or (self.preset.use_case if self.preset is not None else None)

    @property
    def pictures(self) -> int:
        """How many."""
        return sum(len(plan.settings.seeds) for plan in self.plans)


async def prepare(context: Context, session: AsyncSession, wish: Wish, *, by_seed: bool = True) -> Prepared:
    """Find and check everything. `by_seed` = the character's reference seed holds the look too, unless one is given.

    Raises:
        Refused: the first thing that cannot be, naming the field.
    """
    wishes.check(wish)
    viewer = context.viewer
    preset = None if wish.preset_key is None else await presets.chosen(session, viewer, wish.preset_key)
    subject = None if wish.subject_id is None else await found(session, viewer, Subject, wish.subject_id)
    post = None if wish.post_id is None else await found(session, viewer, Post, wish.post_id)
    models = _models(context, wish, preset)
    ways, uploads = wish.conditioning or (), wish.reference_upload_ids or ()
    held = await grips.grip(session, viewer, subject, ways, uploads)
    held = dataclasses.replace(held, mask=await masks.found(context, session, wish.mask_upload_id))
    framed = prompts.frame(subject, wishes.style(preset), scene_only=bool(wish.scene_only))
    ready = Prepared(
        wish=wish,
        subject=subject,
        post=post,
        preset=preset,
        frame=framed,
        smart=wishes.smart(wish, preset),
        plans=(),
    )
    seed = held.seed if by_seed and wish.seed is None else None
    seeding = next((model for model in models if Capability.SEED in model.capabilities), models[0])
    first = choosing.first_seed(seeding, wish.seed) if seed is None else seed
    count = wishes.counted(wish, preset, len(models))
    plans = []
    for model in models:
        if held.mask is not None:
            masks.require(context, model)
        choosing.check_prompt(
            model, ready.prompt, "prompt", made_of="it, the scene or the subject's description"
        )
        plan = Plan(
            model=model,
            lane=context.models.lane_for(model.key),
            settings=wishes.settings(model, wish, preset, choosing.seeds_for(model, first, count)),
            negative_prompt=wishes.negative_prompt(model, wish, preset),
            conditioning=holding.conditioning(model, held, ways, by_seed=seed is not None),
            fallback_models=_fallbacks(context, model, wish),
            mask=held.mask,
        )
        _check_all(context, plan, ready.prompt)
        plans.append(plan)
    return dataclasses.replace(ready, plans=tuple(plans))


def cost(context: Context, ready: Prepared) -> Decimal:
    """US dollars that all pictures may cost."""
    return sum(
        (
            context.models.estimate(plan.spec(ready.prompt, None)) * len(plan.settings.seeds)
            for plan in ready.plans
        ),
        Decimal(0),
    )


def rows(
    context: Context, job: Job, ready: Prepared, *, first_version: int = 1
) -> tuple[list[Variant], list[Task]]:
    """The variants and tasks of a job, model by model, version numbers counting up."""
    variants: list[Variant] = []
    tasks: list[Task] = []
    for plan in ready.plans:
        for seed in plan.settings.seeds:
            variant = _variant(job, ready, plan, first_version + len(variants), seed)
            variants.append(variant)
            tasks.append(_task(context, variant, plan.spec(ready.prompt, seed), plan.lane))
    return variants, tasks


def shown(conditioning: Conditioning) -> dict[str, Any]:
    """A conditioning as a variant's row keeps it."""
    return {
        "kind": conditioning.kind.value,
        "weight": conditioning.weight,
        "sourceId": conditioning.source_id,
    }


def _models(context: Context, wish: Wish, preset: Preset | None) -> list[Model]:
    if wish.models:
        return [choosing.image_model(context.models, key, "models") for key in wish.models]
    if preset is not None and preset.model_key:
        return [choosing.image_model(context.models, preset.model_key, "presetKey")]
    return [choosing.image_model(context.models, None)]


def _fallbacks(context: Context, model: Model, wish: Wish) -> tuple[str, ...]:
    """The models to ask when that one fails: of its own generator, which alone can take over."""
    keys = [key for key in wish.fallback_models or () if key != model.key]
    own = context.models.generator_for(model.key)
    for key in keys:
        other = choosing.image_model(context.models, key, "fallbackModels")
        if model.provider is Provider.LOCAL or context.models.generator_for(other.key) is not own:
            words = f"{other.name} cannot take over from {model.name}: only hosted models stand in for hosted ones."
            raise Refused(UserErrorCode.NOT_SUPPORTED, words, ("fallbackModels",))
    return tuple(keys)


def _check_all(context: Context, plan: Plan, prompt: str) -> None:
    spec = plan.spec(prompt, None)
    for key in (plan.model.key, *plan.fallback_models):
        field = "models" if key == plan.model.key else "fallbackModels"
        choosing.check_spec(context.models, dataclasses.replace(spec, model=key), field)


def _variant(job: Job, ready: Prepared, plan: Plan, version: int, seed: int | None) -> Variant:
    model, key = plan.model, new_id()
    return Variant(
        id=key,
        owner_id=job.owner_id,
        job_id=job.id,
        subject_id=ready.wish.subject_id,
        post_id=ready.wish.post_id,
        purpose=VariantPurpose.SCENE if ready.wish.post_id is None else VariantPurpose.POST_IMAGE,
        version_number=version,
        source=ImageSource.LOCAL if model.provider is Provider.LOCAL else ImageSource.CLOUD,
        model_key=model.key,
        model_version=model.version,
        original_prompt=ready.wish.words,
        enhanced_prompt=ready.words if ready.smart else None,
        enhanced_by=TEMPLATE if ready.smart else None,
        composed_prompt=ready.prompt,
        negative_prompt=plan.negative_prompt,
        parameters=plan.settings.parameters(model) | masks.kept(plan.mask),
        conditioning=[shown(each) for each in plan.conditioning],
        seed=seed,
    )


def _task(context: Context, variant: Variant, spec: ImageSpec, lane: str) -> Task:
    request_id = context.request_id or ""
    whole = dataclasses.replace(
        spec, variant_id=str(variant.id), owner_id=str(variant.owner_id), request_id=request_id
    )
    return Task(
        id=new_id(),
        job_id=variant.job_id,
        variant_id=variant.id,
        owner_id=variant.owner_id,
        kind=TaskKind.IMAGE,
        lane=lane,
        model_key=spec.model,
        spec=specs.to_json(whole),
        request_id=context.request_id,
        cost_estimate=context.models.estimate(whole),
    )


def series_of(job: Job) -> uuid.UUID:
    """The id of the first job of a chain."""
    return job.series_id or job.id
