"""The uploads corpus: what is taken (and what it must look like afterwards), file by file.

The refused half is in hostile.py. Cases make their bytes when asked, so collecting them costs nothing.
"""

import io
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypedDict

from PIL import Image

from store.files.containers import MediaType, png_chunk
from store.files.marking import Facts, mark
from tests.store.files import pictures
from tests.store.files.pictures import QUADRANTS, SIZE, WHITE, jpeg, png, quadrants, webp

MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A file that is cleaned: what comes out, and how far each colour may be off (0 for lossless families)."""

    make: Callable[[], bytes]
    media_type: MediaType
    mode: str = "RGB"
    size: tuple[int, int] = SIZE
    colours: tuple[tuple[int, ...], ...] = QUADRANTS
    off_by: int = 0
    marked_ai: bool = False


class _Strip(TypedDict):
    size: tuple[int, int]
    colours: tuple[tuple[int, ...], ...]


_plain_png = partial(Taken, media_type=MediaType.PNG)
_lossy_jpeg = partial(Taken, media_type=MediaType.JPEG, off_by=6)
_lossy_webp = partial(Taken, media_type=MediaType.WEBP, off_by=6)


def _translucent() -> Image.Image:
    image = quadrants()
    image.putalpha(Image.linear_gradient("L").resize(SIZE))
    return image


def _opaque() -> Image.Image:
    image = quadrants()
    image.putalpha(255)
    return image


def _grey(*samples: int) -> _Strip:
    """Four grey pixels in a row, as `pictures.centres` sees them."""
    return {"size": (4, 1), "colours": tuple((sample, sample, sample) for sample in samples)}


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("run.js", "alert(1)")
    return out.getvalue()


def _gps() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F], exif[0x9003] = "SecretCamera", "2026:11:20 04:44:00"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    return exif


def _turned_with_odd_tags() -> bytes:
    """EXIF with orientation 6, a GPS pointer to nowhere, a tag of unknown type and one cut short."""
    entries = (
        bytes.fromhex("0112 0003 00000001 0006 0000"),
        bytes.fromhex("8825 0004 00000001 00ffff00"),
        bytes.fromhex("927c 00ff 00000009 00000fff"),
        bytes.fromhex("010f 0002 00001000 00000008"),
    )
    exif = b"Exif\0\0MM\0*\0\0\0\x08" + len(entries).to_bytes(2) + b"".join(entries) + bytes(4)
    return jpeg(quadrants().transpose(pictures.STORED_AS[6] or Image.Transpose.ROTATE_90), exif=exif)


def _filled_up_to(size: int) -> bytes:
    plain = png()
    return pictures.with_chunk(plain, b"zzZz", b"\xa5" * (size - len(plain) - 12))


def _phone_pair() -> bytes:
    out = io.BytesIO()
    quadrants().save(out, "MPO", save_all=True, append_images=[Image.new("RGB", SIZE)], quality=92)
    return out.getvalue()


def _still_webp_animation() -> bytes:
    out = io.BytesIO()
    quadrants().save(out, "WEBP", save_all=True, lossless=True)
    return out.getvalue()


def _made_by_ai(data: bytes, media_type: MediaType) -> bytes:
    return mark(data, media_type, Facts(parameters={"prompt": "SecretPrompt"}))


_SWAPPED = ((40, 30, 220), (60, 180, 20), (210, 60, 30), WHITE)
_SIXTEEN = bytes.fromhex("0000400080ffffff")
_XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">SecretEditor</x:xmpmeta>'


def _text() -> bytes:
    return b"Comment\0" + b"SecretText " * 300_000


def _inflating(kind: bytes, prefix: bytes) -> bytes:
    pack = zlib.compressobj(9)
    body = b"".join(pack.compress(bytes(MIB)) for _ in range(64)) + pack.flush()
    return pictures.with_chunk(png(), kind, prefix + body)


PNG_CASES = {
    "png rgb": _plain_png(make=png),
    "png rgba": _plain_png(make=lambda: png(_translucent()), mode="RGBA"),
    "png rgba without a transparent pixel": _plain_png(make=lambda: png(_opaque())),
    "png palette": _plain_png(make=lambda: png(quadrants().quantize(8))),
    "png palette with one transparent entry": _plain_png(
        make=lambda: png(quadrants().quantize(8), transparency=0), mode="RGBA"
    ),
    "png palette with a transparency for each entry": _plain_png(
        make=lambda: png(quadrants().quantize(8), transparency=bytes([0, 128, 255, 255])), mode="RGBA"
    ),
    "png of one bit": _plain_png(
        make=lambda: pictures.raw_png((8, 1), 1, 0, b"\x33"),
        size=(8, 1),
        colours=((255,) * 3, (255,) * 3, (255,) * 3, (255,) * 3),
    ),
    "png grey": _plain_png(
        make=lambda: pictures.raw_png((4, 1), 8, 0, bytes([0, 64, 128, 255])), **_grey(64, 255, 64, 255)
    ),
    "png grey with alpha": _plain_png(
        make=lambda: pictures.raw_png((4, 1), 8, 4, bytes([0, 9, 64, 9, 128, 9, 255, 9])),
        mode="RGBA",
        **_grey(64, 255, 64, 255),
    ),
    "png grey of 16 bits": _plain_png(
        make=lambda: pictures.raw_png((4, 1), 16, 0, _SIXTEEN), **_grey(0x40, 0xFF, 0x40, 0xFF)
    ),
    "png grey of 16 bits with a transparent value": _plain_png(
        make=lambda: pictures.raw_png((4, 1), 16, 0, _SIXTEEN, png_chunk(b"tRNS", b"\x40\0")),
        mode="RGBA",
        **_grey(0x40, 0xFF, 0x40, 0xFF),
    ),
    "png grey of 16 bits with alpha": _plain_png(
        make=lambda: pictures.raw_png((1, 1), 16, 4, bytes.fromhex("4000 8000")),
        mode="RGBA",
        size=(1, 1),
        colours=((64,) * 3,) * 4,
    ),
    "png colour of 16 bits": _plain_png(
        make=lambda: pictures.raw_png((1, 1), 16, 2, bytes.fromhex("1234 5678 9abc")),
        size=(1, 1),
        colours=((0x12, 0x56, 0x9A),) * 4,
    ),
    "png colour of 16 bits with alpha": _plain_png(
        make=lambda: pictures.raw_png((1, 1), 16, 6, bytes.fromhex("1234 5678 9abc 8000")),
        mode="RGBA",
        size=(1, 1),
        colours=((0x12, 0x56, 0x9A),) * 4,
    ),
    "png as long as can be": _plain_png(
        make=lambda: pictures.raw_png((16_383, 1), 8, 0, bytes(16_383)),
        size=(16_383, 1),
        colours=((0,) * 3,) * 4,
    ),
    "png with a colour profile": _plain_png(
        make=lambda: png(icc_profile=pictures.swapped_profile()), colours=_SWAPPED, off_by=1
    ),
    "png grey with a grey profile": _plain_png(
        make=lambda: png(Image.new("L", SIZE, 128), icc_profile=pictures.grey_profile()),
        colours=((188,) * 3,) * 4,
    ),
    "png colour with a grey profile": _plain_png(make=lambda: png(icc_profile=pictures.grey_profile())),
    "png with a profile of nonsense": _plain_png(make=lambda: png(icc_profile=b"SecretProfile" * 20)),
    "png with a profile that inflates without end": _plain_png(make=lambda: _inflating(b"iCCP", b"icc\0\0")),
    "png with a text that inflates without end": _plain_png(make=lambda: _inflating(b"zTXt", b"Comment\0\0")),
    "png with three megabytes of text": _plain_png(make=lambda: pictures.with_chunk(png(), b"tEXt", _text())),
    "png with xmp": _plain_png(
        make=lambda: pictures.with_chunk(png(), b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + _XMP)
    ),
    "png with exif": _plain_png(make=lambda: png(exif=_gps())),
    "png with broken exif": _plain_png(
        make=lambda: pictures.with_chunk(png(), b"eXIf", b"MM\0*\xff\xff\xff\xff")
    ),
    "png and zip in one": _plain_png(make=lambda: png() + _zip()),
    "png with pixels in 3000 chunks": _plain_png(make=lambda: pictures.split_pixels(png(), 3000)),
    "png with more pixels than it states": _plain_png(
        make=lambda: pictures.overfull_png(64 * MIB), **_grey(0, 0, 0, 0)
    ),
    "png called an animation, of one picture": _plain_png(
        make=lambda: pictures.with_chunk(png(), b"acTL", (1).to_bytes(4) + bytes(4))
    ),
    "png of exactly ten megabytes": _plain_png(make=lambda: _filled_up_to(10 * MIB)),
    "png marked as made by ai": _plain_png(make=lambda: _made_by_ai(png(), MediaType.PNG), marked_ai=True),
}

JPEG_CASES = {
    "jpeg": _lossy_jpeg(make=jpeg),
    "jpeg grey": _lossy_jpeg(make=lambda: jpeg(Image.new("L", SIZE, 90)), colours=((90,) * 3,) * 4),
    "jpeg cmyk": _lossy_jpeg(make=lambda: jpeg(quadrants().convert("CMYK"))),
    "jpeg progressive": _lossy_jpeg(make=lambda: jpeg(progressive=True)),
    "jpeg with restart markers": _lossy_jpeg(make=lambda: jpeg(restart_marker_blocks=1)),
    "jpeg with halved colour": _lossy_jpeg(make=lambda: jpeg(subsampling=2)),
    "jpeg with a comment": _lossy_jpeg(make=lambda: jpeg(comment=b"SecretComment")),
    "jpeg with exif and gps": _lossy_jpeg(make=lambda: jpeg(exif=_gps())),
    "jpeg with broken exif": _lossy_jpeg(make=lambda: jpeg(exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")),
    "jpeg turned, with odd exif": _lossy_jpeg(make=_turned_with_odd_tags),
    "jpeg with xmp": _lossy_jpeg(make=lambda: jpeg(xmp=_XMP)),
    "jpeg with a colour profile": _lossy_jpeg(
        make=lambda: jpeg(icc_profile=pictures.swapped_profile()), colours=_SWAPPED
    ),
    "jpeg and web page in one": _lossy_jpeg(make=lambda: jpeg() + b"<script>SecretScript</script>"),
    "jpeg with a second picture behind it": _lossy_jpeg(make=_phone_pair),
    "jpeg with bytes between its segments": _lossy_jpeg(make=lambda: jpeg()[:2] + b"\xff\xff" + jpeg()[2:]),
    "jpeg marked as made by ai": _lossy_jpeg(
        make=lambda: _made_by_ai(jpeg(), MediaType.JPEG), marked_ai=True
    ),
}

WEBP_CASES = {
    "webp": _lossy_webp(make=webp),
    "webp lossless": _plain_png(make=lambda: webp(lossless=True)),
    "webp with alpha": _plain_png(make=lambda: webp(_translucent(), lossless=True, exact=True), mode="RGBA"),
    "webp lossy with alpha": _plain_png(make=lambda: webp(_translucent(), exact=True), mode="RGBA", off_by=6),
    "webp with exif, xmp and gps": _lossy_webp(make=lambda: webp(exif=_gps(), xmp=_XMP)),
    "webp with a colour profile": _lossy_webp(
        make=lambda: webp(icc_profile=pictures.swapped_profile()), colours=_SWAPPED
    ),
    "webp with bytes behind its end": _lossy_webp(make=lambda: webp() + b"SecretTail"),
    "webp animation of one picture": _plain_png(make=_still_webp_animation),
    "webp marked as made by ai": _lossy_webp(
        make=lambda: _made_by_ai(webp(), MediaType.WEBP), marked_ai=True
    ),
}

TURNED_CASES = {
    f"{media_type.name.lower()} turned {orientation}": Taken(
        make=partial(pictures.oriented, media_type, orientation),
        media_type=MediaType.JPEG if media_type is MediaType.JPEG else MediaType.PNG,
        off_by=6 if media_type is MediaType.JPEG else 0,
    )
    for media_type in MediaType
    for orientation in range(1, 9)
}

TAKEN = PNG_CASES | JPEG_CASES | WEBP_CASES | TURNED_CASES
