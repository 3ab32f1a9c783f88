"""Articles with a featured image, told as docs/articles.md tells it, with its own operations, on the real server."""

import json
import pathlib
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.websockets import WebsocketsTransport

from tests.patience import PATIENCE
from tests.peers import pexels
from tests.peers.openai import KEY, OpenAIPeer
from tests.peers.pexels import PexelsPeer
from tests.peers.s3 import BUCKET, KEY_ID, REGION, SECRET, S3Peer
from tests.peers.serving import serving
from tests.running import RunningServer
from tests.story.pages import Page

PAGE = Page("docs/articles.md")
ARTICLE = {
    "title": "Why Fresh Bread Smells So Good",
    "excerpt": "It is chemistry, and memory.",
    "content": "The crust browns.\n\nThat is Maillard's reaction.",
    "imagePrompt": "a loaf of bread on a wooden table, morning light",
    "imageQuery": "fresh bread",
}


class World:
    """The server, and everything outside it."""

    def __init__(self, server: RunningServer, text: OpenAIPeer, bucket: S3Peer) -> None:
        self.server = server
        self.text = text
        self.bucket = bucket
        self.folder = server._folder

    async def run(self, name: str, **known: str) -> Any:
        """Run one operation of the page; the value of its one field."""
        document, variables = PAGE.operation(name, **known)
        transport = AIOHTTPTransport(url=f"{self.server.url}/graphql")
        async with Client(transport=transport, execute_timeout=PATIENCE) as session:
            request = gql(document)
            request.variable_values = variables
            answer = await session.execute(request)
        [value] = answer.values()
        if isinstance(value, dict):
            assert value.get("userErrors", []) == []
        return value

    async def watch(self, name: str, **known: str) -> list[Any]:
        """Every event of one subscription of the page."""
        document, variables = PAGE.operation(name, **known)
        transport = WebsocketsTransport(
            url=self.server.url.replace("http", "ws") + "/graphql",
            connect_timeout=PATIENCE,
            ack_timeout=PATIENCE,
        )
        async with Client(transport=transport, execute_timeout=PATIENCE) as session:
            request = gql(document)
            request.variable_values = variables
            return [next(iter(event.values())) async for event in session.subscribe(request)]

    def fetch(self, address: str) -> int:
        """The status of a picture's address."""
        whole = address if address.startswith("http") else self.server.url + address
        try:
            with urllib.request.urlopen(whole) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code


@pytest.fixture
def world(database_url: str, tmp_path: pathlib.Path) -> Iterator[World]:
    text, photos, bucket = OpenAIPeer(), PexelsPeer(), S3Peer(time.time)
    text.text = json.dumps(ARTICLE)
    with ExitStack() as stack:
        writer, stock, store = (stack.enter_context(serving(peer.app)) for peer in (text, photos, bucket))
        photos.base = stock.url
        running = RunningServer(
            tmp_path / "data",
            {
                "DATABASE_URL": database_url,
                "TEXT_BASE_URL": f"{writer.url}/v1",
                "TEXT_MODEL": "writer",
                "TEXT_API_KEY": KEY,
                "PEXELS_API_KEY": pexels.KEY,
                "PEXELS_BASE_URL": f"{stock.url}/v1",
                "HOSTED_ALLOW_PRIVATE": "true",
                "S3_BUCKET": BUCKET,
                "S3_ENDPOINT": store.url,
                "S3_REGION": REGION,
                "S3_ACCESS_KEY_ID": KEY_ID,
                "S3_SECRET_ACCESS_KEY": SECRET,
                "S3_ALLOW_HTTP": "true",
                "S3_PUBLIC_URL": "https://cdn.example",
            },
        )
        stack.callback(running.close)
        running.start()
        yield World(running, text, bucket)


async def more_to_choose_from(world: World, post: str) -> None:
    """Another picture of the model's, and a photograph with its photographer."""
    more = await world.run("MorePictures", post=post)
    assert (await world.watch("Progress", job=more["job"]["id"]))[-1]["status"] == "SUCCEEDED"
    photographs = await world.run("Photographs")
    assert photographs[0]["attribution"]["text"] == "Photo by Ann 1 on Pexels"
    taken = await world.run("TakePhotograph", post=post)
    assert taken["variant"]["source"] == "STOCK"


