"""mutations writeArticle and regeneratePostImages"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from store.database.sessions import Database
from store.database.tables import Job, LedgerEntry, Limits, Post, Task
from tests.client import Api, refused
from tests.operations import posts, steps
from tests.operations.writers import deltas, writing
from tests.peers import pexels
from tests.peers.openai import OpenAIPeer
from tests.peers.pexels import PexelsPeer
from tests.peers.serving import serving

pytestmark = pytest.mark.asyncio
WRITE = """
mutation ($input: WriteArticleInput!) {
  writeArticle(input: $input) {
    post { id title slug status content featuredImageUrl }
    job { id kind status title reusedPost post { id } variants { nodes { id status source originalPrompt composedPrompt } } }
    reused
    userErrors { code message field }
  }
}
"""
REGENERATE = """
mutation ($input: RegeneratePostImagesInput!) {
  regeneratePostImages(input: $input) {
    post { id status } job { id kind status title variants { nodes { id originalPrompt } } }
    userErrors { code message field }
  }
}
"""
STATE = """
query ($id: ID!) {
  node(id: $id) { ... on Job { status text reusedPost failedCount costUsd failure { code message } post { id }
    variants { nodes { status source originalPrompt composedPrompt attribution { text sourceUrl }
                       provenance { madeByAi } previewMode fileName } } } }
}
"""
RETRY = "mutation ($input: RetryJobInput!) { retryJob(input: $input) { job { id variants { nodes { status } } } userErrors { code message } } }"
CANCEL = (
    "mutation ($input: CancelJobInput!) { cancelJob(input: $input) { job { status } userErrors { code } } }"
)
ARTICLE = {
    "title": "Why Bread Smells Good",
    "excerpt": "It is chemistry.",
    "content": "The crust browns.\n\nThat is Maillard's reaction.",
    "imagePrompt": "a loaf on a wooden table, morning light",
    "imageQuery": "fresh bread",
}
QUICK = {"width": 64, "height": 64, "steps": 2}

Pair = tuple[Api, OpenAIPeer]


@pytest.fixture
def photos() -> Iterator[dict[str, Any]]:
    """Settings of a stock of photographs."""
    peer = PexelsPeer()
    with serving(peer.app) as served:
        peer.base = served.url
        yield {"pexels_api_key": pexels.KEY, "pexels_base_url": f"{served.url}/v1"}


@pytest_asyncio.fixture
async def pair(db: Database, tmp_path: Path, photos: dict[str, Any]) -> AsyncIterator[Pair]:
    async with writing(db, tmp_path, **photos) as made:
        made[1].text = json.dumps(ARTICLE)
        yield made


async def state(api: Api, job_id: str) -> Any:
    return (await api.run(STATE, id=job_id)).data["node"]


async def written(api: Api, **given: Any) -> tuple[Any, Any]:
    """The payload of writeArticle, and its job at the end."""
    payload = await api.do(WRITE, **{"imageCount": 1, **QUICK, **given})
    assert payload["userErrors"] == []
    async with api.working():
        await api.ended(payload["job"]["id"])
    return payload, await state(api, payload["job"]["id"])


async def count(api: Api, table: type) -> int:
    async with api.shop.db.session() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def test_article_is_written_and_its_pictures_wait_for_approval(pair: Pair) -> None:
    api, peer = pair
    payload = await api.do(WRITE, topic="why bread smells good?", imageCount=2, **QUICK)
    post, job = payload["post"], payload["job"]
    assert payload["userErrors"] == []
    assert payload["reused"] is False
    assert {name: post[name] for name in ("title", "slug", "status", "content")} == {
        "title": None,
        "slug": None,
        "status": "WRITING",
        "content": "",
    }
    assert (job["kind"], job["status"], job["title"]) == ("ARTICLE", "QUEUED", "why bread smells good?")
    assert [one["status"] for one in job["variants"]["nodes"]] == ["QUEUED", "QUEUED"]

    async with api.working():
        await api.ended(job["id"])
        said = "".join([delta["text"] async for delta in deltas(api, job["id"])])

    assert json.loads(said) == ARTICLE
    ended = await state(api, job["id"])
    assert (ended["status"], ended["failedCount"], ended["reusedPost"]) == ("SUCCEEDED", 0, False)
    for one in ended["variants"]["nodes"]:
        assert one["status"] == "DRAFT"
        assert one["originalPrompt"] == ARTICLE["imagePrompt"]
        assert one["composedPrompt"] == f"{ARTICLE['imagePrompt']}."
        assert one["previewMode"] is True
    now = await posts.of(api, post["id"])
    assert {name: now[name] for name in ("title", "slug", "content", "excerpt", "status")} == {
        "title": ARTICLE["title"],
        "slug": "why-bread-smells-good",
        "content": ARTICLE["content"],
        "excerpt": ARTICLE["excerpt"],
        "status": "AWAITING_APPROVAL",
    }
    [asked] = peer.seen
    assert asked["response_format"]["json_schema"]["strict"] is True
    assert "Topic: why bread smells good?" in asked["messages"][-1]["content"]
    found = await api.run('{ post(slug: "why-bread-smells-good") { id } }')
    assert found.data["post"]["id"] == post["id"]
    bob = await api.another("bob")
    assert (await bob.run('{ post(slug: "why-bread-smells-good") { id } }')).data == {"post": None}


async def test_persona_gives_its_voice_and_its_look(pair: Pair) -> None:
    api, peer = pair
    mira = await steps.persona(api, personality="dry, precise")

    _, ended = await written(api, topic="bread", personaId=mira)

    words = peer.seen[0]["messages"][-1]["content"]
    assert "The author is Mira." in words
    assert "dry, precise" in words
    assert ended["variants"]["nodes"][0]["composedPrompt"] == f"a baker. {ARTICLE['imagePrompt']}."


async def test_topic_that_was_written_about_is_used_again(pair: Pair) -> None:
    api, peer = pair
    first, _ = await written(api, topic="Why bread smells good")
    before = await posts.of(api, first["post"]["id"])
    published = await posts.published(api, first["post"]["id"], before["candidates"]["nodes"][0]["id"])
    assert published["status"] == "SUCCEEDED"
    before = await posts.of(api, first["post"]["id"])
    peer.text = json.dumps({**ARTICLE, "content": "Something else."})

    again, ended = await written(api, topic="why BREAD smells good")
    by_title, _ = await written(api, topic=ARTICLE["title"])

    assert again["reused"] is by_title["reused"] is True
    assert again["post"]["id"] == by_title["post"]["id"] == first["post"]["id"]
    assert ended["reusedPost"] is True
    assert len(peer.seen) == 1
    after = await posts.of(api, first["post"]["id"])
    assert len(after["candidates"]["nodes"]) == 3
    for name in ("content", "title", "status", "featuredImageUrl", "featuredImage"):
        assert after[name] == before[name]
    assert ended["variants"]["nodes"][0]["originalPrompt"] == ARTICLE["imagePrompt"]


async def test_title_that_turns_out_to_exist_is_used_again(pair: Pair) -> None:
    api, peer = pair
    first, _ = await written(api, topic="the smell of bread")
    before = await posts.of(api, first["post"]["id"])
    peer.text = json.dumps({**ARTICLE, "content": "Something else."})

    payload, ended = await written(api, topic="what makes bread smell")

    assert payload["reused"] is False  # nobody could know yet
    assert ended["reusedPost"] is True
    assert ended["post"]["id"] == first["post"]["id"]
    assert (await api.run("query ($id: ID!) { node(id: $id) { id } }", id=payload["post"]["id"])).data[
        "node"
    ] is None
    after = await posts.of(api, first["post"]["id"])
    assert (after["content"], len(after["candidates"]["nodes"])) == (before["content"], 2)
    assert len(peer.seen) == 2


async def test_two_at_the_same_instant_succeed_on_one_post(pair: Pair) -> None:
    api, peer = pair

    payloads = await asyncio.gather(*(api.do(WRITE, topic="bread", imageCount=1, **QUICK) for _ in range(6)))

    assert [payload["userErrors"] for payload in payloads] == [[]] * 6
    assert len({payload["post"]["id"] for payload in payloads}) == 1
    assert sorted(payload["reused"] for payload in payloads) == [False, True, True, True, True, True]
    async with api.working():
        for payload in payloads:
            await api.ended(payload["job"]["id"])
    states = [await state(api, payload["job"]["id"]) for payload in payloads]
    assert [(one["status"], one["failure"]) for one in states] == [("SUCCEEDED", None)] * 6
    assert len(peer.seen) == 1
    [found] = (await api.run("{ posts { nodes { slug candidates { totalCount } } } }")).data["posts"]["nodes"]
    assert found == {"slug": "why-bread-smells-good", "candidates": {"totalCount": 6}}


async def test_two_topics_of_one_title_succeed_on_one_post(pair: Pair) -> None:
    api, peer = pair
    payloads = [await api.do(WRITE, topic=topic, imageCount=1, **QUICK) for topic in ("a", "b", "c")]

    async with api.working():
        for payload in payloads:
            await api.ended(payload["job"]["id"])

    states = [await state(api, payload["job"]["id"]) for payload in payloads]
    assert [one["status"] for one in states] == ["SUCCEEDED"] * 3
    assert sorted(one["reusedPost"] for one in states) == [False, True, True]
    [found] = (await api.run("{ posts { nodes { slug candidates { totalCount } } } }")).data["posts"]["nodes"]
    assert found == {"slug": "why-bread-smells-good", "candidates": {"totalCount": 3}}
    assert len(peer.seen) == 3


async def test_given_text_needs_no_text_model(api: Api) -> None:
    payload, ended = await written(
        api, title="My Own", content="My own words.", imagePrompt="a pen", imageCount=2
    )

    assert payload["post"]["status"] == "AWAITING_IMAGE"
    assert payload["post"]["slug"] == "my-own"
    assert [one["originalPrompt"] for one in ended["variants"]["nodes"]] == ["a pen", "a pen"]
    now = await posts.of(api, payload["post"]["id"])
    assert (now["content"], now["status"]) == ("My own words.", "AWAITING_APPROVAL")


async def test_without_a_text_model_it_is_refused_with_what_to_set(api: Api) -> None:
    payload = await api.do(WRITE, topic="bread", **QUICK)

    assert refused(payload) == (
        "NO_TEXT_MODEL",
        (
            "There is no text model. Set TEXT_BASE_URL and TEXT_MODEL (any OpenAI-compatible endpoint, such as Ollama "
            "or vLLM), or OPENAI_API_KEY."
        ),
        None,
    )
    assert [await count(api, table) for table in (Post, Job, Task)] == [0, 0, 0]


async def test_text_alone_is_an_article(pair: Pair) -> None:
    api, _ = pair

    payload, ended = await written(api, topic="bread", imageCount=0)

    assert (ended["status"], ended["variants"]["nodes"]) == ("SUCCEEDED", [])
    assert (await posts.of(api, payload["post"]["id"]))["status"] == "DRAFT"
    nothing = await api.do(WRITE, topic="bread", imageCount=0)
    assert (nothing["job"], nothing["reused"], nothing["userErrors"]) == (None, True, [])


async def test_photographs_illustrate_it_with_their_photographers(pair: Pair) -> None:
    api, _ = pair

    _, ended = await written(
        api, topic="bread", imageSource="STOCK", imageCount=2, width=None, height=None, steps=None
    )

    assert ended["status"] == "SUCCEEDED"
    first, second = ended["variants"]["nodes"]
    assert first["source"] == "STOCK"
    assert first["composedPrompt"] == ARTICLE["imageQuery"]
    assert first["provenance"] == {"madeByAi": False}
    assert first["attribution"] == {
        "text": "Photo by Ann 1 on Pexels",
        "sourceUrl": "https://www.pexels.com/photo/1/",
    }
    assert second["attribution"]["text"] == "Photo by Ann 2 on Pexels"
    assert first["fileName"].startswith("pexels_")


async def test_answer_that_is_no_article_fails_and_can_be_tried_again(pair: Pair) -> None:
    api, peer = pair
    peer.text = "Sorry, I cannot do that."
    payload, ended = await written(api, topic="bread", imageCount=2)

    assert ended["failure"] == {
        "code": "BAD_REQUEST",
        "message": "The answer of writer is no article: it is not the JSON that was asked for.",
    }
    assert [one["status"] for one in ended["variants"]["nodes"]] == ["FAILED", "FAILED"]
    assert ended["status"] == "FAILED"
    post = await posts.of(api, payload["post"]["id"])
    assert (post["status"], post["content"]) == ("DRAFT", "")
    async with api.shop.db.session() as session:
        sums = (await session.execute(select(func.sum(LedgerEntry.usd), func.sum(LedgerEntry.images)))).one()
    assert (sums[0], sums[1]) == (Decimal("0.005"), 0)

    peer.text = json.dumps(ARTICLE)
    again = await api.do(RETRY, jobId=payload["job"]["id"])
    assert again["userErrors"] == []
    async with api.working():
        await api.ended(again["job"]["id"])
    assert [one["status"] for one in (await state(api, again["job"]["id"]))["variants"]["nodes"]] == [
        "DRAFT"
    ] * 2
    after = await posts.of(api, payload["post"]["id"])
    assert (after["title"], after["status"]) == (ARTICLE["title"], "AWAITING_APPROVAL")


async def test_cancelled_article_can_be_asked_for_again(pair: Pair) -> None:
    api, _ = pair
    payload = await api.do(WRITE, topic="bread", imageCount=1, **QUICK)

    await api.do(CANCEL, jobId=payload["job"]["id"])

    assert (await posts.of(api, payload["post"]["id"]))["status"] == "DRAFT"
    again, ended = await written(api, topic="bread")
    assert (again["reused"], again["post"]["id"]) == (False, payload["post"]["id"])
    assert ended["status"] == "SUCCEEDED"


async def test_replay_with_its_key_makes_nothing_new(pair: Pair) -> None:
    api, _ = pair
    first = await api.do(WRITE, topic="bread", imageCount=1, idempotencyKey="k", **QUICK)

    again = await api.do(WRITE, topic="bread", imageCount=1, idempotencyKey="k", **QUICK)

    assert again == first
    assert [await count(api, table) for table in (Post, Job, Task)] == [1, 1, 2]


async def test_replay_finds_the_post_to_which_the_article_went(pair: Pair) -> None:
    api, _ = pair
    earlier, _ = await written(api, topic="bread")
    await written(api, topic="loaves", idempotencyKey="k")

    again = await api.do(WRITE, topic="loaves", imageCount=1, idempotencyKey="k", **QUICK)

    assert again["userErrors"] == []
    assert (again["post"]["id"], again["reused"]) == (earlier["post"]["id"], True)


async def test_replay_of_a_given_text_says_again_that_it_was_new(api: Api) -> None:
    given = {"title": "Bread", "content": "Bread is good.", "imageCount": 0, "idempotencyKey": "k"}

    first, again = await api.do(WRITE, **given), await api.do(WRITE, **given)

    assert again == first
    assert (first["job"], first["reused"], await count(api, Post)) == (None, False, 1)
    other = await api.do(WRITE, **{**given, "idempotencyKey": "l"})
    replayed = await api.do(WRITE, **{**given, "idempotencyKey": "l"})
    assert (other["reused"], replayed["reused"]) == (True, True)


async def test_pictures_are_promised_when_the_article_is_asked_for(pair: Pair) -> None:
    api, peer = pair
    async with api.shop.db.begin() as session:
        await session.merge(Limits(user_id=api.viewer.user_id, daily_images=2))

    payload = await api.do(WRITE, topic="bread", imageCount=3, **QUICK)

    code, message, _ = refused(payload)
    assert code == "QUOTA_EXCEEDED"
    assert message.startswith("3 pictures were asked for; 2 of your daily 2 left.")
    assert [await count(api, table) for table in (Post, Job, Task)] == [0, 0, 0]
    assert peer.seen == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ("INVALID_INPUT", "Give a `topic`, or a `title` with its `content`.", ["topic"])),
        ({"content": "Words."}, ("INVALID_INPUT", "A text of yours needs a `title`.", ["title"])),
        (
            {"topic": "x", "imageCount": 9},
            ("INVALID_INPUT", "imageCount must be between 0 and 8; got 9.", ["imageCount"]),
        ),
        (
            {"topic": "x", "model": "none"},
            ("UNKNOWN_MODEL", "There is no model 'none'. `models` lists them all.", ["model"]),
        ),
        (
            {"topic": "x", "imageSource": "UPLOAD"},
            (
                "INVALID_INPUT",
                "Pictures are made here (LOCAL), elsewhere (CLOUD) or found (STOCK); an upload is none of these.",
                ["imageSource"],
            ),
        ),
        (
            {"topic": "x", "imageSource": "CLOUD"},
            (
                "MODEL_UNAVAILABLE",
                (
                    "No hosted model can be used. Set the key of a provider, such as OPENAI_API_KEY or "
                    "REPLICATE_API_TOKEN."
                ),
                ["imageSource"],
            ),
        ),
        (
            {"topic": "x", "imageSource": "STOCK", "steps": 5},
            ("NOT_SUPPORTED", "Photographs are found, not made: steps cannot be chosen.", ["steps"]),
        ),
    ],
)
async def test_what_cannot_be_is_refused(
    pair: Pair, given: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    api, peer = pair

    assert refused(await api.do(WRITE, **given)) == expected

    assert [await count(api, table) for table in (Post, Job, Task)] == [0, 0, 0]
    assert peer.seen == []


async def test_foreign_persona_is_refused(pair: Pair) -> None:
    api, _ = pair
    mira = await steps.persona(api)
    bob = await api.another("bob")

    assert refused(await bob.do(WRITE, topic="x", personaId=mira))[::2] == ("NOT_FOUND", ["personaId"])


async def test_more_candidates_are_made_for_a_post(api: Api) -> None:
    post = await posts.post(api, imagePrompt="a lighthouse in fog")

    payload = await api.do(REGENERATE, postId=post, count=2, **QUICK)

    assert payload["userErrors"] == []
    assert payload["post"] == {"id": post, "status": "AWAITING_IMAGE"}
    job = payload["job"]
    assert (job["kind"], job["title"]) == ("IMAGE", "Pictures for A lighthouse")
    assert [one["originalPrompt"] for one in job["variants"]["nodes"]] == ["a lighthouse in fog"] * 2
    async with api.working():
        await api.ended(job["id"])
    assert (await posts.of(api, post))["status"] == "AWAITING_APPROVAL"
    other = await api.do(REGENERATE, postId=post, count=1, prompt="a storm", **QUICK)
    assert [one["originalPrompt"] for one in other["job"]["variants"]["nodes"]] == ["a storm"]
    assert other["post"]["status"] == "AWAITING_APPROVAL"


async def test_post_that_says_nothing_needs_a_prompt(api: Api) -> None:
    post = await posts.post(api, title=None)
    bob = await api.another("bob")

    assert refused(await api.do(REGENERATE, postId=post)) == (
        "INVALID_INPUT",
        "The post has neither an image prompt nor a title: give `prompt`.",
        ["prompt"],
    )
    assert refused(await api.do(REGENERATE, postId=post, count=0, prompt="x"))[::2] == (
        "INVALID_INPUT",
        ["count"],
    )
    assert refused(await bob.do(REGENERATE, postId=post))[::2] == ("NOT_FOUND", ["postId"])
    async with api.shop.db.session() as session:
        assert await session.scalar(select(func.count()).select_from(Job)) == 0
