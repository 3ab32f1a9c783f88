"""Contact sheets: many pictures in one, for people to look at."""

from __future__ import annotations

import random
from collections.abc import Sequence

from PIL import Image

from training.starter.looks import Look, random_look
from training.starter.render import render


def sheet(pictures: Sequence[Image.Image], columns: int = 8, gap: int = 2) -> Image.Image:
    """Pictures of equal size side by side, row after row, on black."""
    if not pictures:
        raise ValueError("a contact sheet needs at least one picture")
    width, height = pictures[0].size
    rows = -(-len(pictures) // columns)
    whole = Image.new("RGB", (columns * (width + gap) + gap, rows * (height + gap) + gap))
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        whole.paste(picture, (gap + column * (width + gap), gap + row * (height + gap)))
    return whole


def held_out_looks(count: int, seed: int = 990_001) -> list[Look]:
    """Looks that training never draws from: their generator has a seed of its own."""
    rng = random.Random(seed)
    return [random_look(rng) for _ in range(count)]


def render_sheet(count: int, pixels: int = 128) -> Image.Image:
    """Held-out looks as the renderer draws them."""
    return sheet([render(look, pixels) for look in held_out_looks(count)])
