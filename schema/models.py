"""Views of the models that can be asked for pictures or text."""

import decimal

import strawberry

import resolvers.catalog
from generators import catalog as rows
from schema.publish import publishes, related, shown


@publishes(rows.Size)
class ImageSize:
    """A size in pixels."""

    width: int = shown("Pixels from left to right.")
    height: int = shown("Pixels from top to bottom.")


@publishes(rows.Model)
class GeneratorModel:
    """One model: what it can do, what it costs, and whether it can be used now."""

    key: strawberry.ID = shown("Names the model in inputs.")
    name: str = shown("What people call it.")
    provider = related(
        resolvers.catalog.provider,
        str,
        "Who makes the picture: LOCAL, OPENAI, REPLICATE, RECRAFT, GEMINI, PEXELS.",
    )
    capabilities = related(resolvers.catalog.capabilities, list[rows.Capability], "What it can be asked for.")
    sizes: list[ImageSize] = shown("Sizes it offers, its native one first.")
    free_size: bool = shown(
        "Whether it also makes other sizes, in multiples of `sizeMultiple` up to `maxSide`."
    )
    size_multiple: int = shown("What a free size must be a multiple of, in pixels.")
    max_side: int = shown("The longest side of a free size, in pixels.")
    version: str | None = shown("Which version is used.")
    licence: str | None = shown("Under which licence its weights are.")
    note: str | None = shown("What one should know before using it.")
    price_per_image_usd = related(
        resolvers.catalog.price,
        decimal.Decimal | None,
        "US dollars for one picture; null = free, or priced by usage.",
    )
    typical_seconds = related(
        resolvers.catalog.typical_seconds,
        float | None,
        "How long one picture takes, measured here; null before the first.",
    )
    available = related(
        resolvers.catalog.available, bool, "Whether it can be used now; true while it is still loading."
    )
    unavailable_reason = related(
        resolvers.catalog.unavailable_reason, str | None, "Why it cannot be used, and what to do about it."
    )
