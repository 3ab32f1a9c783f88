"""A child that a file has taken over may answer anything: only a picture or a refusal gets through."""

import asyncio
import json
from io import BytesIO

import pytest

from store.files import frames, replies
from store.files.containers import MediaType
from store.files.frames import BadFrame
from store.files.refusals import RefusalCode
from store.files.replies import BadReply
from tests.store.files import pictures

THUMBNAILS = [pictures.webp(), pictures.webp()]
HEADER: dict[str, object] = {
    "width": 48,
    "height": 32,
    "placeholder": "4gcOBwD4h4iId3h/hniHh4h4aMOwr8IG",
    "perceptual_hash": "eecd9826e6989951",
    "marked_ai": False,
}


def clean_image(header: dict[str, object], parts: list[bytes]) -> replies.CleanImage:
    return replies.clean_image(header, parts, received=MediaType.JPEG, misnamed=False)


def test_honest_reply_is_believed() -> None:
    clean = clean_image(HEADER, [pictures.jpeg(), *THUMBNAILS])

    assert clean.data == pictures.jpeg()
    assert clean.looks.thumbnails == {256: THUMBNAILS[0], 512: THUMBNAILS[1]}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("width", 0),
        ("width", "48"),
        ("width", True),
        ("width", 70_000),
        ("height", None),
        ("placeholder", "<script>"),
        ("placeholder", "A" * 100),
        ("perceptual_hash", "xyz"),
        ("perceptual_hash", 7),
    ],
)
def test_reply_with_an_impossible_field_is_not_believed(field: str, value: object) -> None:
    with pytest.raises(BadReply):
        clean_image({**HEADER, field: value}, [pictures.jpeg(), *THUMBNAILS])


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [b"<html>", *THUMBNAILS],
        [pictures.webp(), *THUMBNAILS],
        [pictures.jpeg(), THUMBNAILS[0]],
        [pictures.jpeg(), THUMBNAILS[0], b"GIF89a"],
    ],
)
def test_reply_with_other_bytes_than_pictures_is_not_believed(parts: list[bytes]) -> None:
    with pytest.raises(BadReply):
        clean_image(HEADER, parts)


def test_unknown_refusal_becomes_a_known_one_without_its_words() -> None:
    refusal = replies.refusal({"refused": "SEND_MONEY", "sentence": "Send money to..."})

    assert refusal is not None
    assert refusal.code is RefusalCode.DECODER_LOST
    assert "money" not in str(refusal)


def test_message_passes_through_a_blocking_stream_whole() -> None:
    stream = BytesIO(b"".join(frames.packed({"work": "clean"}, [b"abc", b""])))

    assert frames.read_blocking(stream, max_bytes=3) == ({"work": "clean"}, [b"abc", b""])
    assert frames.read_blocking(stream, max_bytes=3) is None


@pytest.mark.parametrize(
    "sent",
    [
        (2**63).to_bytes(8),
        frames.packed({}, [b"abcd"])[0] + frames.packed({}, [b"abcd"])[1] + (4).to_bytes(8) + b"abcd",
        (3).to_bytes(8) + b"[1]",
        (2).to_bytes(8) + b"{}",
        (1).to_bytes(8) + b"{",
        (14).to_bytes(8) + json.dumps({"parts": 9999}).encode()[:14],
        (15).to_bytes(8) + b'{"parts": true}',
    ],
)
@pytest.mark.asyncio
async def test_hostile_frames_are_refused_before_they_are_read(sent: bytes) -> None:
    stream = asyncio.StreamReader()
    stream.feed_data(sent)
    stream.feed_eof()

    with pytest.raises(BadFrame):
        await frames.read(stream, max_bytes=3)
    with pytest.raises(BadFrame):
        frames.read_blocking(BytesIO(sent), max_bytes=3)
