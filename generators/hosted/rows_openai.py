"""OpenAI's rows: what is served, what was retired, what it costs.

Sources: image_model.py and image_generate_params.py of the client 3.51.0 (status, sizes, qualities), the model
pages for gpt-image-2.6 and gpt-6-luna (prices per token). Prices per picture are estimates for budgets only;
the bill is made from the usage that OpenAI reports.
"""

import datetime
from decimal import Decimal

from generators.catalog import Capability, Model, Provider, Size
from generators.hosted.entry import Entry, Price, Tokens, frozen

_IMAGE = frozenset(
    {
        Capability.TEXT_TO_IMAGE,
        Capability.IMAGE_TO_IMAGE,
        Capability.INPAINT,
        Capability.REFERENCE_IMAGES,
        Capability.PREVIEW,
    }
)
_TEXT = frozenset({Capability.TEXT, Capability.VISION})
_STANDARD = (Size(width=1024, height=1024), Size(width=1536, height=1024), Size(width=1024, height=1536))
_TOKENS = Tokens(text_in=Decimal(5), image_in=Decimal(8), out=Decimal(30))
_GPT_2 = {"low": Decimal("0.012"), "medium": Decimal("0.047"), "high": Decimal("0.128")}
# No price is published for the two highest tiers; the hold is generous, the bill is exact.
_GPT_25 = {**_GPT_2, "xhigh": Decimal("0.25"), "max": Decimal("0.50")}
_GPT_15 = {"low": Decimal("0.009"), "medium": Decimal("0.034"), "high": Decimal("0.133")}
_OFF_2026_12 = datetime.date(2026, 12, 1)
_SUCCESSOR = "gpt-image-2.5-sunburst"


def _current(key: str, name: str, prices: dict[str, Decimal]) -> Entry:
    model = Model(
        key=key,
        name=name,
        provider=Provider.OPENAI,
        capabilities=_IMAGE,
        sizes=_STANDARD,
        free_size=True,
        size_multiple=16,
        max_side=3840,
        price=prices["high"],
        max_prompt=32_000,
        max_references=16,
        max_count=10,
        qualities=tuple(prices),
    )
    price = Price(
        picture=prices["high"],
        qualities=frozen(prices),
        by_area=True,
        reference=Decimal("0.01"),
        tokens=_TOKENS,
    )
    return Entry(model=model, wire=key, price=price, max_ratio=3.0, max_pixels=3840 * 2160)


def _ending(key: str, name: str, scale: Decimal) -> Entry:
    prices = {tier: price * scale for tier, price in _GPT_15.items()}
    model = Model(
        key=key,
        name=name,
        provider=Provider.OPENAI,
        capabilities=_IMAGE,
        sizes=_STANDARD,
        price=prices["high"],
        max_prompt=32_000,
        max_references=16,
        max_count=10,
        qualities=tuple(prices),
        retired_on=_OFF_2026_12,
        successor=_SUCCESSOR,
    )
    # Per-token prices of this generation are not published any more: the newer ones are the upper bound.
    price = Price(
        picture=prices["high"],
        qualities=frozen(prices),
        by_area=True,
        reference=Decimal("0.01"),
        tokens=_TOKENS,
    )
    return Entry(model=model, wire=key, price=price)


def _retired(key: str, name: str, day: datetime.date) -> Entry:
    model = Model(
        key=key,
        name=name,
        provider=Provider.OPENAI,
        capabilities=frozenset({Capability.TEXT_TO_IMAGE}),
        sizes=_STANDARD[:1],
        retired_on=day,
        successor=_SUCCESSOR,
    )
    return Entry(model=model, wire=key)


def text_entry(key: str, price: Tokens) -> Entry:
    """A model that writes text and reads pictures, at that price per million tokens."""
    model = Model(
        key=key,
        name=key,
        provider=Provider.OPENAI,
        capabilities=_TEXT,
        max_prompt=400_000,
        max_references=10,
        max_count=1,
    )
    return Entry(model=model, wire=key, price=Price(tokens=price))


ROWS: tuple[Entry, ...] = (
    _current("gpt-image-2.6-sunburst", "GPT Image 2.6 Sunburst", _GPT_25),
    _current("gpt-image-2.6-flare", "GPT Image 2.6 Flare", _GPT_25),
    _current("gpt-image-2.5-sunburst", "GPT Image 2.5 Sunburst", _GPT_25),
    _current("gpt-image-2.5-flare", "GPT Image 2.5 Flare", _GPT_25),
    _current("gpt-image-2", "GPT Image 2", _GPT_2),
    _ending("gpt-image-1.5", "GPT Image 1.5", Decimal(1)),
    _ending("gpt-image-1-mini", "GPT Image 1 mini", Decimal(1)),
    _ending("chatgpt-image-latest", "ChatGPT Image", Decimal(1)),
    _retired("gpt-image-1", "GPT Image 1", datetime.date(2026, 10, 23)),
    _retired("dall-e-3", "DALL-E 3", datetime.date(2026, 5, 12)),
    _retired("dall-e-2", "DALL-E 2", datetime.date(2026, 5, 12)),
    text_entry("gpt-6-luna", Tokens(text_in=Decimal("0.10"), image_in=Decimal("0.10"), out=Decimal("0.50"))),
    text_entry("gpt-6-sol", Tokens(text_in=Decimal(2), image_in=Decimal(2), out=Decimal(10))),
    text_entry("gpt-6-astra", Tokens(text_in=Decimal(10), image_in=Decimal(10), out=Decimal(50))),
)
