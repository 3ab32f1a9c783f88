"""Where XMP packets, texts and Content Credentials lie in PNG, JPEG and WEBP files: finding and placing them.

Knows containers only; what the packets say is marking.py's. Never decodes a pixel.
Sources: XMP specification part 3 §1.1, PNG third edition §11.3.3, RFC 9649 §2.7, C2PA technical specification A.3.
"""

import zlib
from collections.abc import Mapping

from store.files import containers
from store.files.containers import MediaType, Part

JPEG_PACKET_MAX = (
    65_533 - 29
)  # a segment's length less its own two bytes, less the name in front of the packet
_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_JPEG_XMP_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
_JPEG_JFIF, _JPEG_APP1, _JPEG_APP11 = b"\xe0", b"\xe1", b"\xeb"
_PNG_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_PNG_XMP = b"XML:com.adobe.xmp"
_WEBP_XMP_FLAG, _WEBP_ALPHA_FLAG = 0x04, 0x10
_TEXT_MAX = 1024 * 1024


def xmp(data: bytes, media_type: MediaType, found: list[Part]) -> bytes | None:
    """The file's XMP packet, None without one."""
    if media_type is MediaType.PNG:
        return png_text(data, found, _PNG_XMP)
    for part in found:
        if media_type is MediaType.WEBP and part.kind == b"XMP ":
            return data[part.body : part.body_stop]
        if media_type is MediaType.JPEG and part.kind == _JPEG_APP1 and data.startswith(_JPEG_XMP, part.body):
            return data[part.body + len(_JPEG_XMP) : part.body_stop]
    return None


def credentials(data: bytes, media_type: MediaType, found: list[Part]) -> bytes | None:
    """The raw bytes that hold the file's C2PA manifest store, None without one. Not verified."""
    kind = {MediaType.PNG: b"caBX", MediaType.JPEG: _JPEG_APP11, MediaType.WEBP: b"C2PA"}[media_type]
    whole = b"".join(data[part.body : part.body_stop] for part in found if part.kind == kind)
    return whole if b"c2pa" in whole else None


def png_text(data: bytes, found: list[Part], keyword: bytes) -> bytes | None:
    """The text of the first tEXt or iTXt chunk with this keyword; at most 1 MiB of a compressed one is read."""
    for part in found:
        if part.kind not in _PNG_TEXTS or not data.startswith(keyword + b"\0", part.body):
            continue
        rest = data[part.body + len(keyword) + 1 : part.body_stop]
        if part.kind == b"tEXt":
            return rest
        if part.kind == b"zTXt":
            return _inflate(rest[1:])
        text = rest[2:].split(b"\0", 2)[-1]  # behind two flags come language and translated keyword
        return _inflate(text) if rest[:1] == b"\x01" else text
    return None


def with_png_texts(data: bytes, found: list[Part], texts: Mapping[bytes, bytes]) -> bytes:
    """The PNG with these iTXt chunks behind its header; chunks of the same keywords go."""
    new = b"".join(
        containers.png_chunk(b"iTXt", keyword + b"\0\0\0\0\0" + text) for keyword, text in texts.items()
    )
    kept = [
        data[part.start : part.stop]
        for part in found
        if part.kind not in _PNG_TEXTS or data[part.body : part.body_stop].partition(b"\0")[0] not in texts
    ]
    return containers.PNG_SIGNATURE + kept[0] + new + b"".join(kept[1:])


def with_jpeg_packet(data: bytes, found: list[Part], packet: bytes) -> bytes:
    """The JPEG with this XMP packet behind its first segments; packets it had go."""
    body = _JPEG_XMP + packet
    segment = b"\xff\xe1" + (len(body) + 2).to_bytes(2) + body
    kept = [part for part in found if not _is_jpeg_packet(data, part)]
    lead = (
        2 if kept[1].kind == _JPEG_JFIF else 1
    )  # start of image, and the JFIF segment that must follow at once
    head, tail = kept[:lead], kept[lead:]
    return _join(data, head) + segment + _join(data, tail)


def with_webp_packet(data: bytes, found: list[Part], packet: bytes) -> bytes:
    """The WEBP, in extended form, with this XMP packet at its end; a packet it had goes."""
    kept = b"".join(data[part.start : part.stop] for part in found if part.kind not in (b"VP8X", b"XMP "))
    return containers.webp_file(_extended_header(data, found) + kept + containers.webp_chunk(b"XMP ", packet))


def _extended_header(data: bytes, found: list[Part]) -> bytes:
    old = containers.first(found, b"VP8X")
    if old is not None:
        body = data[old.body : old.body_stop]
        return containers.webp_chunk(b"VP8X", bytes([body[0] | _WEBP_XMP_FLAG]) + body[1:])
    width, height = containers.size(data, MediaType.WEBP, found)
    lossless = containers.first(found, b"VP8L")
    has_alpha = lossless is not None and bool(data[lossless.body + 4] & 0x10)  # bit 28 of its header
    flags = _WEBP_XMP_FLAG | (_WEBP_ALPHA_FLAG if has_alpha else 0)
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return containers.webp_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + sides)


def _is_jpeg_packet(data: bytes, part: Part) -> bool:
    return part.kind == _JPEG_APP1 and data.startswith((_JPEG_XMP, _JPEG_XMP_EXTENSION), part.body)


def _join(data: bytes, found: list[Part]) -> bytes:
    return b"".join(data[part.start : part.stop] for part in found)


def _inflate(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, _TEXT_MAX)
    except zlib.error:
        return b""
