"""The rows of Recraft, Google and Pexels.

Sources: Recraft's OpenAPI of 2026-08-22 with its appendix (sizes, prompt lengths) and price page; Google's model
pages of September and October 2026; Pexels' API documentation.
"""

import dataclasses
import datetime
from decimal import Decimal

from generators.catalog import Capability, Model, Provider, Size
from generators.hosted.entry import Entry, Price, Tokens
from generators.hosted.rows_replicate import recraft_alternates

_TEXT = Capability.TEXT_TO_IMAGE


def _sizes(*names: str) -> tuple[Size, ...]:
    pairs = (name.split("x") for name in names)
    return tuple(Size(width=int(width), height=int(height)) for width, height in pairs)


_V4 = _sizes(
    "1024x1024", "1536x768", "768x1536", "1280x832", "832x1280", "1216x896", "896x1216", "1152x896", "896x1152",
    "832x1344", "1280x896", "896x1280", "1344x768", "768x1344",
)  # fmt: skip
_V4_PRO = tuple(Size(width=size.width * 2, height=size.height * 2) for size in _V4)
_V4_RATIOS = (
    "1:1", "2:1", "1:2", "3:2", "2:3", "4:3", "3:4", "5:4", "4:5", "6:10", "14:10", "10:14", "16:9", "9:16",
)  # fmt: skip
_V3 = _sizes(
    "1024x1024", "2048x1024", "1024x2048", "1536x1024", "1024x1536", "1365x1024", "1024x1365", "1280x1024",
    "1024x1280", "1024x1707", "1707x1024", "1434x1024", "1024x1434", "1820x1024", "1024x1820",
)  # fmt: skip
_ALTERNATES = recraft_alternates({"recraft-v3": _V3, "recraft-v4": _V4})


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Recraft:
    key: str
    name: str
    wire: str
    price: str
    sizes: tuple[Size, ...] = _V4
    ratios: tuple[str, ...] = ()
    prompt: int = 10_000
    negative: bool = False
    note: str | None = None

    def entry(self) -> Entry:
        can = {_TEXT, Capability.IMAGE_TO_IMAGE, Capability.SEED}
        if self.negative:
            can.add(Capability.NEGATIVE_PROMPT)
        model = Model(
            key=self.key,
            name=self.name,
            provider=Provider.RECRAFT,
            capabilities=frozenset(can),
            sizes=self.sizes,
            price=Decimal(self.price),
            max_prompt=self.prompt,
            max_references=1,
            max_count=6,
            note=self.note,
        )
        price = Price(picture=Decimal(self.price))
        alternate = _ALTERNATES.get(self.key)
        return Entry(model=model, wire=self.wire, price=price, ratios=self.ratios, alternate=alternate)


_RECRAFT = (
    _Recraft(key="recraft-v4.1", name="Recraft V4.1", wire="recraftv4_1", price="0.035"),
    _Recraft(key="recraft-v4.1-flash", name="Recraft V4.1 Flash", wire="recraftv4_1_flash", price="0.007"),
    _Recraft(key="recraft-v4.1-pro", name="Recraft V4.1 Pro", wire="recraftv4_1_pro", price="0.21", sizes=_V4_PRO, ratios=_V4_RATIOS),
    _Recraft(key="recraft-v4", name="Recraft V4", wire="recraftv4", price="0.04"),
    _Recraft(key="recraft-v4-pro", name="Recraft V4 Pro", wire="recraftv4_pro", price="0.25", sizes=_V4_PRO, ratios=_V4_RATIOS),
    _Recraft(
        key="recraft-v3", name="Recraft V3", wire="recraftv3", price="0.04", sizes=_V3, prompt=1000, negative=True,
        note="Takes a style: recraft-v3:realistic_image, recraft-v3:digital_illustration/<substyle>, recraft-v3:<id>.",
    ),
)  # fmt: skip

