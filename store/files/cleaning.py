"""Decode a hostile file and write it anew: upright, sRGB, without metadata and without a byte behind its end.

Runs only in the decoder's child process, where memory, time, files and sockets are limited (confinement.py).
Knows Pillow and the containers; knows no process and no pipe.

What goes in is cut down first: Pillow sees only the parts that pixels need. What came without loss or is not
opaque leaves as PNG; JPEG and opaque lossy WEBP stay what they are, at quality 95 and, for JPEG, without chroma
subsampling (docs/decisions/002-files.md says why). The mode is RGB, or RGBA where a pixel is not opaque.
"""

import warnings
import zlib
from dataclasses import dataclass
from io import BytesIO

from PIL import ExifTags, Image, ImageCms

from store.files import containers, renditions
from store.files.containers import ContainerError, Incomplete, MediaType, TooManyParts
from store.files.levels import Levels
from store.files.marking import read_marking
from store.files.quick_looks import Renditions
from store.files.refusals import RefusalCode, UploadRefused, too_many_pixels

_PNG_NEEDED = (b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"IDAT", b"IEND")
_JPEG_COMMENT, _JPEG_APPLICATION, _JPEG_SCAN = 0xFE, range(0xE0, 0xF0), b"\xda"
_MAX_SCANS = 100  # encoders write about ten; each costs a pass over the whole picture
_JPEG_NEEDED = ((0xE0, b"JFIF\0"), (0xE1, b"Exif\0"), (0xE2, b"ICC_PROFILE\0"), (0xEE, b"Adobe"))
_TURNS = {  # EXIF 2.32 §4.6.4 A, tag Orientation: what brings the stored rows upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_MAX_PROFILE_BYTES = 4 * 1024 * 1024
_SRGB = ImageCms.createProfile("sRGB")
_OPAQUE = (255, 255)
_QUALITY = 95


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How large a picture may be: `max_pixels` in all, `max_side` along one edge."""

    max_pixels: int = 40_000_000
    max_side: int = 16_383  # the most that WEBP can hold


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """A file written anew, its quick looks, and whether the original said that a machine made it."""

    data: bytes
    looks: Renditions
    marked_ai: bool


def clean(data: bytes, media_type: MediaType, rules: Rules) -> Cleaned:
    """Decode and write anew. `media_type` is what `containers.sniff` found.

    Raises:
        UploadRefused: the picture is incomplete, damaged, animated, or larger than the rules allow.
    """
    image, found = _open(data, media_type, rules)
    upright = _plain(image)
    return Cleaned(
        data=_encode(upright, _family(upright, media_type, found)),
        looks=renditions.render(upright),
        marked_ai=_marked_ai(data, media_type),
    )


def look_at(data: bytes, media_type: MediaType, rules: Rules) -> Renditions:
    """The quick looks of a picture of our own; nothing is written anew.

    Raises:
        UploadRefused: as `clean`.
    """
    image, _ = _open(data, media_type, rules)
    return renditions.render(_plain(image))


def levels_of(data: bytes, media_type: MediaType, rules: Rules) -> Levels:
    """How bright a picture of our own is, for one that serves as a mask.

    Raises:
        UploadRefused: as `clean`.
    """
    image, _ = _open(data, media_type, rules)
    plain = _plain(image)
    histogram = plain.convert("L").histogram()
    there = [level for level, pixels in enumerate(histogram) if pixels]
    return Levels(darkest=there[0], brightest=there[-1], opaque=plain.mode == "RGB")


def needed(data: bytes, media_type: MediaType, found: list[containers.Part]) -> bytes:
    """The file with only the parts that decoding needs, and nothing behind its end."""
    if media_type is MediaType.PNG:
        kept = b"".join(data[part.start : part.stop] for part in found if part.kind in _PNG_NEEDED)
        return containers.PNG_SIGNATURE + kept
    if media_type is MediaType.JPEG:
        return b"".join(data[part.start : part.stop] for part in found if _jpeg_needs(data, part))
    return data[: found[-1].stop]


def _open(data: bytes, media_type: MediaType, rules: Rules) -> tuple[Image.Image, list[containers.Part]]:
    try:
        found = containers.parts(data, media_type)
        width, height = containers.size(data, media_type, found)
    except Incomplete as error:
        raise UploadRefused(RefusalCode.TRUNCATED, detail=str(error)) from error
    except TooManyParts as error:
        raise UploadRefused(RefusalCode.TOO_DEMANDING, detail=str(error)) from error
    except ContainerError as error:
        raise UploadRefused(RefusalCode.DAMAGED, detail=str(error)) from error
    _check_size(width, height, rules)
    if containers.frames(data, media_type, found) > 1:
        raise UploadRefused(RefusalCode.ANIMATED)
    if media_type is MediaType.JPEG and sum(part.kind == _JPEG_SCAN for part in found) > _MAX_SCANS:
        raise UploadRefused(RefusalCode.TOO_DEMANDING, detail="too many scans")
    image = _load(needed(data, media_type, found), media_type)
    if media_type is MediaType.PNG and (profile := _png_profile(data, found)) is not None:
        image.info["icc_profile"] = profile
    return image, found


def _check_size(width: int, height: int, rules: Rules) -> None:
    if not width or not height:
        raise UploadRefused(RefusalCode.NO_PIXELS)
    if width * height > rules.max_pixels or max(width, height) > rules.max_side:
        raise too_many_pixels(width, height, max_pixels=rules.max_pixels, max_side=rules.max_side)


def _load(data: bytes, media_type: MediaType) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image = Image.open(BytesIO(data), formats=[media_type.name])
            image.load()
        except MemoryError as error:
            raise UploadRefused(RefusalCode.TOO_DEMANDING, detail="out of memory") from error
        except Exception as error:  # Pillow answers hostile bytes with nearly every kind of exception
            short = "truncated" in str(error)
            code = RefusalCode.TRUNCATED if short else RefusalCode.DAMAGED
            raise UploadRefused(code, detail=f"{type(error).__name__}: {error}") from error
    return image


def _plain(image: Image.Image) -> Image.Image:
    """Upright, sRGB, RGB or RGBA, and nothing but pixels."""
    profile = image.info.get("icc_profile")
    image = _upright(image)
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    if image.mode == "I;16":  # Pillow's own conversion clips at 255 instead of scaling
        image = Image.frombytes("L", image.size, image.tobytes("raw", "I;16B")[0::2])
    colour = _to_srgb(image, profile)
    if alpha is not None and alpha.getextrema() != _OPAQUE:
        colour.putalpha(alpha)
    bare = Image.new(colour.mode, colour.size)
    bare.paste(colour)
    return bare


def _upright(image: Image.Image) -> Image.Image:
    """The image turned as its EXIF asks. Only that one value is read: rewriting the rest could fail on odd tags."""
    try:
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 -- broken EXIF is the sender's; the pixels are sound and are taken as they lie
        return image
    return image if turn is None else image.transpose(turn)


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The colours as RGB; a profile that cannot be used is taken for sRGB, as browsers do."""
    plain = image if image.mode in ("RGB", "L", "CMYK") else image.convert("RGB")
    if not profile or len(profile) > _MAX_PROFILE_BYTES:
        return plain.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if source.profile.xcolor_space.strip() != {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}[plain.mode]:
            return plain.convert("RGB")
        if "sRGB" in (source.profile.profile_description or ""):
            return plain.convert("RGB")
        converted = ImageCms.profileToProfile(
            plain,
            source,
            _SRGB,
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return plain.convert("RGB")
    return converted if converted is not None else plain.convert("RGB")


def _family(image: Image.Image, media_type: MediaType, found: list[containers.Part]) -> MediaType:
    if image.mode == "RGBA" or containers.first(found, b"VP8L"):
        return MediaType.PNG
    return media_type


def _encode(image: Image.Image, media_type: MediaType) -> bytes:
    out = BytesIO()
    if media_type is MediaType.PNG:
        image.save(
            out, "PNG", compress_level=1, compress_type=zlib.Z_RLE
        )  # as small as level 6, three times as fast
    elif media_type is MediaType.JPEG:
        image.save(out, "JPEG", quality=_QUALITY, subsampling=0)
    else:
        image.save(out, "WEBP", quality=_QUALITY, method=2)
    return out.getvalue()


def _jpeg_needs(data: bytes, part: containers.Part) -> bool:
    marker = part.kind[0]
    if marker == _JPEG_COMMENT:
        return False
    if marker not in _JPEG_APPLICATION:
        return True
    return any(marker == code and data.startswith(name, part.body) for code, name in _JPEG_NEEDED)


def _png_profile(data: bytes, found: list[containers.Part]) -> bytes | None:
    """The embedded colour profile; None without one, or when it does not inflate to a sensible size."""
    part = containers.first(found, b"iCCP")
    if part is None:
        return None
    packed = data[part.body : part.body_stop].partition(b"\0")[2][1:]
    inflate = zlib.decompressobj()
    try:
        profile = inflate.decompress(packed, _MAX_PROFILE_BYTES)
    except zlib.error:
        return None
    return profile if inflate.eof else None


def _marked_ai(data: bytes, media_type: MediaType) -> bool:
    marking = read_marking(data, media_type)
    return marking is not None and marking.made_by_ai
