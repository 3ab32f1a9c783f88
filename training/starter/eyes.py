"""Whether both eyes of somebody are of one colour, told from the pixels, and how often they are.

Knows where eyes are in a picture of 128 x 128, and people of whom nobody says what eyes they have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.starter.denoising import drawn

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline

PROMPTS: Final = (
    "a woman with red hair",
    "portrait of a young man",
    "a lighthouse keeper by the sea",
    "professional woman in her early 30s, shoulder-length dark hair, warm smile, business attire",
    "a smiling man with a beard",
    "a young woman in a garden",
    "a teacher in a library",
    "an old man with a hat",
)
EACH: Final = 6
ROWS, COLUMNS = slice(44, 76), slice(44, 84)
FEW_PIXELS: Final = 14
"""An iris has about 60."""


def unlike(picture: Image.Image) -> bool:
    """Whether one eye is green or blue and the other is not; brown ones look like skin and hair."""
    face = np.asarray(picture.convert("RGB"), dtype=np.float32)[ROWS, COLUMNS]
    left, right = (_coloured(half) for half in np.split(face, 2, axis=1))
    return bool(np.abs(left - right).max() > FEW_PIXELS)


def _coloured(half: NDArray[np.float32]) -> NDArray[np.int64]:
    """How many pixels are green, blue, and between the two."""
    red, green, blue = half[..., 0], half[..., 1], half[..., 2]
    between = (green - red > 45) & (blue - red > 45) & (np.abs(green - blue) <= 35)
    greens = (green - red > 45) & (green - blue > 25)
    blues = (blue - red > 60) & (blue - green > 35)
    return np.array([kind.sum() for kind in (greens, blues, between)], dtype=np.int64)


def eyes_figures(made: StableDiffusionPipeline, *, steps: int) -> dict[str, int]:
    """How many of a few dozen people have eyes alike, where no prompt says anything of eyes."""
    pictures = drawn(made, [text for text in PROMPTS for _ in range(EACH)], steps=steps)
    return {"alike": sum(not unlike(picture) for picture in pictures), "of": len(pictures)}
