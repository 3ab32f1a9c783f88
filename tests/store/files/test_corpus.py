"""The uploads corpus against the decoder: 80 files that are cleaned and 53 that are refused, byte by byte."""

import re
from collections.abc import AsyncIterator
from io import BytesIO

import pytest
import pytest_asyncio
from PIL import Image

from store.files.containers import MediaType, parts, sniff
from store.files.decoder import Decoder
from store.files.refusals import RefusalCode, UploadRefused
from tests.store.files import pictures
from tests.store.files.corpus import TAKEN, Taken
from tests.store.files.hostile import REFUSED, Make

pytestmark = pytest.mark.asyncio(loop_scope="module")

# What may be in a clean file: pixels, and what it takes to read them. 0xe0 is the JFIF segment.
CLEAN_PARTS = {
    MediaType.PNG: {b"IHDR", b"IDAT", b"IEND"},
    MediaType.JPEG: {bytes([marker]) for marker in (0xD8, 0xE0, 0xDB, 0xC0, 0xC4, 0xDA, 0xD9)},
    MediaType.WEBP: {b"VP8 "},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def decoder() -> AsyncIterator[Decoder]:
    decoder = Decoder()
    yield decoder
    await decoder.aclose()


def assert_nothing_but_pixels(data: bytes, allowed: set[bytes]) -> None:
    media_type = sniff(data)
    assert media_type is not None
    found = parts(data, media_type)
    assert {part.kind for part in found} <= allowed
    assert found[-1].stop == len(data)
    assert b"Secret" not in data
    assert not Image.open(BytesIO(data)).getexif()


@pytest.mark.parametrize("case", TAKEN.values(), ids=TAKEN.keys())
async def test_readable_upload_becomes_a_picture_of_pixels_and_nothing_else(
    decoder: Decoder, case: Taken
) -> None:
    original = case.make()
    clean = await decoder.clean(original)

    image = Image.open(BytesIO(clean.data))
    assert (clean.media_type, image.mode, image.size) == (case.media_type, case.mode, case.size)
    assert (clean.looks.width, clean.looks.height) == case.size
    off = [
        abs(is_ - should)
        for a, b in zip(pictures.centres(image), case.colours, strict=True)
        for is_, should in zip(a, b, strict=True)
    ]
    assert max(off) <= case.off_by
    assert clean.marked_ai is case.marked_ai
    assert not clean.misnamed
    assert_nothing_but_pixels(clean.data, CLEAN_PARTS[clean.media_type])
    for thumbnail in clean.looks.thumbnails.values():
        assert_nothing_but_pixels(
            thumbnail, {b"VP8X", b"ALPH", b"VP8 "} if case.mode == "RGBA" else CLEAN_PARTS[MediaType.WEBP]
        )


@pytest.mark.parametrize(("code", "make"), REFUSED.values(), ids=REFUSED.keys())
async def test_unreadable_upload_is_refused_in_words(decoder: Decoder, code: RefusalCode, make: Make) -> None:
    with pytest.raises(UploadRefused) as refused:
        await decoder.clean(make())

    assert refused.value.code is code
    assert re.fullmatch(r"[A-Z][^\n]{20,250}", str(refused.value))
    assert refused.value.detail not in str(refused.value) or not refused.value.detail


async def test_refusals_of_size_and_type_use_the_promised_sentences(decoder: Decoder) -> None:
    with pytest.raises(UploadRefused) as too_large:
        await decoder.clean(bytes(10 * 1024 * 1024 + 1))
    with pytest.raises(UploadRefused) as wrong_type:
        await decoder.clean(b"GIF89a" + bytes(100))

    assert str(too_large.value) == "File too large. Maximum size is 10MB"
    assert str(wrong_type.value) == "Invalid file type. Allowed: image/png, image/jpeg, image/webp"


@pytest.mark.parametrize(
    ("declared_type", "file_name", "misnamed"),
    [
        (None, None, False),
        ("image/png", "me.png", False),
        ("IMAGE/PNG; charset=binary", "ME.PNG", False),
        ("image/jpeg", None, True),
        (None, "me.jpg", True),
        ("image/png", "../../etc/passwd\0.webp", True),
        (None, "no ending", False),
    ],
)
async def test_type_comes_from_content_whatever_the_sender_says(
    decoder: Decoder, declared_type: str | None, file_name: str | None, misnamed: bool
) -> None:
    clean = await decoder.clean(pictures.png(), declared_type=declared_type, file_name=file_name)

    assert (clean.media_type, clean.misnamed) == (MediaType.PNG, misnamed)


async def test_same_upload_twice_gives_equal_bytes(decoder: Decoder) -> None:
    for make in (pictures.png, pictures.jpeg, pictures.webp):
        assert await decoder.clean(make()) == await decoder.clean(make())


async def test_cleaning_a_clean_picture_changes_no_pixel_of_a_png(decoder: Decoder) -> None:
    noise = Image.merge("RGB", [Image.effect_noise((200, 100), 80) for _ in range(3)])

    clean = await decoder.clean(pictures.png(noise))

    assert Image.open(BytesIO(clean.data)).tobytes() == noise.tobytes()
