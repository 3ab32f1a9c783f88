"""Recraft's styles: `recraft-v3:digital_illustration/hand_drawn`, or `recraft-v3:<id of a style made there>`.

A style is part of the model's key, so that everything that names a model can name one.
"""

import dataclasses
import re
import uuid

from generators.catalog import Provider
from generators.hosted.entry import Entry, frozen

STYLED = "recraft-v3"  # later models take no style
NAMED = ("any", "realistic_image", "digital_illustration", "logo_raster")
_NAMED = re.compile(rf"({'|'.join(NAMED)})(?:/([a-z0-9_]{{1,60}}))?")


def styled(entry: Entry, style: str) -> Entry | None:
    """That model held to that style; None = it is no style, or the model takes none."""
    if entry.model.key != STYLED:
        return None
    own = _own(style)
    if not own and not _NAMED.fullmatch(style):
        return None
    if own and entry.provider is not Provider.RECRAFT:
        return None  # a style made in Recraft's own account is known there alone
    model = dataclasses.replace(
        entry.model, key=f"{entry.model.key}:{style}", name=f"{entry.model.name}, {style}"
    )
    inputs = entry.inputs
    if inputs is not None:
        inputs = dataclasses.replace(inputs, fixed=frozen({**inputs.fixed, "style": style}))
    return dataclasses.replace(entry, model=model, inputs=inputs, style=style)


def fields(style: str) -> dict[str, str]:
    """How Recraft's own API is told of it."""
    if not style:
        return {}
    if _own(style):
        return {"style_id": style}
    name, _, substyle = style.partition("/")
    return {"style": name, "substyle": substyle} if substyle else {"style": name}


def _own(style: str) -> bool:
    try:
        return str(uuid.UUID(style)) == style.lower()
    except ValueError:
        return False
