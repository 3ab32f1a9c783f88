"""Recognises a picture by its bytes and tells a whole one from a half one.

Knows the containers of PNG, JPEG and WebP; decodes no pixels, so hostile bytes meet no codec here.
"""

import dataclasses
import struct
import zlib

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_JPEG_MARK, _JPEG_SCAN = 0xFF, 0xDA
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})
_WEBP_HEAD = 30
MAX_PIXELS = 64_000_000


class NotAPicture(ValueError):  # noqa: N818 - says what the bytes are not
    """The bytes are no whole PNG, JPEG or WebP; the message says in which way."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Picture:
    """A whole picture: encoded bytes, type by content, size in pixels."""

    data: bytes
    media_type: str
    width: int
    height: int


def examine(data: bytes) -> Picture:
    """Read type and size; raises NotAPicture for anything else, anything cut off and more than 64 megapixels."""
    if data.startswith(_PNG):
        media_type, (width, height) = "image/png", _png(data)
    elif data.startswith(b"\xff\xd8\xff"):
        media_type, (width, height) = "image/jpeg", _jpeg(data)
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        media_type, (width, height) = "image/webp", _webp(data)
    else:
        raise NotAPicture(f"it is no PNG, JPEG or WebP (it begins with {data[:16]!r})")
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise NotAPicture(f"its size, {width}x{height}, is out of bounds")
    return Picture(data=data, media_type=media_type, width=width, height=height)


def _png(data: bytes) -> tuple[int, int]:
    # https://www.w3.org/TR/png-3/#5Chunk-layout: length, type, data, CRC-32 over type and data.
    at, size = len(_PNG), (0, 0)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            break
        (crc,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(data[at + 4 : end - 4]) != crc:
            raise NotAPicture(f"its PNG chunk {kind!r} is damaged")
        if kind == b"IHDR":
            size = struct.unpack_from(">II", data, at + 8)
        if kind == b"IEND":
            return size
        at = end
    raise NotAPicture("the PNG ends before its end")


def _jpeg(data: bytes) -> tuple[int, int]:
    # ITU-T T.81, annex B: marker segments up to the scan, which ends with EOI.
    at, size = 2, (0, 0)
    while at + 4 <= len(data) and data[at] == _JPEG_MARK:
        marker = data[at + 1]
        if marker == _JPEG_MARK or marker in _JPEG_BARE:
            at += 1 if marker == _JPEG_MARK else 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if marker in _JPEG_FRAMES and at + 9 <= len(data):
            height, width = struct.unpack_from(">HH", data, at + 5)
            size = (width, height)
        at += 2 + length
        if marker == _JPEG_SCAN:
            if data.find(b"\xff\xd9", at) < 0:
                break
            return size
    raise NotAPicture("the JPEG ends before its end")


def _webp(data: bytes) -> tuple[int, int]:
    # https://developers.google.com/speed/webp/docs/riff_container: the RIFF length counts what follows it.
    (length,) = struct.unpack_from("<I", data, 4)
    if len(data) < length + 8 or len(data) < _WEBP_HEAD:
        raise NotAPicture("the WebP ends before its end")
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF
