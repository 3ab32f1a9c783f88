"""Which size a checkpoint makes when another was asked for. Pure."""

import math
from typing import Any

from generators.catalog import Model, Size

LEAST_SIDE = 64


def reduced(model: Model, width: int, height: int) -> tuple[Size, dict[str, Any]]:
    """The size to make and what to say about it.

    Sides are rounded to the model's multiple; a picture with a side beyond `max_side` is made at the native
    area in the shape asked for. The note `sizeAsked` is there when the size differs.
    """
    asked = Size(width=width, height=height)
    factor = 1.0
    if max(width, height) > model.max_side:
        native = model.native_size
        factor = math.sqrt(native.width * native.height / (width * height))
        factor = min(factor, model.max_side / max(width, height))
    size = Size(
        width=_rounded(width * factor, model.size_multiple),
        height=_rounded(height * factor, model.size_multiple),
    )
    if size == asked:
        return size, {}
    return size, {"sizeAsked": [asked.width, asked.height]}


def square(model: Model, side: int | None) -> int:
    """The side of the squares to learn: as asked, else the shorter of the native ones, on the model's multiple."""
    native = model.native_size
    return _rounded(min(side or min(native.width, native.height), model.max_side), model.size_multiple)


def _rounded(side: float, multiple: int) -> int:
    least = math.ceil(LEAST_SIDE / multiple) * multiple
    return max(least, round(side / multiple) * multiple)
