"""A mask as a provider wants it: ours is white where something is painted anew, OpenAI's is transparent there.

Knows Pillow; masks were decoded and written anew when they were uploaded.
"""

import io

from generators.events import FailureKind
from generators.hosted.failures import Trouble

HALF = 128


def transparent(mask: bytes, picture: bytes) -> bytes:
    """A PNG of the picture's size, transparent where the mask is at least half white, black elsewhere.

    The mask is scaled and cropped at the centre, as local models do it.

    Raises:
        Trouble: one of the two cannot be read, or the mask marks nothing.
    """
    from PIL import Image, ImageOps  # on first use, as the providers' clients

    try:
        with Image.open(io.BytesIO(picture)) as shown:
            size = shown.size
        with Image.open(io.BytesIO(mask)) as given:
            levels = ImageOps.fit(given.convert("L"), size, method=Image.Resampling.LANCZOS)
    except (OSError, SyntaxError) as error:
        raise Trouble(FailureKind.BAD_REQUEST, "The mask cannot be read.") from error
    kept = levels.point([255 if level < HALF else 0 for level in range(256)])
    if kept.getextrema() == (255, 255):
        words = "The mask marks nothing that can be painted anew: make its white part larger."
        raise Trouble(FailureKind.BAD_REQUEST, words)
    black = Image.new("L", size, 0)
    file = io.BytesIO()
    Image.merge("RGBA", (black, black, black, kept)).save(file, format="PNG")
    return file.getvalue()
