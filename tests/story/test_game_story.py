"""Play-by-post with characters, told as docs/games.md tells it, with its own operations, on the real server."""

import pathlib
import re
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.websockets import WebsocketsTransport

from resolvers.presets import BUILT_IN
from tests.patience import PATIENCE
from tests.running import RunningServer
from tests.story.pages import Page

DOCUMENT = "docs/games.md"
PAGE = Page(DOCUMENT)
LARGE_SEED = 9007199254740000


class Table:
    """The server, and everybody who sits at it."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server

    async def run(self, name: str, **known: str) -> Any:
        """Run one operation of the page; the value of its one field, or its userErrors when it was refused."""
        document, variables = PAGE.operation(name, **known)
        async with Client(
            transport=AIOHTTPTransport(url=f"{self.server.url}/graphql"), execute_timeout=PATIENCE
        ) as session:
            request = gql(document)
            request.variable_values = variables
            answer = await session.execute(request)
        [value] = answer.values()
        return value

    async def drawn(self, name: str, **known: str) -> tuple[Any, list[str]]:
        """Have pictures made and watch them to the end: the mutation's job, and (id, status) of the pictures."""
        begun = await self.run(name, **known)
        assert begun["userErrors"] == []
        document, variables = PAGE.operation("Progress", job=begun["job"]["id"])
        transport = WebsocketsTransport(
            url=self.server.url.replace("http", "ws") + "/graphql",
            connect_timeout=PATIENCE,
            ack_timeout=PATIENCE,
        )
        async with Client(transport=transport, execute_timeout=PATIENCE) as session:
            request = gql(document)
            request.variable_values = variables
            events = [event["jobProgress"] async for event in session.subscribe(request)]
        assert events[-1]["status"] == "SUCCEEDED"
        return begun["job"], [each["variant"]["id"] for each in events[-1]["variants"]]

    def fetch(self, address: str) -> str:
        """The media type at a picture's address."""
        with urllib.request.urlopen(self.server.url + address) as answer:
            return str(answer.headers["content-type"])


@pytest.fixture
def table(database_url: str, tmp_path: pathlib.Path) -> Iterator[Table]:
    rules = re.search(r"```toml\n(.*?)```", pathlib.Path(DOCUMENT).read_text(), re.DOTALL)
    assert rules is not None
    (tmp_path / "rules.toml").write_text(rules.group(1))
    running = RunningServer(
        tmp_path / "data", {"DATABASE_URL": database_url, "CONTENT_RULES": str(tmp_path / "rules.toml")}
    )
    running.start()
    yield Table(running)
    running.close()


@pytest.mark.asyncio
async def test_character_is_drawn_saved_and_played(table: Table) -> None:
    game = (await table.run("NewGame"))["game"]["id"]
    beat = (await table.run("NewBeat", game=game))["beat"]
    assert (beat["title"], beat["position"]) == ("At the gate", 1)
    templates = {template["key"]: template for template in await table.run("Templates")}
    assert len(templates) >= 8
    ash = (await table.run("NewCharacter", game=game))["character"]
    assert (ash["name"], ash["appearance"]) == ("Ash", templates["elven-ranger"]["appearance"])
    assert (ash["referenceSeed"], ash["baseImageStatus"]) == (None, "PENDING_UPLOAD")

    await table.drawn("Draw", character=ash["id"])
    await table.drawn("TryAgain", character=ash["id"])
    saved = (await table.run("Save", character=ash["id"]))["subject"]
    assert saved == {"baseImageStatus": "APPROVED", "appearanceLocked": True, "referenceSeed": 7}

    post = (await table.run("Write", beat=beat["id"]))["post"]
    assert post["beat"] == {"title": "At the gate"}
    assert [roll["notation"] for roll in post["diceRolls"]] == ["1d20+5", "2d6 [fire]"]
    assert 6 <= post["diceRolls"][0]["total"] <= 25
    rolled = (await table.run("Roll", post=post["id"]))["diceRoll"]
    assert rolled["breakdown"].endswith(f"= `{rolled['total']}`")
    assert (await table.run("RollBadly", post=post["id"]))["userErrors"] == [
        {
            "code": "INVALID_NOTATION",
            "message": "These dice cannot be rolled: 'adv' at character 5 is not understood.",
            "field": ["notation"],
        }
    ]

    _, [of_ash] = await table.drawn("Picture", character=ash["id"])
    job, [of_smith] = await table.drawn("PictureOfANewcomer", game=game)
    assert job["subject"]["name"] == "Dwarven smith"
    _, [of_gate] = await table.drawn("Scene")
    images = [
        (await table.run("Attach", post=post["id"], variant=variant))["postImage"]
        for variant in (of_ash, of_smith, of_gate)
    ]
    assert [image["character"] for image in images] == [{"name": "Ash"}, {"name": "Dwarven smith"}, None]
    assert images[0]["prompt"] == "drawing a bow at a mossy gate"
    assert images[0]["generationParams"]["seed"] == 7
    assert table.fetch(images[0]["thumbnailUrl"]) == "image/webp"
    assert table.fetch(images[0]["imageUrl"]) == "image/png"

    first, second, third = (image["id"] for image in images)
    detached = await table.run("Detach", image=third)
    assert [image["id"] for image in detached["post"]["images"]] == [first, second]
    reordered = await table.run("Reorder", post=post["id"], first=first, second=second)
    assert reordered["post"]["images"] == [{"id": second, "position": 1}, {"id": first, "position": 2}]
    captioned = await table.run("Caption", image=second)
    assert captioned["postImage"] == {"caption": "The gate of Mistvale"}

    assert table.server.end() == 0
    table.server.start()
    shown = await table.run("Game", game=game)
    assert shown["characters"]["nodes"] == [
        {"name": "Ash", "baseImageStatus": "APPROVED"},
        {"name": "Dwarven smith", "baseImageStatus": "PENDING_UPLOAD"},
    ]
    [written] = shown["beats"]["nodes"][0]["posts"]["nodes"]
    assert len(written["diceRolls"]) == 3
    assert [(image["position"], image["caption"]) for image in written["images"]] == [
        (1, "The gate of Mistvale"),
        (2, "At the gate"),
    ]


@pytest.mark.asyncio
async def test_rules_refuse_hold_and_leave_the_rest_to_a_reviewer(table: Table) -> None:
    game = (await table.run("NewGame"))["game"]["id"]
    beat = (await table.run("NewBeat", game=game))["beat"]["id"]
    refused = await table.run("WriteBadly", beat=beat)
    assert refused["post"] is None
    assert refused["userErrors"] == [
        {
            "code": "CONTENT_REFUSED",
            "message": "content is not taken: the content rule 'gore' found 'b l 0 0 d b a t h'. "
            "Nobody is hurt on this server.",
            "field": ["content"],
        }
    ]

    _, [first, second] = await table.drawn("PictureThatWaits")
    queue = await table.run("Waiting")
    assert queue["totalCount"] == 2
    assert {each["id"] for each in queue["nodes"]} == {first, second}
    assert queue["nodes"][0]["heldReason"] == (
        "Waits for a reviewer: the content rule 'weapons' found 'rifle'. Weapons are looked at first."
    )
    assert table.fetch(queue["nodes"][0]["url"]) == "image/png"
    released = await table.run("Release", variant=first)
    assert released["variant"] == {"status": "DRAFT", "heldReason": None}
    blocked = (await table.run("Block", variant=second))["variant"]
    assert (blocked["status"], blocked["rejectionReason"]) == ("BLOCKED", "No weapons in Mistvale.")
    assert (await table.run("Waiting"))["totalCount"] == 0


def test_wrong_rules_keep_the_server_from_starting(database_url: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "rules.toml").write_text('[[rule]]\nname = "gore"\naction = "burn"\n')
    running = RunningServer(
        tmp_path / "data", {"DATABASE_URL": database_url, "CONTENT_RULES": str(tmp_path / "rules.toml")}
    )
    with pytest.raises(AssertionError, match=r"CONTENT_RULES is wrong: .*'refuse' or 'hold'"):
        running.start()
    running.close()


def test_quality_tiers_are_presets() -> None:
    sizes = {
        key: (BUILT_IN[key].parameters["width"], BUILT_IN[key].parameters["height"])
        for key in ("draft", "standard", "high")
    }
    assert sizes == {"draft": (512, 512), "standard": (1024, 1024), "high": (1024, 1024)}
    assert BUILT_IN["high"].parameters["steps"] == 50


def test_page_has_every_operation_that_the_story_runs() -> None:
    told = pathlib.Path(__file__).read_text()
    assert [name for name in PAGE.operations if f'"{name}"' not in told] == []
