"""The mark "made by AI" in the file itself: written without touching a pixel, equal for equal pictures, read back."""

import json
import re
from collections.abc import Callable
from io import BytesIO
from xml.etree import ElementTree as ET

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from store.files import containers
from store.files.containers import ContainerError, MediaType
from store.files.marking import Facts, Marking, mark, read_marking
from tests.store.files import pictures

PARAMETERS = {
    "seed": 9007199254740991,
    "prompt": 'a "red" <hat> & ☃ Грета\x0b',
    "steps": 50,
    "guidance": 7.5,
    "size": None,
}
FACTS = Facts(parameters=PARAMETERS, system="sdxl-base", system_version="1.0")
GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
Make = Callable[[], bytes]
EXT = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"

FILES: dict[str, tuple[MediaType, Make]] = {
    "png": (MediaType.PNG, pictures.png),
    "jpeg": (MediaType.JPEG, pictures.jpeg),
    "jpeg without jfif": (
        MediaType.JPEG,
        lambda: pictures.jpeg()[:2] + pictures.jpeg()[20:],
    ),
    "webp": (MediaType.WEBP, pictures.webp),
    "webp lossless": (MediaType.WEBP, lambda: pictures.webp(lossless=True)),
    "webp lossless with alpha": (
        MediaType.WEBP,
        lambda: pictures.webp(Image.new("RGBA", (9, 7), (1, 2, 3, 40)), lossless=True),
    ),
    "webp lossy with alpha": (
        MediaType.WEBP,
        lambda: pictures.webp(Image.new("RGBA", (9, 7), (1, 2, 3, 40))),
    ),
    "webp with exif": (MediaType.WEBP, lambda: pictures.oriented(MediaType.WEBP, 6)),
}
each_file = pytest.mark.parametrize(("media_type", "make"), FILES.values(), ids=FILES.keys())


def xmp_of(data: bytes) -> bytes:
    image = Image.open(BytesIO(data))
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    return packet if isinstance(packet, bytes) else str(packet).encode()


def description(data: bytes) -> ET.Element:
    found = ET.fromstring(xmp_of(data)).find(".//{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description")
    assert found is not None
    return found


@each_file
def test_marked_file_says_so_to_other_readers_and_keeps_every_pixel(
    media_type: MediaType, make: Make
) -> None:
    data = make()
    marked = mark(data, media_type, FACTS)

    assert description(marked).attrib[f"{EXT}DigitalSourceType"] == GENERATED
    assert description(marked).attrib[f"{EXT}AISystemUsed"] == "sdxl-base"
    assert description(marked).attrib[f"{EXT}AISystemVersionUsed"] == "1.0"
    before, after = Image.open(BytesIO(data)), Image.open(BytesIO(marked))
    assert (after.mode, after.size, after.tobytes()) == (before.mode, before.size, before.tobytes())
    assert containers.parts(marked, media_type)[-1].stop == len(marked)


@each_file
def test_marking_reads_back(media_type: MediaType, make: Make) -> None:
    found = read_marking(mark(make(), media_type, FACTS))

    assert found == Marking(
        digital_source_type="trainedAlgorithmicMedia", parameters=PARAMETERS, content_credentials=False
    )
    assert found.made_by_ai


@each_file
def test_marking_twice_is_marking_once(media_type: MediaType, make: Make) -> None:
    once = mark(make(), media_type, FACTS)

    assert mark(once, media_type, FACTS) == once
    assert mark(mark(make(), media_type, Facts(parameters={"old": 1})), media_type, FACTS) == once


@each_file
def test_edited_photograph_is_a_composite(media_type: MediaType, make: Make) -> None:
    marked = mark(make(), media_type, Facts(parameters={}, composite=True))

    assert description(marked).attrib[f"{EXT}DigitalSourceType"] == COMPOSITE
    found = read_marking(marked)
    assert found is not None
    assert found.made_by_ai


