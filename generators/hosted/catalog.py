"""All hosted models: which there are, whether one can be used, and whether it can do what is asked.

Knows the rows and the settings; sends nothing. A request is refused here, before any call.
"""

import dataclasses
import datetime
from collections.abc import Callable, Iterator

from generators.catalog import Capability, Model, Provider
from generators.hosted.entry import Entry, Tokens, ratio_of
from generators.hosted.rows_openai import ROWS as OPENAI_ROWS
from generators.hosted.rows_openai import text_entry
from generators.hosted.rows_others import ROWS as OTHER_ROWS
from generators.hosted.rows_replicate import ROWS as REPLICATE_ROWS
from generators.hosted.rows_replicate import own_entry
from generators.hosted.settings import HostedSettings
from generators.hosted.styles import styled
from generators.spec import ConditioningKind, ImageSpec

ROWS: tuple[Entry, ...] = (*OPENAI_ROWS, *REPLICATE_ROWS, *OTHER_ROWS)
KEY_FIELDS: dict[Provider, str] = {
    Provider.OPENAI: "openai_api_key",
    Provider.REPLICATE: "replicate_api_token",
    Provider.RECRAFT: "recraft_api_token",
    Provider.GEMINI: "gemini_api_key",
    Provider.PEXELS: "pexels_api_key",
}
_DEFAULT_TEXT = "gpt-6-luna"
_OWN = "replicate:"  # prefix of a model key that names any Replicate model or trained version


class HostedCatalog:
    """The rows as these settings make them: the operator's own models added, alternates taken where needed."""

    def __init__(self, settings: HostedSettings) -> None:
        self._settings = settings
        self._entries = {entry.model.key: self._routed(entry) for entry in ROWS}
        for wire in settings.replicate_models:
            self._entries[wire] = own_entry(wire)
        if settings.text_base_url and settings.text_model:
            price = Tokens(
                text_in=settings.text_price_input,
                image_in=settings.text_price_input,
                out=settings.text_price_output,
            )
            self._entries[settings.text_model] = text_entry(settings.text_model, price)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def get(self, key: str) -> Entry | None:
        """The row of that key.

        `replicate:owner/name:version` names any model that Replicate serves, `recraft-v3:<style>` a style of Recraft's.
        """
        if key.startswith(_OWN):
            entry = own_entry(key.removeprefix(_OWN))
            return dataclasses.replace(entry, model=dataclasses.replace(entry.model, key=key))
        found = self._entries.get(key)
        base, _, style = key.partition(":")
        if found is not None or not style or base not in self._entries:
            return found
        return styled(self._entries[base], style)

    def text_key(self) -> str | None:
        """The model that writes texts, None where nothing is configured."""
        if self._settings.text_base_url:
            return self._settings.text_model
        return (self._settings.text_model or _DEFAULT_TEXT) if self._settings.openai_api_key else None

    def elsewhere(self, entry: Entry) -> bool:
        """Whether that row is the text model of TEXT_BASE_URL."""
        return bool(self._settings.text_base_url) and entry.model.key == self._settings.text_model

    def unavailable(self, entry: Entry, today: datetime.date) -> str | None:
        """Why that model cannot be used, as a sentence; None = it can."""
        if (retired := retirement(entry.model, today)) is not None:
            return retired
        if self.elsewhere(entry):
            return None
        variable = KEY_FIELDS[entry.provider]
        if getattr(self._settings, variable):
            return None
        return f"{entry.model.key} is not available. Check {variable.upper()} configuration"

    def _routed(self, entry: Entry) -> Entry:
        def has_key(candidate: Entry) -> bool:
            return bool(getattr(self._settings, KEY_FIELDS[candidate.provider]))

        other = entry.alternate
        return other if other is not None and not has_key(entry) and has_key(other) else entry


def retirement(model: Model, today: datetime.date) -> str | None:
    """The sentence that answers for a model that is no longer served."""
    if model.retired_on is None or today < model.retired_on:
        return None
    return f"{model.name} was retired on {model.retired_on.isoformat()}; use {model.successor}."


def check(spec: ImageSpec, entry: Entry) -> str | None:
    """What that model cannot do of what is asked, naming what it can; None = it can do all of it.

    References beyond the model's limit are no fault: the first ones are used, and the facts say which.
    """
    for rule in _RULES:
        if (fault := rule(spec, entry)) is not None:
            return f"{entry.model.key} {fault}"
    return None


