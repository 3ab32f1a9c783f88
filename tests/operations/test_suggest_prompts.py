"""mutation suggestPrompts, and subscription jobText"""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from schema import schema
from store.database.sessions import Database
from store.database.tables import Job, LedgerEntry, Task
from tests.client import Api, refused
from tests.operations import steps
from tests.operations.writers import TEXT, WRITER, deltas, writing
from tests.peers.openai import OpenAIPeer

pytestmark = pytest.mark.asyncio
SUGGEST = """
mutation ($input: SuggestPromptsInput!) {
  suggestPrompts(input: $input) {
    job { id kind status title subject { id } text }
    userErrors { code message field }
  }
}
"""
STATE = "query ($id: ID!) { node(id: $id) { ... on Job { status text costUsd failure { code } } } }"
WORDS = "1. Größe 🌍 am Morgen.\n2. Mira backt Brot."

Pair = tuple[Api, OpenAIPeer]


@pytest_asyncio.fixture
async def pair(db: Database, tmp_path: Path) -> AsyncIterator[Pair]:
    async with writing(db, tmp_path) as made:
        made[1].text = WORDS
        yield made


async def state(api: Api, job_id: str) -> Any:
    return (await api.run(STATE, id=job_id)).data["node"]


async def test_text_is_written_kept_and_billed(pair: Pair) -> None:
    api, peer = pair
    mira = await steps.persona(api, personality="calm")
    with api.statements() as statements:
        payload = await api.do(SUGGEST, subjectId=mira, scene="a bakery at dawn", useCase="poster", count=2)
    assert payload["userErrors"] == []
    job = payload["job"]
    job_id = job.pop("id")
    assert job == {
        "kind": "TEXT",
        "status": "QUEUED",
        "title": "Prompts for Mira",
        "subject": {"id": mira},
        "text": None,
    }
    assert len(statements) == 7
    async with api.working():
        await api.ended(job_id)
    assert await state(api, job_id) == {
        "status": "SUCCEEDED",
        "text": WORDS,
        "costUsd": "0.005",
        "failure": None,
    }
    [seen] = peer.seen
    assert seen["model"] == WRITER
    assert seen["messages"][1]["content"] == (
        "Suggest 2 prompts.\nWho: a baker\nPersonality: calm\nScene: a bakery at dawn\nUse: poster"
    )
    usage = (await api.run("{ viewer { usage { spentThisMonthUsd heldUsd imagesToday } } }")).data["viewer"]
    assert usage == {"usage": {"spentThisMonthUsd": "0.005", "heldUsd": "0", "imagesToday": 0}}


async def test_deltas_join_to_the_whole_text_from_any_character(pair: Pair) -> None:
    api, peer = pair
    job_id = (await api.do(SUGGEST, scene="a harbour"))["job"]["id"]
    async with api.working():
        seen = [each async for each in deltas(api, job_id)]
    assert "".join(each["text"] for each in seen) == WORDS
    assert [each["done"] for each in seen] == [False] * (len(seen) - 1) + [True]
    offset = 0
    for each in seen:
        assert (each["offset"], each["next"]) == (offset, offset + len(each["text"]))
        offset = each["next"]
    for after in (0, 8, len(WORDS), len(WORDS) + 5):
        [again] = [each async for each in deltas(api, job_id, after)]
        whole = max(after, len(WORDS))
        assert again == {"offset": after, "text": WORDS[after:], "next": whole, "done": True}
    assert len(peer.bills) == 1


async def test_watching_a_queued_text_asks_and_bills_nothing(pair: Pair) -> None:
    api, peer = pair
    job_id = (await api.do(SUGGEST, scene="a harbour"))["job"]["id"]
    before = await state(api, job_id)
    for _ in range(3):
        stream = deltas(api, job_id)
        await stream.aclose()
    assert await state(api, job_id) == before
    assert peer.seen == []


async def test_foreign_job_has_no_text(pair: Pair) -> None:
    api, _ = pair
    job_id = (await api.do(SUGGEST, scene="a harbour"))["job"]["id"]
    bob = await api.another("bob")
    for caller, after, code in ((bob, 0, "NOT_FOUND"), (api, -1, "BAD_USER_INPUT")):
        found = await schema.subscribe(TEXT, {"id": job_id, "after": after}, context_value=caller.context())
        results = [each async for each in found]
        assert [(error.extensions or {})["code"] for each in results for error in each.errors or []] == [code]


async def test_refused_text_fails_the_job_and_is_billed_as_the_provider_did(pair: Pair) -> None:
    api, peer = pair
    peer.behave.append("content_filter")
    job_id = (await api.do(SUGGEST, scene="a harbour"))["job"]["id"]
    async with api.working():
        await api.ended(job_id)
    found = await state(api, job_id)
    assert (found["status"], found["failure"]) == ("FAILED", {"code": "REJECTED_CONTENT"})
    assert len(peer.bills) == 1


async def test_same_key_asks_once(pair: Pair) -> None:
    api, _ = pair
    first = await api.do(SUGGEST, scene="a harbour", idempotencyKey="k")
    assert await api.do(SUGGEST, scene="a harbour", idempotencyKey="k") == first
    async with api.shop.db.session() as session:
        assert await session.scalar(select(func.count()).select_from(Job)) == 1


async def test_budget_is_held_and_refused(pair: Pair) -> None:
    api, _ = pair
    await steps.limit(api, monthly_budget_usd=Decimal("0.01"))
    payload = await api.do(SUGGEST, scene="a harbour")
    assert payload["userErrors"] == []
    code, words, field = refused(await api.do(SUGGEST, scene="a harbour"))
    assert (code, field) == ("BUDGET_EXCEEDED", None)
    assert words.startswith("This may cost $0.008286; $0.001714 of your")
    assert " monthly budget of $0.01 is left. It renews on " in words
    async with api.shop.db.session() as session:
        assert await session.scalar(select(func.count()).select_from(Task)) == 1
        assert await session.scalar(select(func.count()).select_from(LedgerEntry)) == 1


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({}, "scene", "Give `subjectId` or `scene`: what shall the prompts be about?"),
        ({"scene": " "}, "scene", "Give `subjectId` or `scene`: what shall the prompts be about?"),
        ({"scene": "x", "count": 11}, "count", "count must be between 1 and 10; got 11."),
    ],
)
async def test_unusable_wish_is_refused(pair: Pair, given: Any, field: str, words: str) -> None:
    api, _ = pair
    assert refused(await api.do(SUGGEST, **given)) == ("INVALID_INPUT", words, [field])
    async with api.shop.db.session() as session:
        assert await session.scalar(select(func.count()).select_from(Job)) == 0


async def test_without_a_text_model_the_answer_says_how_to_set_one(api: Api) -> None:
    code, words, field = refused(await api.do(SUGGEST, scene="a harbour"))
    assert (code, field) == ("NO_TEXT_MODEL", None)
    assert words == (
        "There is no text model. Set TEXT_BASE_URL and TEXT_MODEL (any OpenAI-compatible endpoint, such as Ollama "
        "or vLLM), or OPENAI_API_KEY."
    )
