"""From a look to pixels.

Knows the order in which the parts of a picture are drawn; the same look and size
always give the same bytes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.starter.canvas import Canvas
from training.starter.clothes import draw_clothes, draw_hat, draw_prop
from training.starter.hair import draw_hair_behind, draw_hair_front
from training.starter.heads import Figure, draw_face, draw_head
from training.starter.looks import Look
from training.starter.objects import OBJECTS
from training.starter.scenes import ground

HEAD_CENTRE = (64.0, 57.0)


def render(look: Look, pixels: int = 128) -> Image.Image:
    """Draw a look as an RGB picture of `pixels` x `pixels`."""
    canvas = Canvas(pixels, ground(look.scene, look.wall, look.variant, pixels))
    dx, dy = look.shift
    if look.kind == "object":
        OBJECTS[look.object](canvas, 64 + dx, 62 + dy)
    elif look.kind == "person":
        _draw_person(canvas, Figure(look, HEAD_CENTRE[0] + dx, HEAD_CENTRE[1] + dy))
    return canvas.finished()


def _draw_person(canvas: Canvas, figure: Figure) -> None:
    draw_hair_behind(canvas, figure)
    draw_head(canvas, figure)
    draw_clothes(canvas, figure)
    if figure.look.beard == "beard" or figure.look.style == "long":
        _draw_head_again(canvas, figure)
    draw_face(canvas, figure)
    draw_hair_front(canvas, figure)
    draw_hat(canvas, figure)
    draw_prop(canvas, figure)


def _draw_head_again(canvas: Canvas, figure: Figure) -> None:
    """Beards and long hair lie over the clothes; the face under them must be whole."""
    canvas.ellipse(figure.at(0, 8), (12, 12), figure.skin)


def pixels_of(look: Look, pixels: int = 128) -> NDArray[np.uint8]:
    """The rendered picture as an array of shape (pixels, pixels, 3), 0..255."""
    return np.asarray(render(look, pixels))
