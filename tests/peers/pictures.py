"""Small pictures made in code, whole and broken."""

import io

from PIL import Image


def picture(width: int = 64, height: int = 64, colour: str = "teal", kind: str = "PNG") -> bytes:
    """One plain picture, encoded."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, kind)
    return out.getvalue()
