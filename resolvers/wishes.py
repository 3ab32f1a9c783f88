"""What is wished of pictures, from three sides: the caller, the job that is continued, and the preset.

What the caller says wins over the earlier job, and both are orders: done or refused. What the preset says is a
wish: what the model cannot do of it is adapted or left out. Pure values; knows no session.
"""

import dataclasses
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from executor.rewriting import sentence
from generators.catalog import Capability, Model, Size
from generators.spec import Determinism
from resolvers import choosing
from resolvers.checks import within
from resolvers.choosing import Settings
from resolvers.conditioning_inputs import ConditioningInput
from resolvers.grips import Way
from resolvers.images_inputs import GenerateImagesInput
from resolvers.presets import PARAMETERS
from resolvers.refused import Refused, UserErrorCode
from store.database.tables import Preset

MOST_MODELS, MOST_PICTURES, MOST_REFERENCES = 8, 16, 10
TITLE = 60
NOT_INHERITED = frozenset(
    {"count", "seed", "auto_publish", "min_quality", "min_likeness", "title", "project"}
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wish:
    """What was said, of this call and of the jobs it goes on from; None = nothing. Kept as `jobs.request`."""

    prompt: str | None = None
    scene: str | None = None
    negative_prompt: str | None = None
    title: str | None = None
    project: str | None = None
    use_case: str | None = None
    subject_id: uuid.UUID | None = None
    scene_only: bool | None = None
    models: tuple[str, ...] | None = None
    fallback_models: tuple[str, ...] | None = None
    preset_key: str | None = None
    count: int | None = None
    width: int | None = None
    height: int | None = None
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    determinism: Determinism | None = None
    smart_prompt: bool | None = None
    reference_upload_ids: tuple[uuid.UUID, ...] | None = None
    mask_upload_id: uuid.UUID | None = None
    conditioning: tuple[Way, ...] | None = None
    post_id: uuid.UUID | None = None
    auto_publish: bool | None = None
    min_quality: float | None = None
    min_likeness: float | None = None

    def kept(self) -> dict[str, Any]:
        """As a job's row keeps it."""
        found: dict[str, Any] = _KEPT.dump_python(self, mode="json", exclude_none=True)
        return found

    @property
    def words(self) -> str:
        """What the pictures show, in the caller's words."""
        said = [part.strip() for part in (self.prompt, self.scene) if part and part.strip()]
        return said[0] if len(said) == 1 else " ".join(sentence(part) for part in said)

    @property
    def titled(self) -> str:
        """The title, or the first words."""
        if self.title and self.title.strip():
            return self.title.strip()
        words = (self.prompt or self.scene or "").strip()
        return words if len(words) <= TITLE else words[:TITLE].rsplit(" ", 1)[0] + "…"


_KEPT: TypeAdapter[Wish] = TypeAdapter(Wish)
_NAMES = frozenset(field.name for field in dataclasses.fields(Wish))
_WAY = tuple(field.name for field in dataclasses.fields(Way))


def said(asked: GenerateImagesInput) -> Wish:
    """What the caller says; raises Refused for thresholds that nothing can meet."""
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value := getattr(asked, name), list) else value
        for name in _NAMES & {field.name for field in dataclasses.fields(asked)}
    }
    if asked.conditioning is not None:
        values["conditioning"] = ways(asked.conditioning)
    if asked.auto_approve is not None:
        values |= choosing.thresholds(asked.auto_approve)
    return Wish(**values)


def ways(asked: Sequence[ConditioningInput]) -> tuple[Way, ...]:
    """The ways to hold a subject, as they are asked for."""
    return tuple(Way(**{name: getattr(one, name) for name in _WAY}) for one in asked)


def going_on(wish: Wish, request: Mapping[str, Any]) -> Wish:
    """The wish, with what it leaves open taken from an earlier job's request."""
    earlier = _KEPT.validate_python({name: value for name, value in request.items() if name in _NAMES})
    changes = {
        name: value
        for name in _NAMES - NOT_INHERITED
        if getattr(wish, name) is None and (value := getattr(earlier, name)) is not None
    }
    if wish.prompt is not None or wish.scene is not None:  # new words stand for all of the old ones
        changes.pop("prompt", None)
        changes.pop("scene", None)
    return dataclasses.replace(wish, **changes)


