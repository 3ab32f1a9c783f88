"""The decoder's child process: reads files from one pipe, writes clean ones to the other, until the pipe closes.

Started by decoder.py with `python -I`, without the server's environment. Imports Pillow, thumbhash and imagehash,
tries every path once on pictures of its own (so nothing is imported or opened later), then confines itself.
Knows no server, no rows and no names of files.
"""

import dataclasses
import json
import os
import sys
import warnings
from io import BytesIO

from PIL import Image, ImageCms

from store.files import cleaning, confinement, frames
from store.files.cleaning import Rules
from store.files.containers import MediaType
from store.files.quick_looks import Renditions
from store.files.refusals import RefusalCode, UploadRefused

_ORIENTATION = 0x0112
_REHEARSED = [
    (MediaType.PNG, "RGBA"),
    (MediaType.PNG, "P"),
    (MediaType.PNG, "I;16"),
    (MediaType.JPEG, "RGB"),
    (MediaType.JPEG, "CMYK"),
    (MediaType.WEBP, "RGBA"),
]


def main() -> None:
    """Serve until end of file. The one argument is JSON: memory_bytes, cpu_seconds, max_bytes, max_pixels, max_side."""
    settings: dict[str, int] = json.loads(sys.argv[1])
    rules = Rules(max_pixels=settings["max_pixels"], max_side=settings["max_side"])
    Image.MAX_IMAGE_PIXELS = rules.max_pixels
    pipe_in, pipe_out = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not speak to the server
    warnings.simplefilter("ignore")
    rehearse(rules)
    held = confinement.confine(memory_bytes=settings["memory_bytes"])
    if confinement.allow_cpu(settings["cpu_seconds"]):
        held.append("cpu")
    pipe_out.writelines(frames.packed({"ready": held}))
    pipe_out.flush()
    while (message := frames.read_blocking(pipe_in, max_bytes=settings["max_bytes"])) is not None:
        confinement.allow_cpu(settings["cpu_seconds"])
        header, parts = message
        pipe_out.writelines(answer(header, parts[0], rules))
        pipe_out.flush()


def answer(header: dict[str, object], data: bytes, rules: Rules) -> list[bytes]:
    """The packed reply to one request: a clean file, quick looks, levels, or a refusal."""
    try:
        media_type = MediaType(str(header["media_type"]))
        if header["work"] == "clean":
            cleaned = cleaning.clean(data, media_type, rules)
            return _packed(cleaned.looks, {"marked_ai": cleaned.marked_ai}, [cleaned.data])
        if header["work"] == "levels":
            return frames.packed(dataclasses.asdict(cleaning.levels_of(data, media_type, rules)))
        return _packed(cleaning.look_at(data, media_type, rules), {}, [])
    except UploadRefused as refusal:
        return _refused(refusal)
    except MemoryError:
        return _refused(UploadRefused(RefusalCode.TOO_DEMANDING, detail="out of memory"))
    except Exception as error:  # noqa: BLE001 -- the next upload deserves an answer too; the server logs this one's detail
        return _refused(UploadRefused(RefusalCode.DECODER_LOST, detail=f"{type(error).__name__}: {error}"))


def rehearse(rules: Rules) -> None:
    """Clean one small picture of each family, so that everything the real ones need is loaded before the limits."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    orientation = Image.Exif()
    orientation[_ORIENTATION] = 6
    for media_type, mode in _REHEARSED:
        out = BytesIO()
        Image.new(mode, (40, 24)).save(out, media_type.name, exif=orientation, icc_profile=profile)
        cleaning.clean(out.getvalue(), media_type, rules)
        cleaning.levels_of(out.getvalue(), media_type, rules)


def _refused(refusal: UploadRefused) -> list[bytes]:
    return frames.packed({"refused": refusal.code, "sentence": str(refusal), "detail": refusal.detail[:500]})


def _packed(looks: Renditions, extra: dict[str, object], parts: list[bytes]) -> list[bytes]:
    header = {
        "width": looks.width,
        "height": looks.height,
        "placeholder": looks.placeholder,
        "perceptual_hash": looks.perceptual_hash,
        **extra,
    }
    return frames.packed(header, [*parts, *looks.thumbnails.values()])
