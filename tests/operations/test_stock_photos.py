"""query stockPhotos and mutation attachStockPhoto"""

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from sqlalchemy import func, select, text

from app.composition import web
from app.http import application
from app.identity import Doors
from executor.content.guard import Guard
from store.database.sessions import Database
from store.database.tables import File, Variant
from tests.client import Api, refused
from tests.operations import posts
from tests.operations.test_content_rules import Flagging
from tests.operations.writers import writing
from tests.peers import pexels
from tests.peers.pexels import PexelsPeer
from tests.peers.serving import Served, serving

pytestmark = pytest.mark.asyncio
SEARCH = """
query ($query: String!, $first: Int, $orientation: Orientation) {
  stockPhotos(query: $query, first: $first, orientation: $orientation) {
    photoId thumbnail width height alt
    attribution { photographer photographerUrl sourceUrl licence text }
  }
}
"""
ATTACH = """
mutation ($input: AttachStockPhotoInput!) {
  attachStockPhoto(input: $input) {
    post { status }
    variant { id status source purpose width height modelKey providerJobId fileName url originalPrompt
              attribution { text sourceUrl } provenance { madeByAi } }
    userErrors { code message field }
  }
}
"""
Trio = tuple[Api, PexelsPeer, Served]


@pytest_asyncio.fixture
async def trio(db: Database, tmp_path: Path) -> AsyncIterator[Trio]:
    peer = PexelsPeer()
    with serving(peer.app) as served:
        peer.base = served.url
        async with writing(db, tmp_path, pexels_api_key=pexels.KEY, pexels_base_url=f"{served.url}/v1") as (
            api,
            _,
        ):
            yield api, peer, served


async def count(api: Api, table: type) -> int:
    async with api.shop.db.session() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def found(api: Api, **given: Any) -> Any:
    return (await api.run(SEARCH, **given)).data["stockPhotos"]


async def test_photographs_are_found_with_their_photographers(trio: Trio) -> None:
    api, peer, served = trio

    photos = await found(api, query="fresh  bread", first=2, orientation="LANDSCAPE")

    assert photos == [
        {
            "photoId": number,
            "thumbnail": f"{served.url}/photos/{number}.jpeg?h=350",
            "width": 4000,
            "height": 3000,
            "alt": "a fox",
            "attribution": {
                "photographer": f"Ann {number}",
                "photographerUrl": "https://www.pexels.com/@ann",
                "sourceUrl": f"https://www.pexels.com/photo/{number}/",
                "licence": "https://www.pexels.com/license/",
                "text": f"Photo by Ann {number} on Pexels",
            },
        }
        for number in (1, 2)
    ]
    assert peer.searches == [
        {"query": "fresh bread", "per_page": "2", "page": "1", "orientation": "landscape"}
    ]


async def test_same_search_is_asked_once_a_day_by_whomever(trio: Trio) -> None:
    api, peer, _ = trio
    bob = await api.another("bob")
    first = await found(api, query="Bread", first=2)
    assert api.server.stock is not None
    api.server.stock._pexels._kept.clear()  # as another server, which has only the database in common

    assert await found(bob, query="bread ", first=2) == first
    assert len(peer.searches) == 1
    await found(api, query="bread", first=3)
    assert len(peer.searches) == 2
    api.server.stock._pexels._kept.clear()
    async with api.shop.db.begin() as session:
        await session.execute(text("UPDATE stock_searches SET created_at = created_at - interval '25 hours'"))
    await found(api, query="bread", first=2)
    assert len(peer.searches) == 3


async def test_without_a_key_it_says_what_to_set(api: Api) -> None:
    answer = await api.run(SEARCH, query="bread")

    assert answer.code == "MODEL_UNAVAILABLE"
    assert answer.errors[0]["message"] == "There is no stock of photographs. Set PEXELS_API_KEY."
    post = await posts.post(api)
    assert refused(await api.do(ATTACH, postId=post, photoId=1)) == (
        "MODEL_UNAVAILABLE",
        "There is no stock of photographs. Set PEXELS_API_KEY.",
        ["photoId"],
    )


