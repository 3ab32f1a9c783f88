"""Thumbnails, placeholder and perceptual hash, made in the child and checked with the libraries' own functions."""

import base64
from io import BytesIO

import imagehash
import pytest
import thumbhash
from PIL import Image

from store.files.decoder import Decoder
from store.files.quick_looks import Renditions
from store.files.refusals import RefusalCode, UploadRefused
from store.files.renditions import placeholder, render
from tests.store.files import pictures

LARGE = (1200, 800)


def opened(looks: Renditions, side: int) -> Image.Image:
    return Image.open(BytesIO(looks.thumbnails[side]))


def test_large_picture_gets_thumbnails_that_fit_their_boxes() -> None:
    looks = render(pictures.quadrants(LARGE))

    assert {side: opened(looks, side).size for side in looks.thumbnails} == {256: (256, 171), 512: (512, 341)}
    assert (looks.width, looks.height) == LARGE
    for side in looks.thumbnails:
        off = zip(pictures.centres(opened(looks, side)), pictures.QUADRANTS, strict=True)
        assert max(abs(is_ - should) for a, b in off for is_, should in zip(a, b, strict=True)) <= 8


def test_small_picture_is_never_scaled_up() -> None:
    looks = render(pictures.quadrants())

    assert [opened(looks, side).size for side in looks.thumbnails] == [pictures.SIZE] * 2
    assert looks.thumbnails[256] is looks.thumbnails[512]  # packed once


def test_extremely_long_picture_keeps_one_pixel_of_height() -> None:
    looks = render(Image.new("RGB", (16_383, 2), "teal"))

    assert opened(looks, 256).size == (256, 1)


def test_perceptual_hash_is_imagehash_phash_and_hardly_moves_with_recompression() -> None:
    image = Image.effect_mandelbrot(LARGE, (-1.6, -0.7, 0.5, 1.1), 60).convert("RGB")
    compressed = Image.open(BytesIO(pictures.webp(image.resize((400, 267)), quality=60)))

    ours, theirs = render(image).perceptual_hash, render(compressed.convert("RGB")).perceptual_hash

    assert ours == str(imagehash.phash(image))
    assert imagehash.hex_to_hash(ours) - imagehash.hex_to_hash(theirs) <= 4


def test_placeholder_is_a_thumbhash_of_the_right_colours() -> None:
    encoded = placeholder(Image.new("RGB", (300, 200), (200, 60, 20)))

    red, green, blue, alpha = thumbhash.thumb_hash_to_average_rgba(list(base64.b64decode(encoded)))
    assert [round(value, 1) for value in (red, green, blue, alpha)] == [0.8, 0.2, 0.1, 1.0]


def test_transparent_picture_has_a_placeholder_seen_on_white() -> None:
    encoded = placeholder(Image.new("RGBA", (300, 200), (0, 0, 0, 0)))

    average = thumbhash.thumb_hash_to_average_rgba(list(base64.b64decode(encoded)))
    assert [round(value, 1) for value in average] == [1.0] * 4


@pytest.mark.asyncio
async def test_render_in_the_child_equals_render_here() -> None:
    noise = Image.merge("RGB", [Image.effect_noise(LARGE, 80) for _ in range(3)])
    decoder = Decoder()

    looks = await decoder.render(pictures.png(noise))

    await decoder.aclose()
    assert looks == render(noise)


@pytest.mark.asyncio
async def test_render_of_what_is_no_picture_is_refused() -> None:
    decoder = Decoder()

    with pytest.raises(UploadRefused) as no_type:
        await decoder.render(b"a provider's error page")
    with pytest.raises(UploadRefused) as cut:
        await decoder.render(pictures.png()[:-1])

    await decoder.aclose()
    assert (no_type.value.code, cut.value.code) == (RefusalCode.INVALID_FILE_TYPE, RefusalCode.TRUNCATED)
