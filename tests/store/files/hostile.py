"""The uploads corpus: what is refused, file by file, each with the one code it must be refused with."""

import io
from collections.abc import Callable

from PIL import Image

from store.files.containers import PNG_SIGNATURE, MediaType, parts, png_chunk, webp_chunk, webp_file
from store.files.refusals import RefusalCode
from tests.store.files import pictures
from tests.store.files.pictures import SIZE, jpeg, png, quadrants, webp

MIB = 1024 * 1024
Make = Callable[[], bytes]


def _as(format_name: str) -> Make:
    def make() -> bytes:
        out = io.BytesIO()
        quadrants().save(out, format_name)
        return out.getvalue()

    return make


def _moving(media_type: MediaType) -> Make:
    def make() -> bytes:
        out = io.BytesIO()
        quadrants().save(out, media_type.name, save_all=True, append_images=[Image.new("RGB", SIZE)] * 3)
        return out.getvalue()

    return make


def _cut(whole: Make, *, by: int = 0, half: bool = False) -> Make:
    def make() -> bytes:
        data = whole()
        return data[: len(data) // 2] if half else data[:-by]

    return make


def _stated(width: int, height: int) -> Make:
    """A JPEG whose frame header states another size."""

    def make() -> bytes:
        data = jpeg()
        (frame,) = (part for part in parts(data, MediaType.JPEG) if part.kind == b"\xc0")
        at = frame.body + 1
        return data[:at] + height.to_bytes(2) + width.to_bytes(2) + data[at + 4 :]

    return make


def _wide_webp() -> bytes:
    """A WEBP that states 16384 x 16384 pixels."""
    return webp_file(webp_chunk(b"VP8X", bytes(4) + b"\xff\x3f\0" * 2) + webp_chunk(b"VP8 ", bytes(40)))


def _broken_pixels(data: bytes) -> bytes:
    """A PNG whose compressed pixels are nonsense under a correct checksum."""
    (idat,) = (part for part in parts(data, MediaType.PNG) if part.kind == b"IDAT")
    return data[: idat.start] + png_chunk(b"IDAT", b"\xff" * 40) + data[idat.stop :]


def _broken_jpeg() -> bytes:
    """A JPEG whose quantisation table is cut out."""
    data = jpeg()
    tables = [part for part in parts(data, MediaType.JPEG) if part.kind == b"\xdb"]
    return data[: tables[0].start] + data[tables[-1].stop :]


def _no_frame() -> bytes:
    data = jpeg()
    (frame,) = (part for part in parts(data, MediaType.JPEG) if part.kind == b"\xc0")
    return data[: frame.start] + data[frame.stop :]


def _scans() -> bytes:
    return pictures.many_scans(jpeg(progressive=True), 2000)


REFUSED: dict[str, tuple[RefusalCode, Make]] = {
    "nothing": (RefusalCode.EMPTY, bytes),
    "one byte": (RefusalCode.INVALID_FILE_TYPE, lambda: b"\x89"),
    "gif": (RefusalCode.INVALID_FILE_TYPE, _as("GIF")),
    "bmp": (RefusalCode.INVALID_FILE_TYPE, _as("BMP")),
    "tiff": (RefusalCode.INVALID_FILE_TYPE, _as("TIFF")),
    "avif": (RefusalCode.INVALID_FILE_TYPE, _as("AVIF")),
    "jpeg 2000": (RefusalCode.INVALID_FILE_TYPE, _as("JPEG2000")),
    "ico": (RefusalCode.INVALID_FILE_TYPE, _as("ICO")),
    "eps": (RefusalCode.INVALID_FILE_TYPE, _as("EPS")),
    "pdf": (RefusalCode.INVALID_FILE_TYPE, lambda: b"%PDF-1.7\n1 0 obj<<>>endobj\n%%EOF"),
    "svg": (RefusalCode.INVALID_FILE_TYPE, lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
    "web page": (RefusalCode.INVALID_FILE_TYPE, lambda: b"<!doctype html><script>alert(1)</script>"),
    "zip": (RefusalCode.INVALID_FILE_TYPE, lambda: b"PK\x03\x04" + bytes(60)),
    "program": (RefusalCode.INVALID_FILE_TYPE, lambda: b"\x7fELF" + bytes(60)),
    "sound in a riff": (RefusalCode.INVALID_FILE_TYPE, lambda: b"RIFF\x24\0\0\0WAVEfmt " + bytes(28)),
    "png with a byte before it": (RefusalCode.INVALID_FILE_TYPE, lambda: b"\0" + png()),
    "one byte above ten megabytes": (RefusalCode.FILE_TOO_LARGE, lambda: png().ljust(10 * MIB + 1, b"\0")),
    "bomb of 13000 squared": (RefusalCode.TOO_MANY_PIXELS, lambda: pictures.bomb(13_000)),
    "bomb of 14000 squared": (RefusalCode.TOO_MANY_PIXELS, lambda: pictures.bomb(14_000)),
    "png one pixel too long": (
        RefusalCode.TOO_MANY_PIXELS,
        lambda: pictures.raw_png((16_384, 1), 8, 0, bytes(16_384)),
    ),
    "jpeg that states 65500 squared": (RefusalCode.TOO_MANY_PIXELS, _stated(65_500, 65_500)),
    "webp that states 16384 squared": (RefusalCode.TOO_MANY_PIXELS, _wide_webp),
    "png without width": (RefusalCode.NO_PIXELS, lambda: pictures.raw_png((0, 1), 8, 0, b"")),
    "jpeg without height": (RefusalCode.NO_PIXELS, _stated(48, 0)),
    "png one byte short": (RefusalCode.TRUNCATED, _cut(png, by=1)),
    "jpeg one byte short": (RefusalCode.TRUNCATED, _cut(jpeg, by=1)),
    "webp one byte short": (RefusalCode.TRUNCATED, _cut(webp, by=1)),
    "lossless webp one byte short": (RefusalCode.TRUNCATED, _cut(lambda: webp(lossless=True), by=1)),
    "half a png": (RefusalCode.TRUNCATED, _cut(png, half=True)),
    "half a jpeg": (RefusalCode.TRUNCATED, _cut(jpeg, half=True)),
    "half a webp": (RefusalCode.TRUNCATED, _cut(webp, half=True)),
    "png without its end": (RefusalCode.TRUNCATED, _cut(png, by=12)),
    "png signature alone": (RefusalCode.TRUNCATED, lambda: PNG_SIGNATURE),
    "jpeg signature alone": (RefusalCode.TRUNCATED, lambda: b"\xff\xd8\xff"),
    "webp signature alone": (RefusalCode.TRUNCATED, lambda: b"RIFF\xff\0\0\0WEBP"),
    "png with too few pixels": (
        RefusalCode.TRUNCATED,
        lambda: pictures.raw_png((48, 32), 8, 0, bytes(48)),
    ),
    "png with a bit flipped in its header": (
        RefusalCode.DAMAGED,
        lambda: pictures.damaged(png(), b"IHDR", 3),
    ),
    "png with a bit flipped in its pixels": (
        RefusalCode.DAMAGED,
        lambda: pictures.damaged(png(), b"IDAT", 20),
    ),
    "png with a wrong last checksum": (RefusalCode.DAMAGED, lambda: pictures.damaged(png(), b"IEND")),
    "png with nonsense for pixels": (RefusalCode.DAMAGED, lambda: _broken_pixels(png())),
    "png without a header": (RefusalCode.DAMAGED, lambda: PNG_SIGNATURE + png_chunk(b"IEND", b"")),
    "png without pixels": (
        RefusalCode.DAMAGED,
        lambda: png()[:33] + png_chunk(b"IEND", b""),
    ),
    "png of an unknown colour type": (RefusalCode.DAMAGED, lambda: pictures.raw_png((1, 1), 8, 5, b"\0")),
    "jpeg without tables": (RefusalCode.DAMAGED, _broken_jpeg),
    "jpeg without a frame": (RefusalCode.DAMAGED, _no_frame),
    "jpeg with an impossible segment": (
        RefusalCode.DAMAGED,
        lambda: b"\xff\xd8\xff\xe0\0\1" + jpeg()[2:],
    ),
    "webp without a picture": (RefusalCode.DAMAGED, lambda: webp_file(webp_chunk(b"EXIF", bytes(8)))),
    "webp with nonsense for pixels": (
        RefusalCode.DAMAGED,
        lambda: webp_file(webp_chunk(b"VP8 ", webp()[20:30] + b"\xff" * 30)),
    ),
    "webp with a chunk larger than itself": (
        RefusalCode.DAMAGED,
        lambda: webp_file(b"VP8 " + b"\xff\xff\0\0" + bytes(20)),
    ),
    "moving png": (RefusalCode.ANIMATED, _moving(MediaType.PNG)),
    "moving webp": (RefusalCode.ANIMATED, _moving(MediaType.WEBP)),
    "png in 70000 pieces": (
        RefusalCode.TOO_DEMANDING,
        lambda: pictures.split_pixels(png(), 70_000),
    ),
    "jpeg of 2000 scans": (RefusalCode.TOO_DEMANDING, _scans),
}
