"""Every model is data: what it is called, what it can do, what it costs, and whether it can be used now.

Knows no provider and no checkpoint; each generator brings its own entries.
"""

import dataclasses
import datetime
import enum
from collections.abc import Iterable, Iterator
from decimal import Decimal


class Provider(enum.Enum):
    """Who makes the picture."""

    LOCAL = "LOCAL"
    OPENAI = "OPENAI"
    REPLICATE = "REPLICATE"
    RECRAFT = "RECRAFT"
    GEMINI = "GEMINI"
    PEXELS = "PEXELS"


class Capability(enum.Enum):
    """What a model can be asked for."""

    TEXT_TO_IMAGE = "TEXT_TO_IMAGE"
    IMAGE_TO_IMAGE = "IMAGE_TO_IMAGE"
    INPAINT = "INPAINT"
    REFERENCE_IMAGES = "REFERENCE_IMAGES"
    CONTROLNET = "CONTROLNET"
    LORA = "LORA"
    NEGATIVE_PROMPT = "NEGATIVE_PROMPT"
    SEED = "SEED"
    STEP_PROGRESS = "STEP_PROGRESS"
    PREVIEW = "PREVIEW"
    TRAINING = "TRAINING"
    STOCK_SEARCH = "STOCK_SEARCH"
    TEXT = "TEXT"
    VISION = "VISION"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Size:
    """Pixels."""

    width: int
    height: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """How adapters of a model are usually trained."""

    steps: int = 500
    learning_rate: float = 1e-4
    rank: int = 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class Model:
    """One catalog row.

    `sizes` are those offered; the first is the native one. `free_size` = any multiple of `size_multiple` up to
    `max_side`. `default_steps` 0 = the model has no steps, else it takes 1 to `max_steps`. `price` in US dollars a picture, None = free or by usage.
    `max_prompt` in characters; `max_references` and `max_count` per request. `reference_adapter` = references are seen
    through an adapter beside the model (IP-Adapter), so they have a weight. `retired_on` with `successor` = only
    a name to answer for. `qualities` from the cheapest to the best; empty = the model knows no tiers.
    `recipe` of a model that can be trained; None = the usual one.
    """

    key: str
    name: str
    provider: Provider
    capabilities: frozenset[Capability]
    sizes: tuple[Size, ...] = ()
    free_size: bool = False
    size_multiple: int = 8
    max_side: int = 2048
    default_steps: int = 0
    max_steps: int = 1000
    default_guidance: float | None = None
    version: str | None = None
    licence: str | None = None
    price: Decimal | None = None
    max_prompt: int = 4000
    max_references: int = 0
    reference_adapter: bool = False
    max_count: int = 8
    retired_on: datetime.date | None = None
    successor: str | None = None
    note: str | None = None
    qualities: tuple[str, ...] = ()
    recipe: Recipe | None = None
    rank: int = 0  # the best available local model is the one with the highest rank

    @property
    def native_size(self) -> Size:
        """The size it was made for, 1024x1024 when it does not say."""
        return self.sizes[0] if self.sizes else Size(width=1024, height=1024)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Availability:
    """Whether a model can be used now; `reason` is a sentence that says what to do. LOADING counts as available."""

    available: bool
    reason: str | None = None
    loading: bool = False


class Catalog:
    """All models of all generators by key; a key belongs to one generator."""

    def __init__(self, models: Iterable[Model]) -> None:
        """Raises ValueError when a key appears twice."""
        self._by_key: dict[str, Model] = {}
        for model in models:
            if model.key in self._by_key:
                raise ValueError(f"The catalog key {model.key!r} is used twice.")
            self._by_key[model.key] = model

    def get(self, key: str) -> Model | None:
        """The model of that key, retired ones included."""
        return self._by_key.get(key)

    def __iter__(self) -> Iterator[Model]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)
