"""Image jobs in an account, told as docs/images.md tells it, with its own operations, on the real server."""

import pathlib
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.peers.openai import KEY, OpenAIPeer
from tests.peers.serving import serving
from tests.running import RunningServer
from tests.story.pages import Page
from tests.story.telling import Telling, uploaded

PERSONAS, PAGE = Page("docs/personas.md"), Page("docs/images.md")
WORDS = "1. Ada bakes at dawn. 🌍\n2. Ada by the oven."
FLARE = "gpt-image-2.6-flare"


class Account(Telling):
    """The server, and the provider that writes and draws for it."""

    def __init__(self, server: RunningServer, peer: OpenAIPeer) -> None:
        super().__init__(server, PAGE)
        self.peer = peer


@pytest.fixture
def account(database_url: str, tmp_path: pathlib.Path) -> Iterator[Account]:
    peer = OpenAIPeer()
    peer.text = WORDS
    with ExitStack() as stack:
        base = f"{stack.enter_context(serving(peer.app)).url}/v1"
        environment = {
            "DATABASE_URL": database_url,
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": base,
            "TEXT_BASE_URL": base,
            "TEXT_MODEL": "writer",
            "TEXT_API_KEY": KEY,
            "HOSTED_ALLOW_PRIVATE": "true",
        }
        running = RunningServer(tmp_path / "data", environment)
        stack.callback(running.close)
        running.start()
        yield Account(running, peer)


async def approved(account: Account) -> str:
    """A persona whose look is locked."""
    personas = Telling(account.server, PERSONAS)
    persona = str((await personas.done("NewPersona"))["persona"]["id"])
    upload = uploaded(account.server)
    variant = (await personas.done("UseUpload", persona=persona, upload=upload))["variant"]["id"]
    await personas.done("ApproveBaseImage", persona=persona, variant=variant)
    return persona


async def ended(account: Account, job: str) -> str:
    """Watch a job to its end; its status there."""
    return str((await account.watch("Progress", job=job))[-1]["status"])


async def drawn_by_a_preset(account: Account, persona: str) -> str:
    """Estimated, asked for by a preset of one's own with a smart prompt, asked again, gone on from; the first job."""
    estimate = await account.run("Estimate")
    assert (float(estimate["costUsd"]), estimate["imagesLeftToday"]) == (0.0, None)
    presets = {preset["key"] for preset in await account.run("Presets")}
    assert {"portrait", "product", "avatar", "scene", "poster", "thumbnail", "draft", "print"} <= presets
    assert (await account.done("KeepPreset"))["preset"]["isSystem"] is False

    account.peer.text = "Ada kneads dough in a sunny kitchen."
    begun = (await account.done("Draw", persona=persona))["job"]
    assert (begun["title"], begun["project"]) == ("Kitchen", "spring")
    assert (await account.done("Draw", persona=persona))["job"]["id"] == begun["id"]
    assert await ended(account, begun["id"]) == "SUCCEEDED"
    pictures = (await account.run("Pictures", job=begun["id"]))["variants"]["nodes"]
    assert [one["versionNumber"] for one in pictures] == [1, 2]
    for one in pictures:
        assert (one["modelKey"], one["originalPrompt"], one["enhancedBy"]) == (
            "starter",
            "in a sunny kitchen",
            "writer",
        )
        assert one["enhancedPrompt"] == account.peer.text
        assert account.peer.text.rstrip(".") in one["composedPrompt"]
        assert "warm light" in one["composedPrompt"]
        assert {"PROMPT"} < {held["kind"] for held in one["conditioning"]}
        assert one["generationTimeMs"] > 0
    assert len({one["seed"] for one in pictures}) == len({one["imageHash"] for one in pictures}) == 2

    assert (await account.done("Rate", variant=pictures[0]["id"]))["variant"]["rating"] == 5
    assert (await account.done("Like", variant=pictures[1]["id"]))["variant"]["isFavorite"] is True
    further = (await account.done("GoOn", job=begun["id"]))["job"]
    assert (further["title"], further["continues"]["id"]) == ("Kitchen", begun["id"])
    assert further["series"]["totalCount"] == 3
    assert await ended(account, further["id"]) == "SUCCEEDED"
    return str(begun["id"])


async def compared_side_by_side(account: Account) -> None:
    """One picture of each model, the hosted one billed once."""
    account.peer.bills.clear()
    job = (await account.done("Compare"))["job"]
    assert [one["modelKey"] for one in job["variants"]["nodes"]] == ["starter", FLARE]
    assert await ended(account, job["id"]) == "SUCCEEDED"
    assert [bill["model"] for bill in account.peer.bills] == [FLARE]


async def read_and_suggested(account: Account, persona: str) -> None:
    """Two texts; whoever comes back, from the beginning or from any character, loses nothing and pays nothing."""
    account.peer.text, account.peer.seen = WORDS, []
    suggested = (await account.done("Suggest", persona=persona))["job"]
    analyzed = (await account.done("Analyze", upload=uploaded(account.server, side=64)))["job"]
    assert (suggested["kind"], analyzed["kind"]) == ("TEXT", "TEXT")
    for job in (suggested, analyzed):
        for _ in range(2):
            deltas = await account.watch("Words", job=job["id"])
            assert "".join(delta["text"] for delta in deltas) == WORDS
            assert deltas[-1]["done"] is True
    assert len(account.peer.seen) == 2


async def published_at_once(account: Account) -> None:
    """A finished picture that is published without being asked for again."""
    job = (await account.done("DrawAndPublish"))["job"]["id"]
    assert await ended(account, job) == "SUCCEEDED"
    while not (picture := (await account.run("Pictures", job=job))["variants"]["nodes"][0])["cdnUrl"]:
        assert picture["status"] == "DRAFT"
    assert picture["status"] == "PUBLISHED"
    assert account.fetch(picture["cdnUrl"]) == "image/png"


@pytest.mark.timeout(600)
@pytest.mark.asyncio
async def test_pictures_are_asked_for_compared_decided_on_published_and_limited(account: Account) -> None:
    persona = await approved(account)
    await drawn_by_a_preset(account, persona)
    await compared_side_by_side(account)
    await read_and_suggested(account, persona)
    await published_at_once(account)

    viewer = await account.run("Usage")
    assert (viewer["usage"]["imagesToday"], float(viewer["usage"]["heldUsd"])) == (6, 0.0)
    assert float(viewer["usage"]["spentThisMonthUsd"]) > 0
    await account.done("SetLimits", user=viewer["id"])
    too_many = await account.run("TooMany")
    assert too_many["job"] is None
    [error] = too_many["userErrors"]
    assert error["code"] == "QUOTA_EXCEEDED"
    assert error["message"].startswith(
        "2 pictures were asked for; 1 of your daily 7 left. The limit renews on "
    )
    assert account.told == set(PAGE.operations)
