"""Content rules and what a text model writes: refused, or the pictures that go with it are held."""

import dataclasses
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from executor.content.guard import Guard, spoken
from executor.content.rules import Rules
from store.database.sessions import Database
from tests.client import Api
from tests.operations import steps
from tests.operations.writers import writing
from tests.peers.openai import OpenAIPeer

WRITE = """
mutation ($input: WriteArticleInput!) {
  writeArticle(input: $input) { post { id } job { id } userErrors { code message } }
}
"""
STATE = """
query ($job: ID!, $post: ID!) {
  job: node(id: $job) { ... on Job { status text failure { code message } variants { nodes { status heldReason } } } }
  post: node(id: $post) { ... on Post { content status } }
}
"""
RULES = """
[[rule]]
name = "gore"
action = "refuse"
words = ["bloodbath"]

[[rule]]
name = "weapons"
action = "hold"
words = ["rifle"]
"""
ARTICLE = {
    "title": "Bread",
    "excerpt": "It is chemistry.",
    "content": "The crust browns.",
    "imagePrompt": "a loaf",
    "imageQuery": "bread",
}
Pair = tuple[Api, OpenAIPeer]


@pytest_asyncio.fixture
async def pair(db: Database, tmp_path: Path) -> AsyncIterator[Pair]:
    async with writing(db, tmp_path) as (api, peer):
        server = dataclasses.replace(api.server, guard=Guard(Rules.parse(RULES)))
        yield dataclasses.replace(api, server=server), peer


async def written(pair: Pair, text: str) -> Any:
    """An article that the model writes like that, at its end."""
    api, peer = pair
    peer.text = text
    payload = await api.do(WRITE, topic="bread", imageCount=1, **steps.QUICK)
    assert payload["userErrors"] == []
    async with api.working():
        await api.ended(payload["job"]["id"])
    return (await api.run(STATE, job=payload["job"]["id"], post=payload["post"]["id"])).data


@pytest.mark.asyncio
async def test_banned_word_in_an_article_is_not_kept(pair: Pair) -> None:
    plain = json.dumps(ARTICLE | {"content": "It was a bloodbath."})
    escaped = plain.replace("bloodbath", "".join(f"\\u{ord(letter):04x}" for letter in "bloodbath"))
    assert "bloodbath" not in escaped
    found = await written(pair, escaped)
    assert found["post"] == {"content": "", "status": "DRAFT"}
    assert (found["job"]["status"], found["job"]["text"]) == ("FAILED", None)
    assert found["job"]["failure"] == {
        "code": "REJECTED_CONTENT",
        "message": "The text model's words are not kept: the content rule 'gore' found 'bloodbath'.",
    }


@pytest.mark.asyncio
async def test_picture_of_an_article_with_a_held_word_waits(pair: Pair) -> None:
    found = await written(pair, json.dumps(ARTICLE | {"content": "A rifle hung on the wall."}))
    assert found["job"]["status"] == "SUCCEEDED"
    assert found["job"]["variants"]["nodes"] == [
        {"status": "HELD", "heldReason": "Waits for a reviewer: the content rule 'weapons' found 'rifle'."}
    ]
    assert found["post"] == {"content": "A rifle hung on the wall.", "status": "AWAITING_IMAGE"}


@pytest.mark.asyncio
async def test_innocent_article_waits_for_nobody(pair: Pair) -> None:
    found = await written(pair, json.dumps(ARTICLE))
    assert found["job"]["variants"]["nodes"] == [{"status": "DRAFT", "heldReason": None}]


def test_what_is_said_is_read_out_of_its_wrapping() -> None:
    assert spoken('{"a": "x", "b": ["y", {"c": "z"}], "d": 1, "e": null}') == "x\ny\nz"
    assert spoken("plain words") == "plain words"
    assert spoken('"\\u0061"') == "a"
