"""What is derived from a picture for quick looks: thumbnails, a placeholder and a perceptual hash.

Works on decoded Pillow images and runs in the decoder's child (the server process never decodes a file). Knows
no files, names or rows. Imports Pillow, thumbhash and imagehash only (imagehash brings NumPy and SciPy).
"""

import base64
from io import BytesIO

import imagehash
import thumbhash
from PIL import Image

from store.files.quick_looks import THUMBNAIL_SIDES, Renditions

_THUMBNAIL_QUALITY = 80
_PLACEHOLDER_SIDE = 16  # a thumbhash keeps at most 7 half waves along a side; 16 pixels hold them


def render(image: Image.Image) -> Renditions:
    """Make the quick looks of an upright RGB or RGBA image in sRGB; the image is left as it is."""
    sizes = {side: fitted(image.size, side) for side in THUMBNAIL_SIDES}
    small = _scaled(
        image, sizes[THUMBNAIL_SIDES[-1]]
    )  # the rest is cheap from here, however large the picture is
    webps = {size: _webp(_scaled(small, size)) for size in set(sizes.values())}
    return Renditions(
        width=image.width,
        height=image.height,
        placeholder=placeholder(small),
        perceptual_hash=str(imagehash.phash(image)),
        thumbnails={side: webps[size] for side, size in sizes.items()},
    )


def placeholder(image: Image.Image) -> str:
    """The image's thumbhash in base64, seen on white where it is transparent.

    thumbhash 0.1.2 raises TypeError on any transparent pixel, so none is passed to it.
    """
    small = _scaled(image, fitted(image.size, _PLACEHOLDER_SIDE)).convert("RGBA")
    opaque = Image.alpha_composite(Image.new("RGBA", small.size, "white"), small)
    return base64.b64encode(
        bytes(thumbhash.rgba_to_thumb_hash(*opaque.size, list(opaque.tobytes())))
    ).decode()


def fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    """The size scaled down to fit a square of `side` pixels, never up, at least 1 pixel each way."""
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _scaled(image: Image.Image, wanted: tuple[int, int]) -> Image.Image:
    if wanted == image.size:
        return image
    return image.resize(wanted, Image.Resampling.LANCZOS, reducing_gap=2.0)


def _webp(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "WEBP", quality=_THUMBNAIL_QUALITY, method=2)
    return out.getvalue()
