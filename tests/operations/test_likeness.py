"""Variant.likeness, and query similarVariants"""

import hashlib
import math
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from executor.likeness import cosine
from generators.encoder import ImageEncoder
from schema.ids import encode
from store.database.ids import new_id
from store.database.sessions import Database
from store.database.tables import Embedding, ImageSource, Variant, VariantPurpose
from tests import client
from tests.client import Api, key
from tests.operations import steps
from tests.operations.test_generate_images_hosted import FLARE
from tests.operations.test_upload_base_image import picture
from tests.operations.writers import hosting
from tests.peers.openai import KEY

pytestmark = pytest.mark.asyncio

SIMILAR = "query ($id: ID!, $first: Int) { similarVariants(id: $id, first: $first) { id } }"
LIKENESS = "query ($id: ID!) { node(id: $id) { ... on Variant { likeness status } } }"
IMAGES = """
mutation ($input: GenerateImagesInput!) {
  generateImages(input: $input) { job { id variants { nodes { id } } } userErrors { message } }
}
"""


class Hand:
    """An encoder for tests: what is equal has the cosine 1, and everything else that of two digests."""

    key = "hand"

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.broken = False

    async def embed(self, picture: bytes) -> tuple[float, ...] | None:
        self.seen.append(picture)
        if self.broken:
            raise ValueError("no picture")
        values = [byte / 255 for byte in hashlib.sha256(picture).digest()[:8]]
        length = math.sqrt(sum(value * value for value in values))
        return tuple(value / length for value in values)

    def encoder_for(self, model: str) -> ImageEncoder | None:
        return self if model in {"scripted", FLARE} else None

    async def close(self) -> None:
        self.seen.clear()


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest_asyncio.fixture
async def measured(db: Database, tmp_path: Path, hand: Hand) -> AsyncIterator[Api]:
    async with client.serving(db, tmp_path, encoders=hand) as found:
        yield found


async def likeness(api: Api, variant_id: str) -> float | None:
    found: float | None = (await api.run(LIKENESS, id=variant_id)).data["node"]["likeness"]
    return found


async def scenes(api: Api, subject_id: str, count: int) -> list[str]:
    given = {"prompt": "at sea", "subjectId": subject_id, "count": count, **steps.QUICK}
    payload = await api.do(IMAGES, **given)
    assert payload["userErrors"] == []
    async with api.working():
        await api.ended(payload["job"]["id"])
    return [node["id"] for node in payload["job"]["variants"]["nodes"]]


async def stored(db: Database) -> dict[uuid.UUID, tuple[float, ...]]:
    async with db.session() as session:
        rows = await session.scalars(select(Embedding))
        return {row.variant_id: tuple(map(float, row.vector)) for row in rows}


async def test_scene_is_compared_with_the_approved_base_image(measured: Api, db: Database) -> None:
    mira = await steps.persona(measured)
    [base] = await steps.drafts(measured, mira)
    await measured.do(steps.APPROVE, subjectId=mira)

    [first, second] = await scenes(measured, mira, 2)

    vectors = await stored(db)
    assert set(vectors) == {key(base), key(first), key(second)}
    for scene in (first, second):
        expected = cosine(vectors[key(scene)], vectors[key(base)])
        assert await likeness(measured, scene) == pytest.approx(expected, abs=1e-6)
    assert await likeness(measured, base) is None


async def test_base_image_that_was_uploaded_is_embedded_when_it_is_needed(
    measured: Api, db: Database, hand: Hand
) -> None:
    mira = await steps.persona(measured)
    [base] = await steps.drafts(measured, mira)
    await measured.do(steps.APPROVE, subjectId=mira)
    async with db.begin() as session:
        row = await session.get_one(Embedding, (key(base), hand.key))
        await session.delete(row)

    [scene] = await scenes(measured, mira, 1)

    assert set(await stored(db)) == {key(base), key(scene)}
    assert await likeness(measured, scene) is not None


async def test_first_base_image_is_compared_with_the_draft_it_refines(measured: Api, db: Database) -> None:
    mira = await steps.persona(measured)
    [draft] = await steps.drafts(measured, mira)

    [refined] = await steps.drafts(measured, mira)

    vectors = await stored(db)
    expected = cosine(vectors[key(refined)], vectors[key(draft)])
    assert await likeness(measured, refined) == pytest.approx(expected, abs=1e-6)


