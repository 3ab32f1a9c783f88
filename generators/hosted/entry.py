"""What a catalog row of a hosted model is made of: the public row, the provider's own name, price and form.

Pure data and arithmetic; knows no client and sends nothing.
"""

import dataclasses
import enum
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import TypeVar

from generators.catalog import Model, Provider
from generators.events import Json

K = TypeVar("K")
V = TypeVar("V")

_MILLION = Decimal(1_000_000)
_MEGAPIXEL = Decimal(1024 * 1024)


def frozen(items: Mapping[K, V] | None = None) -> Mapping[K, V]:
    """A mapping that nobody can change."""
    return MappingProxyType(dict(items or {}))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tokens:
    """US dollars per million tokens."""

    text_in: Decimal
    out: Decimal
    image_in: Decimal = Decimal(0)

    def cost(self, text_in: int, image_in: int, out: int) -> Decimal:
        """US dollars for that usage, in tokens."""
        return (self.text_in * text_in + self.image_in * image_in + self.out * out) / _MILLION


@dataclasses.dataclass(frozen=True, kw_only=True)
class Price:
    """What one picture costs in US dollars, before it is made.

    `picture` at the size the model is made for; `qualities` where tiers differ; `by_area` = it grows with the
    megapixels asked for (never below one); `reference` is added for each reference image; `tokens` = the
    provider reports usage, and the bill is made from it.
    """

    picture: Decimal = Decimal(0)
    qualities: Mapping[str, Decimal] = dataclasses.field(default_factory=frozen)
    by_area: bool = False
    reference: Decimal = Decimal(0)
    tokens: Tokens | None = None

    def estimate(self, quality: str | None, width: int, height: int, references: int = 0) -> Decimal:
        """US dollars that one such picture may cost; the hold on a budget."""
        one = self.qualities.get(quality or "", self.picture)
        if self.by_area:
            one *= max(Decimal(1), Decimal(width * height) / _MEGAPIXEL)
        return one + self.reference * references


class Sizing(enum.Enum):
    """How Replicate's models are told a size."""

    NONE = "none"
    RATIO = "aspect_ratio"
    CUSTOM = "custom"  # aspect_ratio "custom" with width and height
    PIXELS = "width and height"
    SIZE = "size"  # "1024x1024"
    TIER = "tier"  # size 2K | 4K with aspect_ratio


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inputs:
    """How a Replicate model names its inputs; "" = it has none of the kind.

    `strength` is how much of `image` is destroyed, 0..1. `references` is a list unless `single`. More steps than
    `max_steps` are cut to it.
    """

    sizing: Sizing = Sizing.RATIO
    seed: bool = True
    references: str = ""
    single: bool = False
    image: str = ""
    strength: str = ""
    negative: str = ""
    steps: str = ""
    max_steps: int = 50
    guidance: str = ""
    fixed: Mapping[str, Json] = dataclasses.field(default_factory=frozen)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """One hosted model.

    `wire` is the provider's own name for it ("{quality}" in it is replaced by the quality asked for).
    `ratios` = it takes aspect ratios, not pixels. Bounds for free sizes: `min_side` pixels, `max_ratio` long to
    short side, `max_pixels`. `alternate` = the same model through another provider, used where only that one's key
    is set. `style` is one of Recraft's (see styles.py).
    """

    model: Model
    wire: str
    price: Price = dataclasses.field(default_factory=Price)
    ratios: tuple[str, ...] = ()
    min_side: int = 16
    max_ratio: float = 3.0
    max_pixels: int = 4096 * 4096
    inputs: Inputs | None = None
    alternate: "Entry | None" = None
    style: str = ""

    @property
    def provider(self) -> Provider:
        """Whose key it needs."""
        return self.model.provider

    def wire_name(self, quality: str | None) -> str:
        """The provider's own name at that quality; the middle tier where none is asked for."""
        tiers = self.model.qualities
        default = tiers[len(tiers) // 2] if tiers else ""
        return self.wire.replace("{quality}", quality or default)


def ratio_of(width: int, height: int, ratios: tuple[str, ...], tolerance: float = 0.03) -> str | None:
    """The one of `ratios` ("16:9") closest to that size, None when none is within `tolerance` (relative)."""

    def distance(ratio: str) -> float:
        across, _, down = ratio.partition(":")
        return abs(width / height * float(down) / float(across) - 1)

    best = min(ratios, key=distance, default=None)
    return best if best is not None and distance(best) <= tolerance else None