async def own_text_with_a_photograph(world: World) -> None:
    """An article that is written already, and a picture that is found."""
    own = await world.run("OwnText")
    assert (own["reused"], own["post"]["status"]) == (False, "AWAITING_IMAGE")
    assert (await world.watch("Progress", job=own["job"]["id"]))[-1]["status"] == "SUCCEEDED"
    article = await world.run("Article", slug="how-to-keep-bread")
    [photograph] = article["candidates"]["nodes"]
    assert (article["content"], article["status"]) == (
        "In paper, never in the fridge.",
        "AWAITING_APPROVAL",
    )
    assert photograph["attribution"]["text"].startswith("Photo by Ann ")


@pytest.mark.timeout(600)
@pytest.mark.asyncio
async def test_topic_becomes_a_published_article(world: World) -> None:
    begun = await world.run("WriteArticle")
    assert (begun["post"]["status"], begun["reused"]) == ("WRITING", False)
    job, post = begun["job"]["id"], begun["post"]["id"]

    deltas = await world.watch("Text", job=job)
    assert json.loads("".join(delta["text"] for delta in deltas)) == ARTICLE
    assert [delta["offset"] for delta in deltas[1:]] == [delta["next"] for delta in deltas[:-1]]
    assert deltas[-1]["done"] is True
    events = await world.watch("Progress", job=job)
    assert events[-1]["status"] == "SUCCEEDED"

    slug = "why-fresh-bread-smells-so-good"
    article = await world.run("Article", slug=slug)
    assert {
        name: article[name] for name in ("id", "title", "content", "excerpt", "imagePrompt", "status")
    } == {
        "id": post,
        "status": "AWAITING_APPROVAL",
        **{name: ARTICLE[name] for name in ("title", "content", "excerpt", "imagePrompt")},
    }
    chosen, other = article["candidates"]["nodes"]
    assert (chosen["previewMode"], chosen["status"], world.fetch(chosen["url"])) == (True, "DRAFT", 200)
    copies = world.folder / "previews"
    assert {copy.name for copy in copies.iterdir()} == {chosen["fileName"], other["fileName"]}

    await more_to_choose_from(world, post)
    assert len((await world.run("Article", slug=slug))["candidates"]["nodes"]) == 4

    await own_text_with_a_photograph(world)
    assert len(world.text.seen) == 1

    approved = await world.run("Approve", post=post, variant=chosen["id"])
    twice = await world.run("Approve", post=post, variant=chosen["id"])
    assert twice["job"]["id"] == approved["job"]["id"]
    assert (await world.watch("Progress", job=approved["job"]["id"]))[-1]["status"] == "SUCCEEDED"
    published = await world.run("Article", slug=slug)
    [key] = world.bucket.objects
    assert world.bucket.writes == [key]
    assert (published["status"], published["featuredImageUrl"]) == ("PUBLISHED", f"https://cdn.example/{key}")
    states = {one["id"]: (one["status"], one["previewMode"]) for one in published["candidates"]["nodes"]}
    assert states[chosen["id"]] == ("PUBLISHED", False)
    assert states[other["id"]] == ("DRAFT", True)
    assert world.fetch(chosen["url"]) == 404
    assert world.fetch(other["url"]) == 200
    assert not (copies / chosen["fileName"]).exists()
    assert (copies / other["fileName"]).exists()

    assert (await world.run("Keep", variant=other["id"]))["variant"]["keep"] is True

    again = await world.run("Again")
    assert (again["reused"], again["post"]["id"], again["job"]["reusedPost"]) == (True, post, True)
    assert (await world.watch("Progress", job=again["job"]["id"]))[-1]["status"] == "SUCCEEDED"
    after = await world.run("Article", slug=slug)
    assert after["featuredImageUrl"] == published["featuredImageUrl"]
    assert len(after["candidates"]["nodes"]) == 5
    assert len(world.text.seen) == 1

    assert world.server.end() == 0
    world.server.start()
    kept = await world.run("Article", slug=slug)
    assert (kept["status"], kept["content"]) == ("PUBLISHED", ARTICLE["content"])


def test_page_has_every_operation_that_the_story_runs() -> None:
    assert list(PAGE.operations) == [
        "WriteArticle",
        "Text",
        "Progress",
        "Article",
        "MorePictures",
        "Photographs",
        "TakePhotograph",
        "OwnText",
        "Approve",
        "Again",
        "Keep",
    ]
