"""Which model makes a picture, and with which settings: every wish is held against what the model can do.

Knows the catalog; knows no rows. All refusals happen here, before anything is enqueued. What a preset wishes is
adapted or left out instead (see `resolvers.fitting`).
"""

import dataclasses
import secrets
from typing import Any

from executor.models import Models
from generators.catalog import Capability, Model, Provider, Size
from generators.spec import Determinism, ImageSpec
from resolvers.checks import within
from resolvers.images_inputs import SavePresetInput
from resolvers.inputs import LARGEST_SEED, AutoApproveInput, GenerateBaseImageInput
from resolvers.refused import Refused, UserErrorCode

BASE_SIDE, BASE_STEPS = 1024, 50
SMALLEST_SIDE, MOST_STEPS, MOST_COUNT, MOST_GUIDANCE = 64, 1000, 8, 50
NO_LOCAL_MODEL = "No local image generation models available"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """How pictures are made, defaults filled in. `seeds`: one for each; None where the model takes none."""

    width: int
    height: int
    steps: int
    guidance: float | None
    determinism: Determinism
    seeds: tuple[int | None, ...]
    quality: str | None

    def parameters(self, model: Model) -> dict[str, Any]:
        """What a variant keeps to show; without what the model does not know."""
        shown: dict[str, Any] = {"width": self.width, "height": self.height}
        if model.default_steps:
            shown["steps"] = self.steps
        if self.guidance is not None:
            shown["guidance"] = self.guidance
        if self.quality is not None:
            shown["quality"] = self.quality
        return shown | {"determinism": self.determinism.value}


def image_model(models: Models, key: str | None, field: str = "model") -> Model:
    """The model asked for, or the best local one; raises Refused when it cannot be used now.

    A model that is still loading can be: its work waits in the queue.
    """
    if key is None:
        return models.best_local() or _none_local(models)
    model = models.get(key)
    if model is None:
        raise Refused(
            UserErrorCode.UNKNOWN_MODEL, f"There is no model {key!r}. `models` lists them all.", (field,)
        )
    usable = models.availability(key)
    if not usable.available:
        reason = usable.reason or f"{model.name} is not available."
        raise Refused(UserErrorCode.MODEL_UNAVAILABLE, reason, (field,))
    require(model, Capability.TEXT_TO_IMAGE, "make pictures from text", field)
    return model


def base_image_settings(model: Model, asked: GenerateBaseImageInput) -> Settings:
    """The settings of a base image; raises Refused for the first wish that cannot be met, naming the field."""
    within("count", asked.count, 1, MOST_COUNT)
    if asked.negative_prompt is not None:
        require(model, Capability.NEGATIVE_PROMPT, "take a negative prompt", "negativePrompt")
    size = size_for(model, asked.width, asked.height)
    return Settings(
        width=size.width,
        height=size.height,
        steps=steps_for(model, asked.steps, BASE_STEPS),
        guidance=guidance_for(model, asked.guidance),
        determinism=determinism_for(model, asked.determinism),
        seeds=seeds_for(model, first_seed(model, asked.seed), asked.count),
        quality=model.qualities[-1] if model.qualities else None,
    )


def thresholds(asked: AutoApproveInput) -> dict[str, Any]:
    """What a picture must reach to be approved by itself; raises Refused when it says nothing."""
    if asked.min_quality is None and asked.min_likeness is None:
        words = "Give `minQuality` or `minLikeness`: without either nothing could be measured."
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("autoApprove",))
    for name, value in (("minQuality", asked.min_quality), ("minLikeness", asked.min_likeness)):
        if value is not None and not 0 <= value <= 1:
            words = f"{name} must be between 0 and 1; got {value}."
            raise Refused(UserErrorCode.INVALID_INPUT, words, ("autoApprove", name))
    return {"min_quality": asked.min_quality, "min_likeness": asked.min_likeness}


def check_preset(model: Model, asked: SavePresetInput) -> None:
    """Raise Refused for the first wish of a preset that its model cannot meet, naming the field."""
    size_for(model, asked.width, asked.height)
    steps_for(model, asked.steps, BASE_STEPS)
    guidance_for(model, asked.guidance)
    if asked.negative_prompt is not None:
        require(model, Capability.NEGATIVE_PROMPT, "take a negative prompt", "negativePrompt")
    if asked.quality is not None and asked.quality not in model.qualities:
        known = f"It knows: {', '.join(model.qualities)}." if model.qualities else "It knows no qualities."
        words = f"{model.name} knows no quality {asked.quality!r}. {known}"
        raise Refused(UserErrorCode.NOT_SUPPORTED, words, ("quality",))


