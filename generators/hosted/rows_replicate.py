"""Replicate's rows: every model's inputs and price as data.

Sources: the models' own API pages on replicate.com and its price list as read in October 2026. Leonardo and
Stability AI are reached here too: their input forms are published, their own APIs could not be verified.
"""

import dataclasses
from collections.abc import Mapping
from decimal import Decimal

from generators.catalog import Capability, Model, Provider, Recipe, Size
from generators.events import Json
from generators.hosted.entry import Entry, Inputs, Price, Sizing, frozen

_SQUARE = Size(width=1024, height=1024)
_FLUX = ("1:1", "16:9", "3:2", "2:3", "4:5", "5:4", "9:16", "3:4", "4:3")
_WIDE = (*_FLUX, "21:9", "9:21")
_IDEOGRAM = ("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "16:10", "10:16", "3:1", "1:3")
_SEEDREAM = ("1:1", "4:3", "3:4", "16:9", "9:16", "3:2", "2:3", "21:9")
_PNG: Mapping[str, Json] = {"output_format": "png"}

_TEXT = Capability.TEXT_TO_IMAGE
_REFERENCES = Capability.REFERENCE_IMAGES
_IMAGE = Capability.IMAGE_TO_IMAGE
_SEED = Capability.SEED


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Row:
    key: str
    name: str
    wire: str
    can: tuple[Capability, ...]
    inputs: Inputs
    price: str
    ratios: tuple[str, ...] = ()
    sizes: tuple[Size, ...] = (_SQUARE,)
    references: int = 0
    reference_price: str = "0"
    by_area: bool = False
    multiple: int = 32
    min_side: int = 256
    max_side: int = 1440
    steps: int = 0
    guidance: float | None = None
    prompt: int = 4000
    qualities: Mapping[str, str] = dataclasses.field(default_factory=frozen)
    note: str | None = None

    def entry(self) -> Entry:
        tiers = {tier: Decimal(price) for tier, price in self.qualities.items()}
        model = Model(
            key=self.key,
            name=self.name,
            provider=Provider.REPLICATE,
            capabilities=frozenset(self.can),
            sizes=self.sizes,
            free_size=self.inputs.sizing in (Sizing.CUSTOM, Sizing.PIXELS),
            size_multiple=self.multiple,
            max_side=self.max_side,
            default_steps=self.steps,
            max_steps=self.inputs.max_steps,
            default_guidance=self.guidance,
            price=Decimal(self.price),
            max_prompt=self.prompt,
            max_references=self.references,
            max_count=8,
            qualities=tuple(tiers),
            note=self.note,
        )
        price = Price(
            picture=Decimal(self.price),
            qualities=frozen(tiers),
            by_area=self.by_area,
            reference=Decimal(self.reference_price),
        )
        return Entry(
            model=model,
            wire=self.wire,
            price=price,
            ratios=self.ratios,
            min_side=self.min_side,
            max_pixels=self.max_side**2,
            inputs=self.inputs,
        )


_BLACK_FOREST = (
    _Row(
        key="flux-schnell",
        name="FLUX.1 schnell",
        wire="black-forest-labs/flux-schnell",
        can=(_TEXT, _SEED, Capability.STEP_PROGRESS),
        inputs=Inputs(
            steps="num_inference_steps",
            max_steps=4,
            fixed=frozen({**_PNG, "num_outputs": 1, "megapixels": "1"}),
        ),
        price="0.003",
        ratios=_WIDE,
        steps=4,
    ),
    _Row(
        key="flux-1.1-pro",
        name="FLUX 1.1 [pro]",
        wire="black-forest-labs/flux-1.1-pro",
        can=(_TEXT, _SEED, _REFERENCES),
        inputs=Inputs(sizing=Sizing.CUSTOM, references="image_prompt", single=True, fixed=frozen(_PNG)),
        price="0.04",
        references=1,
    ),
    _Row(
        key="flux-kontext-pro",
        name="FLUX.1 Kontext [pro]",
        wire="black-forest-labs/flux-kontext-pro",
        can=(_TEXT, _SEED, _REFERENCES, _IMAGE),
        inputs=Inputs(references="input_image", single=True, fixed=frozen(_PNG)),
        price="0.04",
        ratios=_WIDE,
        references=1,
    ),
    _Row(
        key="flux-kontext-max",
        name="FLUX.1 Kontext [max]",
        wire="black-forest-labs/flux-kontext-max",
        can=(_TEXT, _SEED, _REFERENCES, _IMAGE),
        inputs=Inputs(references="input_image", single=True, fixed=frozen(_PNG)),
        price="0.08",
        ratios=_WIDE,
        references=1,
    ),
    _Row(
        key="flux-2-pro",
        name="FLUX.2 [pro]",
        wire="black-forest-labs/flux-2-pro",
        can=(_TEXT, _SEED, _REFERENCES, _IMAGE),
        inputs=Inputs(sizing=Sizing.CUSTOM, references="input_images", fixed=frozen(_PNG)),
        price="0.03",
        by_area=True,
        references=8,
        reference_price="0.015",
        multiple=16,
        max_side=2048,
    ),
    _Row(
        key="flux-2-flex",
        name="FLUX.2 [flex]",
        wire="black-forest-labs/flux-2-flex",
        can=(_TEXT, _SEED, _REFERENCES, _IMAGE),
        inputs=Inputs(
            sizing=Sizing.CUSTOM,
            references="input_images",
            steps="steps",
            guidance="guidance",
            fixed=frozen({**_PNG, "prompt_upsampling": False}),
        ),
        price="0.06",
        by_area=True,
        references=10,
        reference_price="0.06",
        multiple=16,
        max_side=2048,
        steps=30,
        guidance=4.5,
    ),
)

_OTHERS = (
    _Row(
        key="ideogram-v2",
        name="Ideogram 2.0",
        wire="ideogram-ai/ideogram-v2",
        can=(_TEXT, _SEED, Capability.NEGATIVE_PROMPT),
        inputs=Inputs(negative="negative_prompt", fixed=frozen({"magic_prompt_option": "Off"})),
        price="0.08",
        ratios=_IDEOGRAM,
    ),
    _Row(
        key="ideogram-v3",
        name="Ideogram 3.0",
        wire="ideogram-ai/ideogram-v3-{quality}",
        can=(_TEXT, _SEED),
        inputs=Inputs(fixed=frozen({"magic_prompt_option": "Off"})),
        price="0.06",
        ratios=_IDEOGRAM,
        qualities=frozen({"turbo": "0.03", "balanced": "0.06", "quality": "0.09"}),
    ),
    _Row(
        key="seedream-4.5",
        name="Seedream 4.5",
        wire="bytedance/seedream-4.5",
        can=(_TEXT, _REFERENCES, _IMAGE),
        inputs=Inputs(
            sizing=Sizing.TIER,
            seed=False,
            references="image_input",
            fixed=frozen({"sequential_image_generation": "disabled", "max_images": 1}),
        ),
        price="0.04",
        ratios=_SEEDREAM,
        sizes=(Size(width=2048, height=2048), _SQUARE, Size(width=4096, height=4096)),
        references=14,
        max_side=4096,
        note="Makes 2K or 4K pictures whatever smaller size is asked for.",
    ),
    _Row(
        key="sdxl",
        name="Stable Diffusion XL (Replicate)",
        wire="stability-ai/sdxl:39ed52f2a78e934b3ba6e2a89f5b1c712de7dfea535525255b1aa35c5565e08b",
        can=(_TEXT, _SEED, _IMAGE, Capability.NEGATIVE_PROMPT, Capability.STEP_PROGRESS),
        inputs=Inputs(
            sizing=Sizing.PIXELS,
            image="image",
            strength="prompt_strength",
            negative="negative_prompt",
            steps="num_inference_steps",
            max_steps=100,
            guidance="guidance_scale",
            fixed=frozen({"num_outputs": 1, "apply_watermark": False}),
        ),
        price="0.012",
        multiple=8,
        max_side=1536,
        steps=50,
        guidance=7.5,
        note="Usable while Replicate serves this version.",
    ),
    _Row(
        key="sd-3.5-large",
        name="Stable Diffusion 3.5 Large",
        wire="stability-ai/stable-diffusion-3.5-large",
        can=(_TEXT, _SEED, _IMAGE),
        inputs=Inputs(
            image="image", strength="prompt_strength", steps="steps", guidance="cfg", fixed=frozen(_PNG)
        ),
        price="0.065",
        ratios=_WIDE,
        steps=35,
        guidance=3.5,
        note="Stability AI, through Replicate.",
    ),
    _Row(
        key="leonardo-phoenix-1.0",
        name="Leonardo Phoenix 1.0",
        wire="leonardoai/phoenix-1.0",
        can=(_TEXT,),
        inputs=Inputs(seed=False, fixed=frozen({"num_images": 1, "prompt_enhance": False})),
        price="0.08",
        ratios=("1:1", "16:9", "9:16", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3"),
        note="Leonardo.Ai, through Replicate.",
    ),
)


def _recraft(key: str, wire: str, sizes: tuple[Size, ...], prompt: int) -> Entry:
    inputs = Inputs(sizing=Sizing.SIZE, seed=False)
    name = key.replace("recraft-v", "Recraft V")
    row = _Row(
        key=key,
        name=name,
        wire=wire,
        can=(_TEXT,),
        inputs=inputs,
        price="0.04",
        sizes=sizes,
        prompt=prompt,
        max_side=2048,
    )
    return row.entry()


def recraft_alternates(sizes: Mapping[str, tuple[Size, ...]]) -> dict[str, Entry]:
    """Recraft's models through Replicate, by key, for those who have Replicate's token alone."""
    return {
        "recraft-v3": _recraft("recraft-v3", "recraft-ai/recraft-v3", sizes["recraft-v3"], 1000),
        "recraft-v4": _recraft("recraft-v4", "recraft-ai/recraft-v4", sizes["recraft-v4"], 10_000),
    }


def own_entry(wire: str) -> Entry:
    """A row for a model that the operator names: prompt, seed and aspect ratio are sent, its price is unknown."""
    row = _Row(
        key=wire,
        name=wire.split(":", maxsplit=1)[0],
        wire=wire,
        can=(_TEXT, _SEED, Capability.STEP_PROGRESS),
        inputs=Inputs(fixed=frozen({"output_format": "png"})),
        price="0",
        ratios=_WIDE,
        note="Price unknown: Replicate bills it by time.",
    )
    return row.entry()


TRAINER = Entry(
    model=Model(
        key="flux-dev-lora",
        name="FLUX.1 [dev] LoRA (Replicate)",
        provider=Provider.REPLICATE,
        capabilities=frozenset({Capability.TRAINING}),
        price=None,
        recipe=Recipe(steps=1000, learning_rate=4e-4, rank=16),
        note="Trains on Replicate; pictures with the result are made by the version that the training made.",
    ),
    wire="ostris/flux-dev-lora-trainer",
    price=Price(picture=Decimal("2.00")),
)

ROWS: tuple[Entry, ...] = (*(row.entry() for row in (*_BLACK_FOREST, *_OTHERS)), TRAINER)
