"""A picture's quick looks, as values: what the decoder's child makes (renditions.py) and everybody else only passes on.

Apart from their making, which needs NumPy and SciPy, so that the server loads neither.
"""

from collections.abc import Mapping
from dataclasses import dataclass

THUMBNAIL_SIDES = (256, 512)


@dataclass(frozen=True, kw_only=True)
class Renditions:
    """What one picture's quick looks are.

    `thumbnails` maps the box side in pixels (256 and 512) to WEBP bytes: the picture scaled down to fit the box,
    never up. `placeholder` is a thumbhash in base64, `perceptual_hash` the 64-bit pHash as 16 hex digits (the
    Hamming distance of two tells how alike they look; 0-6 bits is the same picture for most purposes).
    """

    width: int
    height: int
    placeholder: str
    perceptual_hash: str
    thumbnails: Mapping[int, bytes]