_NANO_RATIOS = (
    "1:1",
    "1:4",
    "1:8",
    "2:3",
    "3:2",
    "3:4",
    "4:1",
    "4:3",
    "4:5",
    "5:4",
    "8:1",
    "9:16",
    "16:9",
    "21:9",
)
_PRO_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
_SUCCESSOR = "gemini-nano-banana-2.1"
_OUT = Tokens(text_in=Decimal("1.50"), image_in=Decimal("1.50"), out=Decimal(30))


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Gemini:
    key: str
    name: str
    wire: str
    price: str
    tokens: Tokens
    ratios: tuple[str, ...]
    tiers: tuple[int, ...] = (1024, 2048, 4096)
    references: int = 14

    def entry(self) -> Entry:
        model = Model(
            key=self.key,
            name=self.name,
            provider=Provider.GEMINI,
            capabilities=frozenset({_TEXT, Capability.IMAGE_TO_IMAGE, Capability.REFERENCE_IMAGES}),
            sizes=tuple(Size(width=side, height=side) for side in self.tiers),
            max_side=self.tiers[-1],
            price=Decimal(self.price),
            max_prompt=32_000,
            max_references=self.references,
            max_count=1,
        )
        price = Price(
            picture=Decimal(self.price), by_area=True, reference=Decimal("0.002"), tokens=self.tokens
        )
        return Entry(
            model=model, wire=self.wire, price=price, ratios=self.ratios, max_pixels=self.tiers[-1] ** 2
        )


_GEMINI = (
    _Gemini(
        key="gemini-nano-banana-2.1",
        name="Nano Banana 2.1",
        wire="gemini-nano-banana-2.1",
        price="0.0336",
        tokens=_OUT,
        ratios=_NANO_RATIOS,
    ),
    # A name that goes on when the versions behind it change.
    _Gemini(
        key="gemini-nano-banana",
        name="Nano Banana (current)",
        wire="gemini-nano-banana-2.1",
        price="0.0336",
        tokens=_OUT,
        ratios=_NANO_RATIOS,
    ),
    _Gemini(
        key="gemini-3-pro-image",
        name="Nano Banana Pro",
        wire="gemini-3-pro-image",
        price="0.134",
        # 1,120 output tokens a 1K picture at $0.134.
        tokens=Tokens(text_in=Decimal(2), image_in=Decimal(2), out=Decimal(120)),
        ratios=_PRO_RATIOS,
    ),
    _Gemini(
        key="gemini-3.1-flash-lite-image",
        name="Nano Banana 2 Lite",
        wire="gemini-3.1-flash-lite-image",
        price="0.034",
        tokens=_OUT,
        ratios=_PRO_RATIOS,
        tiers=(1024,),
    ),
)


def _retired(key: str, name: str, day: datetime.date) -> Entry:
    model = Model(
        key=key,
        name=name,
        provider=Provider.GEMINI,
        capabilities=frozenset({_TEXT}),
        retired_on=day,
        successor=_SUCCESSOR,
    )
    return Entry(model=model, wire=key)


_RETIRED = (
    _retired("imagen-3", "Imagen 3", datetime.date(2026, 8, 17)),
    _retired("imagen-4", "Imagen 4", datetime.date(2026, 8, 17)),
    _retired("gemini-2.5-flash-image", "Nano Banana", datetime.date(2026, 10, 2)),
    _retired("gemini-3.1-flash-image", "Nano Banana 2", datetime.date(2026, 10, 29)),
)

PEXELS = Entry(
    model=Model(
        key="pexels",
        name="Pexels",
        provider=Provider.PEXELS,
        capabilities=frozenset({Capability.STOCK_SEARCH}),
        price=Decimal(0),
        max_prompt=200,
        max_count=8,
        licence="Pexels License",
    ),
    wire="pexels",
)

ROWS: tuple[Entry, ...] = (
    *(row.entry() for row in _RECRAFT),
    *(row.entry() for row in _GEMINI),
    *_RETIRED,
    PEXELS,
)
