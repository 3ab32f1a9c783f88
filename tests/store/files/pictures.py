"""Small pictures and file surgery for the uploads corpus. Everything is made here; no file is read from disk."""

import zlib
from io import BytesIO

from PIL import Image, ImageCms

from store.files.containers import PNG_SIGNATURE, MediaType, parts, png_chunk

SIZE = (48, 32)
RED, GREEN, BLUE, WHITE = (220, 30, 40), (20, 180, 60), (30, 60, 210), (250, 250, 250)
QUADRANTS = (RED, GREEN, BLUE, WHITE)

# What a camera held in each of the eight ways stores: the inverse of what the orientation asks a viewer to do.
STORED_AS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def quadrants(size: tuple[int, int] = SIZE) -> Image.Image:
    """Red, green / blue, white: no two orientations of it are alike."""
    image = Image.new("RGB", size, WHITE)
    width, height = size[0] // 2, size[1] // 2
    image.paste(RED, (0, 0, width, height))
    image.paste(GREEN, (width, 0, size[0], height))
    image.paste(BLUE, (0, height, width, size[1]))
    return image


def centres(image: Image.Image) -> list[tuple[int, ...]]:
    """The colours in the middle of the four quadrants, in the order of QUADRANTS."""
    rgb = image.convert("RGB")
    width, height = rgb.size
    found = []
    for y in (height // 4, 3 * height // 4):
        for x in (width // 4, 3 * width // 4):
            pixel = rgb.getpixel((x, y))
            assert isinstance(pixel, tuple)
            found.append(pixel)
    return found


def saved(image: Image.Image, media_type: MediaType, **options: object) -> bytes:
    out = BytesIO()
    image.save(out, media_type.name, **options)
    return out.getvalue()


def png(image: Image.Image | None = None, **options: object) -> bytes:
    return saved(image or quadrants(), MediaType.PNG, **options)


def jpeg(image: Image.Image | None = None, **options: object) -> bytes:
    return saved(image or quadrants(), MediaType.JPEG, **{"quality": 92, "subsampling": 0, **options})


def webp(image: Image.Image | None = None, **options: object) -> bytes:
    return saved(image or quadrants(), MediaType.WEBP, **{"quality": 92, **options})


def oriented(media_type: MediaType, orientation: int) -> bytes:
    """The quadrants as a camera held that way stores them, with the EXIF that sets them upright."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    turn = STORED_AS[orientation]
    image = quadrants() if turn is None else quadrants().transpose(turn)
    lossless = {"lossless": True} if media_type is MediaType.WEBP else {}
    if media_type is MediaType.JPEG:
        return jpeg(image, exif=exif)
    return saved(image, media_type, exif=exif, **lossless)


def raw_png(size: tuple[int, int], depth: int, colour: int, pixels: bytes, *extra: bytes) -> bytes:
    """A PNG written by hand, for what Pillow does not write. `pixels` are unfiltered rows, `extra` whole chunks."""
    row = max(1, len(pixels) // size[1])
    filtered = b"".join(b"\0" + pixels[at : at + row] for at in range(0, len(pixels), row))
    header = size[0].to_bytes(4) + size[1].to_bytes(4) + bytes([depth, colour, 0, 0, 0])
    return (
        PNG_SIGNATURE
        + png_chunk(b"IHDR", header)
        + b"".join(extra)
        + png_chunk(b"IDAT", zlib.compress(filtered))
        + png_chunk(b"IEND", b"")
    )


def bomb(side: int) -> bytes:
    """A valid black PNG of side x side pixels in a few kilobytes."""
    row = b"\0" * (1 + (side + 7) // 8)
    pack = zlib.compressobj(9)
    pixels = b"".join(pack.compress(row * 100) for _ in range(side // 100)) + pack.flush()
    header = side.to_bytes(4) * 2 + bytes([1, 0, 0, 0, 0])
    return PNG_SIGNATURE + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")


def overfull_png(bytes_too_many: int) -> bytes:
    """A PNG that states 4 x 1 grey pixels and holds far more."""
    header = (4).to_bytes(4) + (1).to_bytes(4) + bytes([8, 0, 0, 0, 0])
    pixels = png_chunk(b"IDAT", zlib.compress(bytes(bytes_too_many)))
    return PNG_SIGNATURE + png_chunk(b"IHDR", header) + pixels + png_chunk(b"IEND", b"")


def with_chunk(data: bytes, kind: bytes, body: bytes, *, before: bytes = b"IDAT") -> bytes:
    """A PNG with one more chunk."""
    at = data.index(before) - 4
    return data[:at] + png_chunk(kind, body) + data[at:]


def many_scans(data: bytes, count: int) -> bytes:
    """A progressive JPEG whose last scan comes `count` times over: each repetition costs a pass over the picture."""
    scan = [part for part in parts(data, MediaType.JPEG) if part.kind == b"\xda"][-1]
    return data[: scan.stop] + data[scan.start : scan.stop] * (count - 1) + data[scan.stop :]


def split_pixels(data: bytes, pieces: int) -> bytes:
    """A PNG whose one IDAT chunk is cut into that many (empty ones where it is too short)."""
    (idat,) = (part for part in parts(data, MediaType.PNG) if part.kind == b"IDAT")
    body = data[idat.body : idat.body_stop]
    step = -(-len(body) // pieces)
    cut = b"".join(png_chunk(b"IDAT", body[at * step : (at + 1) * step]) for at in range(pieces))
    return data[: idat.start] + cut + data[idat.stop :]


def damaged(data: bytes, kind: bytes, offset: int = 0) -> bytes:
    """A PNG with one bit flipped inside a chunk, its checksum left as it was."""
    at = data.index(kind) + 4 + offset
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def swapped_profile() -> bytes:
    """An RGB profile whose red is blue and whose blue is red: the sRGB profile with two tags exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(profile[128:132])
    entries = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * count, 12)}
    red, blue = entries[b"rXYZ"], entries[b"bXYZ"]
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    name = "sRGB".encode("utf-16-be")
    assert name in profile
    return bytes(profile).replace(name, "Swap".encode("utf-16-be"))


def grey_profile() -> bytes:
    """A grey profile of gamma 1.0 (written by hand: ICC.1 header, white point, one curve)."""
    white = b"XYZ \0\0\0\0" + b"".join(round(value * 65_536).to_bytes(4) for value in (0.9642, 1.0, 0.8249))
    curve = b"curv\0\0\0\0" + (0).to_bytes(4)
    text = b"desc\0\0\0\0" + (5).to_bytes(4) + b"Grey\0" + b"\0" * 79
    bodies = {b"desc": text, b"wtpt": white, b"kTRC": curve}
    at, table, tail = 128 + 4 + 12 * len(bodies), len(bodies).to_bytes(4), b""
    for tag, body in bodies.items():
        table += tag + (at + len(tail)).to_bytes(4) + len(body).to_bytes(4)
        tail += body + b"\0" * (-len(body) % 4)
    total = 128 + len(table) + len(tail)
    header = bytearray(128)
    header[0:4], header[8:12] = total.to_bytes(4), bytes([2, 0x10, 0, 0])
    header[12:24], header[36:40] = b"mntrGRAYXYZ ", b"acsp"
    header[68:80] = white[8:]
    return bytes(header) + table + tail