async def test_first_base_image_of_a_hosted_model_is_compared_with_the_reference_it_refines(
    db: Database, tmp_path: Path, hand: Hand
) -> None:
    async with hosting(db, tmp_path, encoders=hand, openai_api_key=KEY) as (api, _, _):
        mira = await steps.persona(api)
        [draft] = await steps.drafts(api, mira, model="scripted")

        payload = await api.do(steps.GENERATE, subjectId=mira, model=FLARE)
        async with api.working():
            await api.ended(payload["job"]["id"])

        [refined] = [node["id"] for node in payload["job"]["variants"]["nodes"]]
        vectors = await stored(db)
        expected = cosine(vectors[key(refined)], vectors[key(draft)])
        assert await likeness(api, refined) == pytest.approx(expected, abs=1e-6)


async def test_reference_that_was_uploaded_for_a_scene_is_no_look_to_compare_with(
    db: Database, tmp_path: Path, hand: Hand
) -> None:
    async with hosting(db, tmp_path, encoders=hand, openai_api_key=KEY) as (api, _, _):
        upload = await api.upload("me.png", picture())
        payload = await api.do(IMAGES, prompt="at sea", models=[FLARE], referenceUploadIds=[upload])
        async with api.working():
            await api.ended(payload["job"]["id"])

        [scene] = [node["id"] for node in payload["job"]["variants"]["nodes"]]
        assert await likeness(api, scene) is None
        assert set(await stored(db)) == {key(scene)}


async def test_without_an_encoder_nothing_is_measured_and_the_picture_is_made(api: Api, db: Database) -> None:
    mira = await steps.persona(api)
    [base] = await steps.drafts(api, mira)
    [refined] = await steps.drafts(api, mira)

    assert await likeness(api, refined) is None
    assert await stored(db) == {}
    assert (await api.run(SIMILAR, id=base)).data == {"similarVariants": []}


async def test_encoder_that_fails_costs_no_picture(measured: Api, db: Database, hand: Hand) -> None:
    hand.broken = True
    mira = await steps.persona(measured)

    [base] = await steps.drafts(measured, mira)

    node = (await measured.run(LIKENESS, id=base)).data["node"]
    assert node == {"likeness": None, "status": "DRAFT"}
    assert hand.seen
    assert await stored(db) == {}


async def test_neighbours_come_by_distance_from_ones_own_pictures_alone(api: Api, db: Database) -> None:
    bob = await api.another("bob")
    near, nearer, far = [await embedded(db, api, angle) for angle in (0.4, 0.1, 1.5)]
    one = await embedded(db, api, 0.0)
    await embedded(db, bob, 0.0)
    await embedded(db, api, 0.0, encoder="another")

    async def similar(first: int | None = None) -> list[str]:
        answer = await api.run(SIMILAR, id=one, first=first)
        return [node["id"] for node in answer.data["similarVariants"]]

    assert await similar() == [nearer, near, far]
    assert await similar(first=1) == [nearer]
    assert (await bob.run(SIMILAR, id=one)).code == "NOT_FOUND"
    assert (await api.run(SIMILAR, id="nonsense")).code == "INVALID_ID"


@pytest.mark.parametrize("first", [0, 101, -1])
async def test_number_out_of_range_is_told(api: Api, db: Database, first: int) -> None:
    one = await embedded(db, api, 0.0)

    assert (await api.run(SIMILAR, id=one, first=first)).code == "BAD_USER_INPUT"


async def test_cosine_lies_between_0_and_1() -> None:
    assert cosine((1.0, 0.0), (1.0, 0.0)) == 1.0
    assert cosine((1.0, 0.0), (0.0, 1.0)) == 0.0
    assert cosine((1.0, 0.0), (-1.0, 0.0)) == 0.0
    assert cosine((1.0, 0.0), (0.6, 0.8)) == pytest.approx(0.6)


async def embedded(db: Database, api: Api, angle: float, encoder: str = "hand") -> str:
    """A picture that an encoder has seen in that direction."""
    given: dict[str, Any] = {"owner_id": api.viewer.user_id}
    variant = Variant(
        id=new_id(), **given, purpose=VariantPurpose.SCENE, version_number=1, source=ImageSource.LOCAL
    )
    vector = [math.cos(angle), math.sin(angle)]
    async with db.begin() as session:
        session.add(variant)
        await session.flush()
        session.add(Embedding(variant_id=variant.id, encoder=encoder, **given, vector=vector))

    return encode("Variant", variant.id)