def require(model: Model, capability: Capability, doing: str, field: str) -> None:
    """Raise Refused unless the model can do that, naming what it can do."""
    if capability not in model.capabilities:
        can = ", ".join(sorted(each.value for each in model.capabilities))
        raise Refused(UserErrorCode.NOT_SUPPORTED, f"{model.name} cannot {doing}. It can: {can}.", (field,))


def check_prompt(model: Model, prompt: str, field: str, *, made_of: str) -> None:
    """Raise Refused for a prompt longer than the model takes; `made_of` says what to shorten."""
    if len(prompt) > model.max_prompt:
        raise Refused(
            UserErrorCode.TOO_LONG,
            f"The prompt has {len(prompt):,} characters; {model.name} takes at most {model.max_prompt:,}. "
            f"Shorten {made_of}.",
            (field,),
        )


def check_spec(models: Models, spec: ImageSpec, field: str) -> None:
    """Raise Refused when the model's own generator knows that it cannot do what is asked."""
    fault = models.check(spec)
    if fault is not None:
        raise Refused(UserErrorCode.NOT_SUPPORTED, fault, (field,))


def _none_local(models: Models) -> Model:
    local = [model for model in models.list(Capability.TEXT_TO_IMAGE) if model.provider is Provider.LOCAL]
    reasons = "; ".join(f"{model.key}: {models.availability(model.key).reason}" for model in local)
    message = f"{NO_LOCAL_MODEL}. {reasons}" if reasons else NO_LOCAL_MODEL
    raise Refused(UserErrorCode.NO_LOCAL_MODEL, message)


def size_for(model: Model, width: int | None, height: int | None) -> Size:
    """The size asked for; a side that is absent is 1024, or the model's own where that is smaller."""
    native = model.native_size
    usual = Size(width=min(BASE_SIDE, native.width), height=min(BASE_SIDE, native.height))
    if not model.free_size and model.sizes and usual not in model.sizes:
        usual = native
    wanted = Size(
        width=usual.width if width is None else width, height=usual.height if height is None else height
    )
    if model.free_size:
        _free_side(model, "width", wanted.width)
        _free_side(model, "height", wanted.height)
    elif wanted not in (model.sizes or (usual,)):
        offered = ", ".join(f"{size.width}x{size.height}" for size in model.sizes or (usual,))
        raise Refused(
            UserErrorCode.INVALID_INPUT,
            f"{model.name} does not make {wanted.width}x{wanted.height}. It makes: {offered}.",
            ("height" if width in {None, usual.width} else "width",),
        )
    return wanted


def _free_side(model: Model, name: str, side: int) -> None:
    within(name, side, min(SMALLEST_SIDE, model.max_side), model.max_side)
    if side % model.size_multiple:
        raise Refused(
            UserErrorCode.INVALID_INPUT,
            f"{name} must be a multiple of {model.size_multiple} for {model.name}; got {side}.",
            (name,),
        )


def steps_for(model: Model, steps: int | None, usual: int) -> int:
    """The steps asked for, `usual` when absent; 1 for a model that has none."""
    if steps is None:
        return min(usual, model.max_steps) if model.default_steps else 1
    within("steps", steps, 1, MOST_STEPS)
    if not model.default_steps:
        raise Refused(UserErrorCode.NOT_SUPPORTED, f"{model.name} has no steps to choose.", ("steps",))
    if steps > model.max_steps:
        words = f"{model.name} takes 1 to {model.max_steps} steps; got {steps}."
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("steps",))
    return steps


def guidance_for(model: Model, guidance: float | None) -> float | None:
    """The guidance asked for, the model's own when absent."""
    if guidance is None:
        return model.default_guidance
    within("guidance", guidance, 0, MOST_GUIDANCE)
    return guidance


def determinism_for(model: Model, determinism: Determinism) -> Determinism:
    """As asked for; EXACT is for local models."""
    if determinism is Determinism.EXACT and model.provider is not Provider.LOCAL:
        message = f"{model.name} cannot make a picture exactly again; only local models can."
        raise Refused(UserErrorCode.NOT_SUPPORTED, message, ("determinism",))
    return determinism


def first_seed(model: Model, seed: int | None) -> int:
    """The seed asked for, a random one when absent."""
    if seed is None:
        return secrets.randbelow(LARGEST_SEED + 1)
    within("seed", seed, 0, LARGEST_SEED)
    require(model, Capability.SEED, "take a seed", "seed")
    return seed


def seeds_for(model: Model, first: int, count: int) -> tuple[int | None, ...]:
    """One for each picture, counting up from the first and beginning anew at 0; None where a model takes none."""
    if Capability.SEED not in model.capabilities:
        return (None,) * count
    return tuple((first + place) % (LARGEST_SEED + 1) for place in range(count))