@each_file
def test_equal_facts_in_any_order_give_equal_bytes(media_type: MediaType, make: Make) -> None:
    backwards = Facts(parameters=dict(reversed(PARAMETERS.items())), system="sdxl-base", system_version="1.0")

    marked = mark(make(), media_type, FACTS)

    assert marked == mark(make(), media_type, backwards)
    assert not re.search(rb"20\d\d-\d\d-\d\d", xmp_of(marked).replace(b"2008-02-29", b""))


def test_png_parameters_are_one_readable_text() -> None:
    image = Image.open(BytesIO(mark(pictures.png(), MediaType.PNG, FACTS)))

    assert json.loads(str(image.info["parameters"])) == PARAMETERS
    assert str(image.info["parameters"]).startswith('{"guidance":7.5,"prompt":"a \\"red\\" <hat> & ☃')


def test_jpeg_keeps_the_source_type_when_the_parameters_are_too_long_for_a_segment() -> None:
    long = Facts(parameters={"prompt": "☃" * 20_000})

    found = read_marking(mark(pictures.jpeg(), MediaType.JPEG, long))

    assert found == Marking(
        digital_source_type="trainedAlgorithmicMedia", parameters=None, content_credentials=False
    )


def test_lone_surrogate_in_a_prompt_survives_as_valid_json() -> None:
    for media_type, make in (FILES["png"], FILES["webp"]):
        found = read_marking(mark(make(), media_type, Facts(parameters={"prompt": "\ud800"})))

        assert found is not None
        assert found.parameters == {"prompt": "\ud800"}


def test_parameters_that_are_no_json_are_an_error() -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        mark(pictures.png(), MediaType.PNG, Facts(parameters={"guidance": float("nan")}))


@pytest.mark.parametrize("make", [pictures.png, pictures.jpeg, pictures.webp])
def test_cut_file_is_not_marked(make: Make) -> None:
    data = make()

    media_type = containers.sniff(data)
    assert media_type is not None
    with pytest.raises(ContainerError):
        mark(data[:-1], media_type, FACTS)


def test_file_with_content_credentials_is_left_as_it_is() -> None:
    manifest = b"\0\0\0\x30jumb\0\0\0\x28jumdc2pa" + GENERATED.encode()
    png = pictures.with_chunk(pictures.png(), b"caBX", manifest)
    plain = pictures.jpeg()
    jpeg = plain[:2] + b"\xff\xeb" + (len(manifest) + 2).to_bytes(2) + manifest + plain[2:]

    for data, media_type in ((png, MediaType.PNG), (jpeg, MediaType.JPEG)):
        assert mark(data, media_type, FACTS) == data
        assert read_marking(data) == Marking(
            digital_source_type="trainedAlgorithmicMedia", parameters=None, content_credentials=True
        )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        pictures.png(),
        pictures.jpeg(),
        pictures.webp(),
        pictures.png()[:-1],
    ],
)
def test_unmarked_file_has_no_marking(data: bytes) -> None:
    assert read_marking(data) is None


def test_other_programs_parameters_are_not_ours() -> None:
    other = pictures.with_chunk(pictures.png(), b"tEXt", b"parameters\0masterpiece, Steps: 20")

    assert read_marking(other) is None


def test_camera_photograph_is_not_made_by_ai() -> None:
    packet = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{GENERATED.replace('trainedAlgorithmicMedia', 'digitalCapture')}</x:xmpmeta>"

    found = read_marking(pictures.jpeg(xmp=packet.encode()))

    assert found is not None
    assert (found.digital_source_type, found.made_by_ai) == ("digitalCapture", False)


def test_compressed_packet_is_read_within_bounds() -> None:
    out = BytesIO()
    texts = PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", f'<a type="{COMPOSITE}"/>', zip=True)
    pictures.quadrants().save(out, "PNG", pnginfo=texts)

    found = read_marking(out.getvalue())

    assert found is not None
    assert found.digital_source_type == "compositeWithTrainedAlgorithmicMedia"
