"""Sound files with a few bytes changed, cut or doubled: whatever comes, an answer, and nothing breaks."""

import random
from collections import Counter
from itertools import product

import pytest

from store.files import containers
from store.files.containers import ContainerError, MediaType
from store.files.decoder import Decoder, DecoderLimits
from store.files.marking import Facts, mark, read_marking
from store.files.refusals import RefusalCode, UploadRefused
from tests.store.files import pictures

SOUND = [
    pictures.png(icc_profile=pictures.swapped_profile()),
    pictures.jpeg(progressive=True, icc_profile=pictures.swapped_profile()),
    pictures.webp(icc_profile=pictures.swapped_profile()),
    *(pictures.oriented(media_type, 6) for media_type in MediaType),
    mark(pictures.png(), MediaType.PNG, Facts(parameters={"prompt": "x"})),
    mark(pictures.webp(lossless=True), MediaType.WEBP, Facts(parameters={"prompt": "x"})),
]


def mutated(data: bytes, seed: int) -> bytes:
    """The file with one to three changes behind its first twelve bytes; PNG checksums are set right again."""
    dice = random.Random(seed)
    changed = bytearray(data)
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(12, len(changed))
        length = dice.randint(1, 8)
        match dice.randrange(4):
            case 0:
                changed[at] ^= 1 << dice.randrange(8)
            case 1:
                changed[at : at + length] = dice.randbytes(length)
            case 2:
                del changed[at : at + length]
            case _:
                changed[at:at] = changed[at : at + length]
    return bytes(changed)


def resealed(data: bytes) -> bytes:
    """A PNG whose chunk checksums fit again, so that the damage reaches the decoder."""
    out, at = data[:8], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4])
        out += containers.png_chunk(data[at + 4 : at + 8], data[at + 8 : at + 8 + length])
        at += 12 + length
    return out


def test_reading_containers_and_marks_never_raises_anything_else() -> None:
    for data, seed in product(SOUND, range(100)):
        broken = mutated(data, seed)
        read_marking(broken)
        media_type = containers.sniff(broken)
        if media_type is None:
            continue
        try:
            found = containers.parts(broken, media_type)
            containers.size(broken, media_type, found)
            containers.frames(broken, media_type, found)
        except ContainerError:
            continue
        assert 0 < found[-1].stop <= len(broken)


@pytest.mark.asyncio
async def test_decoder_answers_every_mutation_and_no_child_dies() -> None:
    decoder = Decoder(DecoderLimits(files_per_child=10_000))
    await decoder.warm()
    (child,) = decoder._idle
    answers: Counter[str] = Counter()
    for data, seed in product(SOUND, range(25)):
        broken = mutated(data, seed)
        try:
            await decoder.clean(resealed(broken) if containers.sniff(broken) is MediaType.PNG else broken)
            answers["clean"] += 1
        except UploadRefused as refused:
            answers[refused.code] += 1

    assert decoder._idle == [child]
    assert answers["clean"] > 20
    assert answers[RefusalCode.DAMAGED] > 20
    assert answers[RefusalCode.DECODER_LOST] == 0
    await decoder.aclose()