def check(wish: Wish) -> None:
    """Raise Refused for what no model could do."""
    if not wish.words:
        words = "Give `prompt` or `scene`: what shall the pictures show?"
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("prompt",))
    if wish.scene_only and wish.subject_id is not None:
        words = "`sceneOnly` means nobody is in it; leave `subjectId` out."
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("sceneOnly",))
    if wish.models is not None:
        within("models", len(wish.models), 1, MOST_MODELS)
        if len(set(wish.models)) < len(wish.models):
            raise Refused(UserErrorCode.INVALID_INPUT, "Name each model once.", ("models",))
    if len(wish.reference_upload_ids or ()) > MOST_REFERENCES:
        words = (
            f"At most {MOST_REFERENCES} references can be given; got {len(wish.reference_upload_ids or ())}."
        )
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("referenceUploadIds",))


def counted(wish: Wish, preset: Preset | None, models: int) -> int:
    """How many pictures of each model."""
    if wish.count is not None:
        within("count", wish.count, 1, choosing.MOST_COUNT)
    count = wish.count or (preset.batch_count if preset is not None else 1)
    if wish.count is None:
        count = max(1, min(count, MOST_PICTURES // models))
    if count * models > MOST_PICTURES:
        words = f"{models} models with {count} pictures each are {count * models}; at most {MOST_PICTURES} in all."
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("count",))
    return count


def settings(model: Model, wish: Wish, preset: Preset | None, seeds: tuple[int | None, ...]) -> Settings:
    """How the pictures of one model are made; raises Refused for the first order it cannot follow."""
    hoped = _hopes(preset)
    if wish.width is not None or wish.height is not None or "width" not in hoped:
        size = choosing.size_for(model, wish.width, wish.height)
    else:
        size = fitted(model, Size(width=hoped["width"], height=hoped.get("height", hoped["width"])))
    steps = wish.steps
    if steps is None and model.default_steps and "steps" in hoped:
        steps = min(hoped["steps"], model.max_steps)
    guides = model.default_guidance is not None
    guidance = wish.guidance if wish.guidance is not None or not guides else hoped.get("guidance")
    quality = hoped.get("quality")
    return Settings(
        width=size.width,
        height=size.height,
        steps=choosing.steps_for(model, steps, model.default_steps),
        guidance=choosing.guidance_for(model, guidance),
        determinism=choosing.determinism_for(model, wish.determinism or Determinism.FAST),
        seeds=seeds,
        quality=quality if quality in model.qualities else None,
    )


def negative_prompt(model: Model, wish: Wish, preset: Preset | None) -> str | None:
    """What to keep out; raises Refused when the caller says so to a model that cannot be told."""
    if wish.negative_prompt is not None:
        choosing.require(model, Capability.NEGATIVE_PROMPT, "take a negative prompt", "negativePrompt")
        return wish.negative_prompt
    hoped: str | None = _hopes(preset).get("negative_prompt")
    return hoped if Capability.NEGATIVE_PROMPT in model.capabilities else None


def style(preset: Preset | None) -> str | None:
    """Words that the preset puts after the prompt."""
    said_so: str | None = _hopes(preset).get("style")
    return said_so


def smart(wish: Wish, preset: Preset | None) -> bool:
    """Whether the prompt is rewritten first."""
    if wish.smart_prompt is not None:
        return wish.smart_prompt
    return preset is not None and preset.smart_prompt


def fitted(model: Model, hoped: Size) -> Size:
    """The size nearest in shape that the model makes, no larger than what it was made for."""
    if not model.free_size:
        offered = model.sizes or (model.native_size,)
        return min(
            offered, key=lambda size: abs(size.width * hoped.height - size.height * hoped.width) / size.height
        )
    native, step = model.native_size, model.size_multiple
    longest = min(max(hoped.width, hoped.height), max(native.width, native.height), model.max_side)
    scale = longest / max(hoped.width, hoped.height)
    smallest = min(choosing.SMALLEST_SIDE, model.max_side)
    sides = [max(smallest, round(side * scale / step) * step) for side in (hoped.width, hoped.height)]
    return Size(width=sides[0], height=sides[1])


def _hopes(preset: Preset | None) -> dict[str, Any]:
    if preset is None:
        return {}
    return {
        name: preset.parameters[shown] for name, shown in PARAMETERS.items() if shown in preset.parameters
    }
