"""How PNG, JPEG and WEBP files are put together, without decoding one pixel.

Knows the three containers' parts (chunks or segments), their checksums and where the picture ends. Knows no
image library, so it may run anywhere; its work is bounded by the length of the input and `MAX_PARTS`.

Sources: PNG third edition (W3C) §5, ITU-T T.81 Annex B (JPEG), the WebP container specification (RFC 9649).
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

MAX_PARTS = 65_536
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER_BYTES = 25  # IHDR: length, kind, thirteen bytes, checksum
_MARKER = re.compile(rb"\xff+([^\x00\xff])", re.DOTALL)
_MARKER_IN_SCAN = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
_JPEG_START, _JPEG_END, _JPEG_SCAN = 0xD8, 0xD9, 0xDA
_JPEG_BARE = (0x01, *range(0xD0, 0xDA))  # markers without a length: TEM, restarts, start and end of image


class MediaType(StrEnum):
    """The picture types that are read and written. The value is the MIME type."""

    PNG = "image/png"
    JPEG = "image/jpeg"
    WEBP = "image/webp"

    @property
    def extension(self) -> str:
        """The usual file name ending, without the dot: png, jpg or webp."""
        return {MediaType.PNG: "png", MediaType.JPEG: "jpg", MediaType.WEBP: "webp"}[self]


class ContainerError(ValueError):
    """The bytes are not a whole, sound container of the type they begin like."""


class Incomplete(ContainerError):  # noqa: N818 -- reads as what the file is
    """The container ends before its own end marker or stated length."""


class TooManyParts(ContainerError):  # noqa: N818 -- reads as what the file has
    """The container has more than MAX_PARTS parts."""


@dataclass(frozen=True)
class Part:
    """One chunk or segment: `kind`, and where it lies. `start:stop` covers all of it, `body:body_stop` its payload.

    `kind` is a chunk's four letters (PNG, WEBP) or a segment's one marker byte (JPEG; a scan's `stop` lies behind
    its compressed pixels).
    """

    kind: bytes
    start: int
    body: int
    body_stop: int
    stop: int


def sniff(data: bytes) -> MediaType | None:
    """The type by content (the first bytes); None for anything but PNG, JPEG and WEBP."""
    if data.startswith(PNG_SIGNATURE):
        return MediaType.PNG
    if data.startswith(b"\xff\xd8\xff"):
        return MediaType.JPEG
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return MediaType.WEBP
    return None


def parts(data: bytes, media_type: MediaType) -> list[Part]:
    """All parts of the picture in order, up to its end; bytes after that belong to no part.

    Raises:
        Incomplete: the end is missing.
        TooManyParts: more than MAX_PARTS parts.
        ContainerError: a length or checksum is wrong.
    """
    walk = {MediaType.PNG: _png_parts, MediaType.JPEG: _jpeg_parts, MediaType.WEBP: _webp_parts}[media_type]
    found: list[Part] = []
    for part in walk(data):
        if len(found) == MAX_PARTS:
            raise TooManyParts(f"more than {MAX_PARTS} parts")
        found.append(part)
    return found


def size(data: bytes, media_type: MediaType, found: list[Part]) -> tuple[int, int]:
    """Width and height in pixels as the header states them, before orientation (0 is possible in hostile files).

    Raises:
        ContainerError: there is no header to read them from.
    """
    read = {MediaType.PNG: _png_size, MediaType.JPEG: _jpeg_size, MediaType.WEBP: _webp_size}[media_type]
    return read(data, found)


def frames(data: bytes, media_type: MediaType, found: list[Part]) -> int:
    """How many animation frames the picture shows; 1 for a still one. A JPEG is always still."""
    if media_type is MediaType.WEBP:
        return max(1, sum(part.kind == b"ANMF" for part in found))
    control = first(found, b"acTL") if media_type is MediaType.PNG else None
    if control is None:
        return 1
    return max(1, int.from_bytes(data[control.body : control.body + 4]))


def first(found: list[Part], *kinds: bytes) -> Part | None:
    """The first part of one of these kinds, None when there is none."""
    return next((part for part in found if part.kind in kinds), None)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """One PNG chunk: length, kind, body, CRC-32 over kind and body."""
    return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)


def webp_chunk(kind: bytes, body: bytes) -> bytes:
    """One RIFF chunk: kind, length, body, padded to an even length."""
    return kind + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)


def webp_file(chunks: bytes) -> bytes:
    """A WEBP file around its chunks."""
    return b"RIFF" + (len(chunks) + 4).to_bytes(4, "little") + b"WEBP" + chunks


def _png_parts(data: bytes) -> Iterator[Part]:
    at, kind = len(PNG_SIGNATURE), b""
    while kind != b"IEND":
        body = at + 8
        body_stop = body + int.from_bytes(data[at : at + 4])
        stop = body_stop + 4
        if stop > len(data):
            raise Incomplete("a chunk reaches beyond the end of the file")
        kind = data[at + 4 : body]
        if zlib.crc32(memoryview(data)[at + 4 : body_stop]) != int.from_bytes(data[body_stop:stop]):
            raise ContainerError(f"wrong checksum in chunk {kind!r}")
        yield Part(kind, at, body, body_stop, stop)
        at = stop


def _jpeg_parts(data: bytes) -> Iterator[Part]:
    yield Part(bytes([_JPEG_START]), 0, 2, 2, 2)
    at, marker = 2, _JPEG_START
    while marker != _JPEG_END:
        match = _found(_MARKER.search(data, at))
        start, body, marker = match.end() - 2, match.end(), match.group(1)[0]
        body_stop = body
        if marker not in _JPEG_BARE:
            length = int.from_bytes(data[body : body + 2])
            body, body_stop = body + 2, body + length
            if body_stop > len(data):
                raise Incomplete("a segment reaches beyond the end of the file")
            if body_stop < body:
                raise ContainerError("a segment shorter than its own length")
        at = body_stop
        if marker == _JPEG_SCAN:  # the compressed pixels follow, up to the next marker that is no restart
            at = _found(_MARKER_IN_SCAN.search(data, at)).start()
        yield Part(bytes([marker]), start, body, body_stop, at)


def _found(match: re.Match[bytes] | None) -> re.Match[bytes]:
    if match is None:
        raise Incomplete("no end of image")
    return match


def _webp_parts(data: bytes) -> Iterator[Part]:
    at, end = 12, 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise Incomplete("shorter than the length it states")
    while at + 8 <= end:
        body = at + 8
        body_stop = body + int.from_bytes(data[at + 4 : body], "little")
        if body_stop > end:
            raise ContainerError("a chunk reaches beyond the end of the file")
        stop = min(end, body_stop + (body_stop - body) % 2)
        yield Part(data[at : at + 4], at, body, body_stop, stop)
        at = stop


def _png_size(data: bytes, found: list[Part]) -> tuple[int, int]:
    header = found[0]
    if header.kind != b"IHDR" or header.stop - header.start != _PNG_HEADER_BYTES:
        raise ContainerError("does not begin with a header")
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])


def _jpeg_size(data: bytes, found: list[Part]) -> tuple[int, int]:
    frame_headers = (bytes([code]) for code in range(0xC0, 0xD0) if code not in (0xC4, 0xC8, 0xCC))
    header = first(found, *frame_headers)
    if header is None or header.body_stop - header.body < 6:  # noqa: PLR2004 -- precision, height, width, components
        raise ContainerError("no frame header")
    at = header.body + 1
    return int.from_bytes(data[at + 2 : at + 4]), int.from_bytes(data[at : at + 2])


def _webp_size(data: bytes, found: list[Part]) -> tuple[int, int]:
    header = first(found, b"VP8X", b"VP8L", b"VP8 ")
    if header is None or header.body_stop - header.body < 10 - 5 * (header.kind == b"VP8L"):
        raise ContainerError("no picture in it")
    at = header.body
    if header.kind == b"VP8X":
        return 1 + int.from_bytes(data[at + 4 : at + 7], "little"), 1 + int.from_bytes(
            data[at + 7 : at + 10], "little"
        )
    if header.kind == b"VP8L":
        bits = int.from_bytes(data[at + 1 : at + 5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return int.from_bytes(data[at + 6 : at + 8], "little") & 0x3FFF, int.from_bytes(
        data[at + 8 : at + 10], "little"
    ) & 0x3FFF
