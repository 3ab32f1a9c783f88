"""generateImages, generateBaseImage: `maskUploadId` paints only a part of a picture anew, here by the shipped weights.

What holds: where the mask, scaled to the picture, is black, every pixel is the source's own, to the byte.
"""

import hashlib
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image, ImageChops
from sqlalchemy import func, select

from generators.catalog import Capability, Model, Provider, Size
from generators.diffusion.generator import DiffusionGenerator
from generators.spec import FileRef
from store.database.sessions import Database
from store.database.tables import Job, Task, Upload, Variant
from store.files.vault import Vault
from tests.client import Api, key, refused, serving
from tests.executor import workshop
from tests.generators.diffusion import tiny
from tests.operations import steps
from tests.operations.catalogs import READY, Catalog
from tests.peers.pictures import picture
from training.starter.looks import Look
from training.starter.render import render

pytestmark = pytest.mark.asyncio

GENERATE = """
mutation ($input: GenerateImagesInput!) {
  generateImages(input: $input) { job { id } userErrors { code message field } }
}
"""
MADE = """
query ($id: ID!) {
  node(id: $id) {
    ... on Job {
      variants {
        nodes {
          id status imageHash parameters conditioning { kind weight source { id } }
          provenance { madeByAi digitalSourceType } failure { message }
        }
      }
    }
  }
}
"""
MODELS = "{ models { key capabilities } }"
SIDE = 128
BOX = (32, 32, 96, 96)
EXACT = {"steps": 6, "seed": 7, "determinism": "EXACT", "width": SIDE, "height": SIDE}


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def mask(side: int = SIDE, level: int = 255) -> bytes:
    """Black, white in the middle."""
    whole = Image.new("L", (side, side), 0)
    left, upper, right, lower = (edge * side // SIDE for edge in BOX)
    whole.paste(level, (left, upper, right, lower))
    return png(whole)


def somebody() -> Image.Image:
    return render(Look(gender="woman", skin="dark", outfit="hoodie", cloth="yellow", scene="forest")).convert(
        "RGB"
    )


@pytest_asyncio.fixture
async def studio(db: Database, tmp_path: Path) -> AsyncIterator[Api]:
    """The real local generator with the shipped checkpoint."""

    async def open_file(file: FileRef) -> bytes:
        return await Vault(tmp_path / "files").read_async(file.sha256)

    generator = DiffusionGenerator(tiny.settings(tmp_path, starter_checkpoint=True), open_file)
    async with serving(db, tmp_path / "files", generator, lease_seconds=30.0) as api:
        yield api
    await generator.close()


async def made(api: Api, job_id: str) -> Any:
    """The one picture of a job."""
    await workshop.ended(api.shop, key(job_id), timeout=180)
    [variant] = (await api.run(MADE, id=job_id)).data["node"]["variants"]["nodes"]
    assert variant["status"] == "DRAFT", variant["failure"]
    return variant


async def shown(api: Api, variant: Any) -> Image.Image:
    data = await api.shop.vault.read_async(variant["imageHash"])
    return Image.open(io.BytesIO(data)).convert("RGB")


def changed(one: Image.Image, other: Image.Image, level: int = 0) -> tuple[int, int, int, int] | None:
    """The smallest box around all pixels that differ by more than `level`."""
    difference = ImageChops.difference(one, other).convert("RGB")
    bands = [band.point([255 if at > level else 0 for at in range(256)]) for band in difference.split()]
    return ImageChops.lighter(ImageChops.lighter(bands[0], bands[1]), bands[2]).getbbox()


async def test_only_the_marked_part_of_a_picture_is_painted_anew(studio: Api) -> None:
    source = somebody().resize((SIDE, SIDE))
    given = {
        "prompt": "a man with a wizard hat at the beach",
        "referenceUploadIds": [await studio.upload("me.png", png(source))],
        "maskUploadId": await studio.upload("mask.png", mask()),
        **EXACT,
    }
    async with studio.working():
        jobs = [(await studio.do(GENERATE, **given))["job"]["id"] for _ in range(2)]
        one, again = [await made(studio, job) for job in jobs]

    assert one["imageHash"] == again["imageHash"]
    assert [(each["kind"], each["weight"]) for each in one["conditioning"]] == [("INIT_IMAGE", 0.0)]
    assert one["parameters"]["mask"] == hashlib.sha256(await stored(studio, mask())).hexdigest()
    assert one["parameters"]["initImageStrength"] == 1.0
    assert one["provenance"] == {
        "madeByAi": True,
        "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia",
    }
    result = await shown(studio, one)
    box = changed(source, result)
    assert box is not None
    assert (box[0] >= BOX[0], box[1] >= BOX[1], box[2] <= BOX[2], box[3] <= BOX[3]) == (True,) * 4
    inside = ImageChops.difference(source.crop(BOX), result.crop(BOX)).convert("L")
    assert sum(level > 20 for level in inside.tobytes()) > 64 * 64 / 2


async def stored(api: Api, data: bytes) -> bytes:
    """A mask as the upload keeps it: decoded and written anew."""
    return (await api.server.files.decoder.clean(data)).data


async def test_mask_of_another_size_is_scaled_and_a_soft_edge_mixes(studio: Api) -> None:
    source = somebody().resize((SIDE, SIDE))
    soft = Image.new("L", (2 * SIDE, 2 * SIDE), 0)
    soft.paste(255, (0, 0, 2 * SIDE, SIDE))
    soft.paste(64, (0, SIDE, 2 * SIDE, SIDE + 64))
    given = {
        "prompt": "a red sky",
        "referenceUploadIds": [await studio.upload("me.png", png(source))],
        "maskUploadId": await studio.upload("mask.png", png(soft)),
        **EXACT,
    }
    async with studio.working():
        variant = await made(studio, (await studio.do(GENERATE, **given))["job"]["id"])

    result = await shown(studio, variant)
    below = (
        0,
        100,
        SIDE,
        SIDE,
    )  # the last level of the soft edge ends at 96; a filter reaches three pixels further
    assert changed(source.crop(below), result.crop(below)) is None
    edge = (0, 70, SIDE, 90)
    assert changed(source.crop(edge), result.crop(edge)) is not None


async def test_draft_is_painted_anew_in_part(studio: Api) -> None:
    subject = await steps.persona(studio)
    upload = await studio.upload("me.png", png(somebody().resize((SIDE, SIDE))))
    draft = (await studio.do(steps.UPLOAD, subjectId=subject, uploadId=upload))["variant"]["id"]
    sent = await studio.upload("mask.png", mask())
    async with studio.working():
        payload = await studio.do(steps.GENERATE, subjectId=subject, maskUploadId=sent, **EXACT)
        assert payload["userErrors"] == []
        variant = await made(studio, payload["job"]["id"])

    assert [(each["kind"], each["weight"], each["source"]) for each in variant["conditioning"]] == [
        ("IP_ADAPTER", 0.3, {"id": draft}),
        ("INIT_IMAGE", 0.0, {"id": draft}),
    ]
    box = changed(somebody().resize((SIDE, SIDE)), await shown(studio, variant))
    assert box is not None
    assert (box[0] >= BOX[0], box[1] >= BOX[1], box[2] <= BOX[2], box[3] <= BOX[3]) == (True,) * 4


async def test_models_say_whether_they_can(studio: Api) -> None:
    [starter] = [one for one in (await studio.run(MODELS)).data["models"] if one["key"] == "starter"]

    assert "INPAINT" in starter["capabilities"]


# ---------------------------------------------------------------- what is asked for, and what is refused
SEEING = frozenset({Capability.TEXT_TO_IMAGE, Capability.REFERENCE_IMAGES, Capability.SEED})
SIZES = (Size(width=64, height=64),)
ABLE = Model(
    key="able", name="Able", provider=Provider.LOCAL, capabilities=SEEING | {Capability.IMAGE_TO_IMAGE, Capability.INPAINT},
    sizes=SIZES, free_size=True, default_steps=8, reference_adapter=True, max_references=4, rank=2,
)  # fmt: skip
EDITS = Model(
    key="edits", name="Edits", provider=Provider.LOCAL, capabilities=SEEING | {Capability.INPAINT}, sizes=SIZES,
    free_size=True, default_steps=8, max_references=4, rank=1,
)  # fmt: skip
PLAIN = Model(
    key="plain", name="Plain", provider=Provider.LOCAL, capabilities=SEEING, sizes=SIZES, free_size=True, default_steps=8,
    max_references=4,
)  # fmt: skip


@pytest_asyncio.fixture
async def desk(db: Database, tmp_path: Path) -> AsyncIterator[Api]:
    """Models that are never run."""
    async with serving(db, tmp_path, Catalog({ABLE: READY, EDITS: READY, PLAIN: READY})) as api:
        yield api


async def counts(api: Api) -> list[int]:
    async with api.shop.db.session() as session:
        return [
            int(await session.scalar(select(func.count()).select_from(table)) or 0)
            for table in (Job, Variant, Task)
        ]


async def spec_of(api: Api, job_id: str) -> Any:
    async with api.shop.db.session() as session:
        return await session.scalar(select(Task.spec).where(Task.job_id == key(job_id)))


@pytest.mark.parametrize("model", ["able", "edits"])
async def test_first_reference_is_what_is_changed_and_the_others_are_looked_at(desk: Api, model: str) -> None:
    pictures = [await desk.upload(f"{at}.png", picture(8 + at)) for at in range(2)]
    sent = await desk.upload("mask.png", mask())

    payload = await desk.do(
        GENERATE, prompt="a", models=[model], referenceUploadIds=pictures, maskUploadId=sent
    )

    spec = await spec_of(desk, payload["job"]["id"])
    kind = "IP_ADAPTER" if model == "able" else "REFERENCE_IMAGE"
    assert [(each["kind"], each["source_id"]) for each in spec["conditioning"]] == [
        ("INIT_IMAGE", str(key(pictures[0]))),
        (kind, str(key(pictures[1]))),
    ]
    assert spec["mask"]["sha256"] == hashlib.sha256(await stored(desk, mask())).hexdigest()


async def test_weight_says_how_much_of_the_marked_part_is_kept(desk: Api, api: Api) -> None:
    subject = await steps.persona(api)
    [draft] = await steps.drafts(api, subject)
    sent = await desk.upload("mask.png", mask())
    way = [{"kind": "INIT_IMAGE", "variantId": draft, "weight": 0.4}]

    payload = await desk.do(
        GENERATE, prompt="a", models=["able"], subjectId=subject, maskUploadId=sent, conditioning=way
    )

    spec = await spec_of(desk, payload["job"]["id"])
    assert [(each["kind"], each["weight"]) for each in spec["conditioning"]][1:] == [("INIT_IMAGE", 0.4)]


def glass() -> bytes:
    whole = Image.new("RGBA", (SIDE, SIDE), (255, 255, 255, 255))
    whole.paste((0, 0, 0, 0), BOX)
    return png(whole)


@pytest.mark.parametrize(
    ("sent", "given", "code", "words"),
    [
        (mask(), {"referenceUploadIds": None}, "INVALID_INPUT",
         ("A mask needs a picture to change: give it as the first of `referenceUploadIds`, or hold the subject by "
         "INIT_IMAGE in `conditioning`.")),
        (mask(level=0), {}, "INVALID_FILE",
         "The mask is empty: nothing in it is white, so nothing would change. Paint white what shall change."),
        (mask(level=120), {}, "INVALID_FILE",
         "The mask is empty: nothing in it is white, so nothing would change. Paint white what shall change."),
        (glass(), {}, "INVALID_FILE",
         ("The mask is transparent in places, which could mean either. Give it without transparency: white is painted "
         "anew, black stays.")),
        (mask(), {"models": ["plain"]}, "NOT_SUPPORTED",
         "Plain cannot paint a part of a picture anew. These can: able, edits. Or leave the mask out."),
    ],
    ids=["no-picture", "empty", "grey", "transparent", "model"],
)  # fmt: skip
async def test_mask_that_cannot_be_used_is_refused_and_nothing_is_stored(
    desk: Api, sent: bytes, given: dict[str, Any], code: str, words: str
) -> None:
    upload = await desk.upload("mask.png", sent)
    whole = {"prompt": "a", "models": ["able"], "referenceUploadIds": [await desk.upload("a.png", picture())]}

    payload = await desk.do(GENERATE, **(whole | given), maskUploadId=upload)

    assert refused(payload) == (code, words, ["maskUploadId"])
    assert await counts(desk) == [0, 0, 0]


async def test_mask_that_is_no_image_is_refused_where_it_is_sent(desk: Api) -> None:
    headers = {"graphql-require-preflight": "1"}
    reply = await desk.http.post("/uploads", files={"file": ("mask.png", b"no picture")}, headers=headers)

    assert reply.status_code == 400
    assert "Invalid file type" in reply.text
    async with desk.shop.db.session() as session:
        assert await session.scalar(select(func.count()).select_from(Upload)) == 0


async def test_mask_goes_with_a_draft_that_is_refined(desk: Api) -> None:
    subject = await steps.persona(desk)
    upload = await desk.upload("mask.png", mask())

    payload = await desk.do(steps.GENERATE, subjectId=subject, model="able", maskUploadId=upload)

    words = "There is no draft to change: a mask goes with one that is refined."
    assert refused(payload) == ("INVALID_INPUT", words, ["maskUploadId"])
    assert await counts(desk) == [0, 0, 0]


async def test_mask_of_somebody_else_is_none(desk: Api) -> None:
    other = await desk.another("eve")
    foreign = await other.upload("mask.png", mask())
    mine = await desk.upload("a.png", picture())

    payload = await desk.do(
        GENERATE, prompt="a", models=["plain"], referenceUploadIds=[mine], maskUploadId=foreign
    )

    assert refused(payload) == ("NOT_FOUND", "There is no upload with this id.", ["maskUploadId"])
    assert await counts(desk) == [0, 0, 0]


async def test_another_mask_under_the_same_key_is_another_request(desk: Api) -> None:
    given = {
        "prompt": "a",
        "models": ["able"],
        "referenceUploadIds": [await desk.upload("a.png", picture())],
        "idempotencyKey": "k",
    }
    one, two = await desk.upload("1.png", mask()), await desk.upload("2.png", mask(64))
    first = await desk.do(GENERATE, **given, maskUploadId=one)
    replay = await desk.do(GENERATE, **given, maskUploadId=one)
    other = await desk.do(GENERATE, **given, maskUploadId=two)

    assert first["job"]["id"] == replay["job"]["id"]
    assert other["userErrors"][0]["code"] == "IDEMPOTENCY_MISMATCH"
    assert await counts(desk) == [1, 1, 1]


async def test_job_that_goes_on_keeps_the_mask(desk: Api) -> None:
    given = {"models": ["able"], "referenceUploadIds": [await desk.upload("a.png", picture())]}
    upload = await desk.upload("1.png", mask())
    first = (await desk.do(GENERATE, prompt="a", **given, maskUploadId=upload))["job"]["id"]
    async with desk.working():
        await desk.ended(first)

    payload = await desk.do(GENERATE, jobId=first, prompt="b")

    assert payload["userErrors"] == []
    spec = await spec_of(desk, payload["job"]["id"])
    assert (spec["prompt"], spec["mask"]) == ("b.", (await spec_of(desk, first))["mask"])
