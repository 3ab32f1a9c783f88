"""Recognising whole pictures by their bytes."""

from typing import Any

import pytest

from generators.hosted.picture import NotAPicture, examine
from tests.peers.pictures import picture


@pytest.mark.parametrize(
    ("kind", "media_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")]
)
def test_whole_picture_is_recognised_with_its_size(kind: Any, media_type: Any) -> None:
    found = examine(picture(97, 33, kind=kind))
    assert (found.media_type, found.width, found.height) == (media_type, 97, 33)


def test_lossless_webp_tells_its_size() -> None:
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.new("RGBA", (301, 17), (1, 2, 3, 4)).save(out, "WEBP", lossless=True)
    assert (examine(out.getvalue()).width, examine(out.getvalue()).height) == (301, 17)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
def test_part_of_a_picture_is_refused(kind: Any, kept: Any) -> None:
    data = picture(97, 33, kind=kind)
    with pytest.raises(NotAPicture):
        examine(data[: int(len(data) * kept)])


def test_damaged_png_is_refused() -> None:
    data = bytearray(picture())
    data[50] ^= 0xFF
    with pytest.raises(NotAPicture, match="damaged"):
        examine(bytes(data))


@pytest.mark.parametrize(
    "data", [b"", b"GIF89a", b"<html>", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\xff\xd8\xff"]
)
def test_anything_else_is_refused(data: Any) -> None:
    with pytest.raises(NotAPicture):
        examine(data)


def test_a_picture_larger_than_the_bound_is_refused() -> None:
    data = bytearray(picture())
    data[16:24] = (100_000).to_bytes(4, "big") * 2
    import struct
    import zlib

    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    with pytest.raises(NotAPicture, match="out of bounds"):
        examine(bytes(data))
