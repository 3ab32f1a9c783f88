"""How bright a picture is: what a mask is judged by. Knows no image library."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Levels:
    """The darkest and the brightest pixel, 0 = black to 255 = white, and whether every pixel is opaque."""

    darkest: int
    brightest: int
    opaque: bool
