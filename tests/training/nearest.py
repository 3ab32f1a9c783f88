"""Reads attributes off a picture without a classifier: by the nearest drawing."""

import io
import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generators.events import ImageMade
from training.starter.looks import SCENE_VARIANTS, VALUES, Look
from training.starter.render import pixels_of

Draw = Callable[..., ImageMade]
SHIFTS = tuple(itertools.product((-2.0, 0.0, 2.0), (-1.0, 1.0)))


def pixels(data: bytes) -> NDArray[np.float32]:
    """A picture as (height, width, 3), 0..255."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=np.float32)


def nearest(made: ImageMade, name: str, like: Look) -> str:
    """The value of an attribute in a picture of somebody or something otherwise like `like`.

    Every value is drawn; the one that differs least is taken, counted only where the drawings differ.
    """
    picture = pixels(made.data)
    best: dict[str, float] = {}
    variants = range(SCENE_VARIANTS) if name == "scene" or like.scene != "plain" else (0,)
    for shift, variant in itertools.product(SHIFTS, variants):
        looks = [like.but(shift=shift, variant=variant, **{name: value}) for value in VALUES[name]]
        drawings = np.stack([pixels_of(look) for look in looks]).astype(np.float32)
        differ = drawings.std(axis=0).max(axis=2) > 12
        gaps = np.abs(drawings - picture).mean(axis=3)[:, differ].mean(axis=1)
        for value, gap in zip(VALUES[name], gaps, strict=True):
            best[value] = min(best.get(value, np.inf), float(gap))
    return min(best, key=lambda value: best[value])