def _purpose(_spec: ImageSpec, entry: Entry) -> str | None:
    makes = {Capability.TEXT_TO_IMAGE, Capability.STOCK_SEARCH}
    if makes & entry.model.capabilities:
        return None
    can = ", ".join(sorted(capability.value for capability in entry.model.capabilities))
    return f"makes no pictures; it can do {can}."


def _prompt(spec: ImageSpec, entry: Entry) -> str | None:
    if len(spec.prompt) <= entry.model.max_prompt:
        return None
    return f"takes prompts of at most {entry.model.max_prompt} characters; this one has {len(spec.prompt)}."


def _size(spec: ImageSpec, entry: Entry) -> str | None:
    if entry.provider is Provider.PEXELS:
        return None
    if entry.ratios:
        return _ratio(spec, entry)
    if entry.model.free_size:
        return _free(spec, entry)
    offered = [f"{size.width}x{size.height}" for size in entry.model.sizes]
    if f"{spec.width}x{spec.height}" in offered:
        return None
    return f"makes {', '.join(offered)}; {spec.width}x{spec.height} was asked for."


def _ratio(spec: ImageSpec, entry: Entry) -> str | None:
    if ratio_of(spec.width, spec.height, entry.ratios) is None:
        return (
            f"makes the aspect ratios {', '.join(entry.ratios)}; {spec.width}x{spec.height} is none of them."
        )
    if spec.width * spec.height > entry.max_pixels:
        return f"makes pictures of at most {entry.max_pixels} pixels; {spec.width}x{spec.height} is more."
    return None


def _free(spec: ImageSpec, entry: Entry) -> str | None:
    model, sides = entry.model, (spec.width, spec.height)
    longest, shortest = max(sides), min(sides)
    fits = (
        all(side % model.size_multiple == 0 for side in sides)
        and entry.min_side <= shortest
        and longest <= model.max_side
        and longest <= entry.max_ratio * shortest
        and spec.width * spec.height <= entry.max_pixels
    )
    if fits:
        return None
    return (
        f"makes sizes in multiples of {model.size_multiple}, sides {entry.min_side} to {model.max_side}, at most "
        f"{entry.max_ratio:g}:1 and {entry.max_pixels} pixels; {spec.width}x{spec.height} is not among them."
    )


def _quality(spec: ImageSpec, entry: Entry) -> str | None:
    tiers = entry.model.qualities
    if spec.quality is None or spec.quality in tiers:
        return None
    known = f"knows the qualities {', '.join(tiers)}" if tiers else "knows no qualities"
    return f"{known}; {spec.quality!r} was asked for."


def _negative(spec: ImageSpec, entry: Entry) -> str | None:
    if not spec.negative_prompt or Capability.NEGATIVE_PROMPT in entry.model.capabilities:
        return None
    return "takes no negative prompt; say what you want in the prompt."


def _guidance(spec: ImageSpec, entry: Entry) -> str | None:
    if spec.guidance is None or entry.model.default_guidance is not None:
        return None
    return "takes no guidance."


def _held(spec: ImageSpec, entry: Entry) -> str | None:
    can = entry.model.capabilities
    pictures = {Capability.IMAGE_TO_IMAGE, Capability.REFERENCE_IMAGES}
    for held in spec.conditioning:
        if held.kind is ConditioningKind.INIT_IMAGE and not pictures & can:
            return "makes pictures from text alone; it cannot refine one."
        if held.kind is ConditioningKind.CONTROLNET and Capability.CONTROLNET not in can:
            return "takes no ControlNet; only local models do."
        if held.kind is ConditioningKind.LORA and Capability.LORA not in can:
            return "takes no LoRA of its own; use the model version that a training on Replicate made."
    return None


def _mask(spec: ImageSpec, entry: Entry) -> str | None:
    if spec.mask is None:
        return None
    if Capability.INPAINT not in entry.model.capabilities:
        return "takes no mask; GPT Image does."
    if not any(held.kind is ConditioningKind.INIT_IMAGE for held in spec.conditioning):
        return "needs a picture to paint in with a mask."
    return None


_RULES: tuple[Callable[[ImageSpec, Entry], str | None], ...] = (
    _purpose,
    _prompt,
    _size,
    _quality,
    _negative,
    _guidance,
    _held,
    _mask,
)
