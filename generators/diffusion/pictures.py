"""Pictures to bytes and back, on the CPU. Knows Pillow; knows no network and no request."""

import io
import struct
import zlib

import numpy as np
import torch
from PIL import Image, ImageOps

PNG_LEVEL = 1  # 1024x1024: 86 ms against 191 ms at level 6, for a file 15 % larger
PREVIEW_QUALITY = 75
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def opened(data: bytes) -> Image.Image:
    """A stored picture as RGB, transparency laid on white.

    Raises:
        ValueError: it is no picture that Pillow can read.
    """
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            upright = ImageOps.exif_transpose(picture)
    except (OSError, SyntaxError) as error:
        raise ValueError("The initial image cannot be read.") from error
    if upright.mode in ("RGBA", "LA", "P"):
        upright = upright.convert("RGBA")
        ground = Image.new("RGBA", upright.size, "white")
        upright = Image.alpha_composite(ground, upright)
    return upright.convert("RGB")


def painted(data: bytes) -> Image.Image:
    """A mask as grey levels, white = repainted, black = kept; what is transparent counts as black.

    Raises:
        ValueError: it is no picture that Pillow can read.
    """
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            upright = ImageOps.exif_transpose(picture)
    except (OSError, SyntaxError) as error:
        raise ValueError("The mask cannot be read.") from error
    whole = upright.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", whole.size, "black"), whole).convert("L")


def fitted(picture: Image.Image, width: int, height: int) -> Image.Image:
    """Scaled and cropped at the centre to exactly that size; unchanged when it already has it."""
    if picture.size == (width, height):
        return picture
    return ImageOps.fit(picture, (width, height), method=Image.Resampling.LANCZOS)


def laid_back(made: Image.Image, initial: bytes, mask: bytes) -> Image.Image:
    """The picture with the initial one over all that the mask keeps: equal to it where the mask is black.

    Where the mask is grey the two are mixed, so a soft edge hides the seam.
    """
    size = made.size
    return Image.composite(made, fitted(opened(initial), *size), fitted(painted(mask), *size))


def png(picture: Image.Image) -> bytes:
    """As PNG without any metadata, so equal pixels are equal bytes."""
    file = io.BytesIO()
    picture.save(file, format="PNG", compress_level=PNG_LEVEL)
    return file.getvalue()


def unpacked(picture: Image.Image) -> bytes:
    """As PNG that is not compressed at all (W3C PNG, third edition): ten times as quick as Pillow's, for 3 bytes a pixel."""
    width, height = picture.size
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # the first byte of each row: no filter
    rows[:, 1:] = np.asarray(picture.convert("RGB")).reshape(height, 3 * width)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), level=0)), (b"IEND", b""))
    return PNG_SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))
        for kind, data in chunks
    )


def preview(
    latents: torch.Tensor, weights: torch.Tensor, bias: torch.Tensor
) -> tuple[bytes, tuple[int, int]]:
    """WebP of `latents` [1, channels, h, w] through the linear map [channels, 3] + [3]; size w x h pixels."""
    pixels = torch.einsum("chw,cr->hwr", latents[0].float().cpu(), weights) + bias
    levels = (pixels.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
    return webp(Image.fromarray(levels))


def webp(picture: Image.Image) -> tuple[bytes, tuple[int, int]]:
    """A preview's bytes and size."""
    file = io.BytesIO()
    picture.save(file, format="WEBP", quality=PREVIEW_QUALITY, method=0)
    return file.getvalue(), picture.size