@pytest.mark.parametrize("given", [{"query": " "}, {"query": "x" * 101}, {"query": "x", "first": 81}])
async def test_search_that_cannot_be_is_refused(trio: Trio, given: dict[str, Any]) -> None:
    api, peer, _ = trio

    assert (await api.run(SEARCH, **given)).code == "BAD_USER_INPUT"
    assert peer.searches == []


async def test_provider_that_does_not_answer_is_named(trio: Trio) -> None:
    api, _, served = trio
    served.faults.add("answer", times=5, status=429, body=b'{"status":429}')

    answer = await api.run(SEARCH, query="bread")

    assert answer.code == "RATE_LIMITED"


async def test_photograph_becomes_a_candidate_with_its_attribution(trio: Trio) -> None:
    api, _, _ = trio
    post = await posts.post(api)

    payload = await api.do(ATTACH, postId=post, photoId=7)

    assert payload["userErrors"] == []
    assert payload["post"] == {"status": "AWAITING_APPROVAL"}
    shown = payload["variant"]
    assert (await api.http.get(shown.pop("url"))).headers["content-type"] == "image/jpeg"
    name, variant = shown.pop("fileName"), shown.pop("id")
    assert name.startswith("pexels_")
    assert (api.shop.vault._root / "previews" / name).is_file()
    assert shown == {
        "status": "DRAFT",
        "source": "STOCK",
        "purpose": "POST_IMAGE",
        "width": 120,
        "height": 90,
        "modelKey": "pexels",
        "providerJobId": "7",
        "originalPrompt": "a fox",
        "attribution": {"text": "Photo by Ann 7 on Pexels", "sourceUrl": "https://www.pexels.com/photo/7/"},
        "provenance": {"madeByAi": False},
    }
    await posts.published(api, post, variant)
    assert (await posts.of(api, post))["featuredImage"]["id"] == variant


async def test_same_photograph_twice_is_one_candidate(trio: Trio) -> None:
    api, _, _ = trio
    post = await posts.post(api)
    first = await api.do(ATTACH, postId=post, photoId=7)

    again = await api.do(ATTACH, postId=post, photoId=7)

    assert again["variant"]["id"] == first["variant"]["id"]
    assert [await count(api, table) for table in (Variant, File)] == [1, 1]


async def test_photograph_that_moderation_flags_waits_and_is_not_taken_again(trio: Trio) -> None:
    api, _, _ = trio
    moderation = Flagging("violence")
    server = dataclasses.replace(api.server, guard=Guard(moderation=moderation))
    app = application(web(server, Doors(api.shop.db, api.viewer)))
    post = await posts.post(api)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url="http://localhost"
    ) as http:
        strict = dataclasses.replace(api, server=server, http=http)
        payload = await strict.do(ATTACH, postId=post, photoId=7)
        again = await strict.do(ATTACH, postId=post, photoId=7)

    assert payload["userErrors"] == []
    assert payload["variant"]["status"] == "HELD"
    assert again["variant"]["id"] == payload["variant"]["id"]
    assert moderation.shown[0][0] == "a fox"
    assert (await posts.of(api, post))["status"] == "DRAFT"
    async with api.shop.db.session() as session:
        variant = (await session.scalars(select(Variant))).one()
    assert variant.held_reason == "Waits for a reviewer: Flagging's moderation flagged violence."


async def test_photograph_that_is_none_leaves_nothing(trio: Trio) -> None:
    api, _, served = trio
    post = await posts.post(api)
    bob = await api.another("bob")
    served.faults.add("answer", times=3, path="/photos/7.jpeg", status=200, body=b"<html>no picture</html>")

    assert refused(await api.do(ATTACH, postId=post, photoId=7))[::2] == ("MODEL_UNAVAILABLE", ["photoId"])
    assert refused(await bob.do(ATTACH, postId=post, photoId=7))[::2] == ("NOT_FOUND", ["postId"])

    assert [await count(api, table) for table in (Variant, File)] == [0, 0]
    assert list(api.shop.vault.stored()) == []
    assert (await posts.of(api, post))["status"] == "DRAFT"
