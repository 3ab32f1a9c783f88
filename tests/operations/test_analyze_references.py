"""mutation analyzeReferences"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from store.database.sessions import Database
from store.database.tables import Job
from tests.client import Api, refused
from tests.operations.writers import writing
from tests.peers.openai import OpenAIPeer
from tests.peers.pictures import picture

pytestmark = pytest.mark.asyncio
ANALYZE = """
mutation ($input: AnalyzeReferencesInput!) {
  analyzeReferences(input: $input) { job { id kind title text } userErrors { code message field } }
}
"""
STATE = "query ($id: ID!) { node(id: $id) { ... on Job { status text } } }"
Pair = tuple[Api, OpenAIPeer]


@pytest_asyncio.fixture
async def pair(db: Database, tmp_path: Path) -> AsyncIterator[Pair]:
    async with writing(db, tmp_path) as made:
        made[1].text = "Both show red hair."
        yield made


async def jobs(api: Api) -> int:
    async with api.shop.db.session() as session:
        return await session.scalar(select(func.count()).select_from(Job)) or 0


async def test_pictures_are_read_in_their_order(pair: Pair) -> None:
    api, peer = pair
    uploads = [await api.upload(f"{side}.png", picture(side, side)) for side in (16, 24)]
    with api.statements() as statements:
        payload = await api.do(ANALYZE, uploadIds=uploads, question="Which hair?")
    assert payload["userErrors"] == []
    assert payload["job"]["title"] == "Analysis of 2 references"
    assert len(statements) == 6
    async with api.working():
        await api.ended(payload["job"]["id"])
    found = (await api.run(STATE, id=payload["job"]["id"])).data["node"]
    assert found == {"status": "SUCCEEDED", "text": "Both show red hair."}
    [seen] = peer.seen
    question, *pictures = seen["messages"][1]["content"]
    assert question == {"type": "text", "text": "Which hair?"}
    assert len({each["image_url"]["url"] for each in pictures}) == 2


async def test_number_of_pictures_is_bounded(pair: Pair) -> None:
    api, _ = pair
    upload = await api.upload("a.png", picture(16, 16))
    for given in ([], [upload] * 11):
        code, words, field = refused(await api.do(ANALYZE, uploadIds=given))
        assert (code, field) == ("INVALID_INPUT", ["uploadIds"])
        assert words == f"Give 1 to 10 uploads; got {len(given)}."
    assert await jobs(api) == 0


async def test_foreign_and_malformed_uploads_are_refused(pair: Pair) -> None:
    api, _ = pair
    upload = await api.upload("a.png", picture(16, 16))
    bob = await api.another("bob")
    assert refused(await bob.do(ANALYZE, uploadIds=[upload]))[::2] == ("NOT_FOUND", ["uploadIds"])
    assert refused(await api.do(ANALYZE, uploadIds=[upload, "x"]))[::2] == ("INVALID_ID", ["uploadIds", "1"])
    assert await jobs(api) == 0


async def test_without_a_text_model_nothing_is_enqueued(api: Api) -> None:
    upload = await api.upload("a.png", picture(16, 16))
    assert refused(await api.do(ANALYZE, uploadIds=[upload]))[0] == "NO_TEXT_MODEL"
    assert await jobs(api) == 0
