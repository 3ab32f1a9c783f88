"""subscription jobProgress"""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest
from sqlalchemy import event
from strawberry.types import ExecutionResult

from schema import schema
from tests.client import Api, key
from tests.operations import steps

pytestmark = pytest.mark.asyncio

PROGRESS = """
subscription ($id: ID!) {
  jobProgress(jobId: $id) {
    sequence status phase fraction queuePosition etaSeconds message step steps loss
    variants { step steps fraction variant { id status seed url } }
  }
}
"""
PREVIEWS = """
subscription ($id: ID!) {
  jobProgress(jobId: $id) { status ...Seen }
}
fragment Seen on JobProgress { variants { step preview { dataUri width height } } }
"""
SKIPPED = """
subscription ($id: ID!, $no: Boolean! = false) {
  jobProgress(jobId: $id) { variants { step preview @include(if: $no) { dataUri } } }
}
"""


async def watched(api: Api, document: str, job_id: str) -> AsyncGenerator[Any, None]:
    """The events of a subscription, without HTTP in between."""
    stream = await schema.subscribe(document, {"id": job_id}, context_value=api.context())
    async with aclosing(stream):
        async for result in stream:
            assert isinstance(result, ExecutionResult)
            assert result.errors is None, result.errors
            assert result.data is not None
            yield result.data["jobProgress"]


async def first(api: Api, document: str, job_id: str) -> Any:
    """The first event of a subscription that is closed then."""
    async with aclosing(watched(api, document, job_id)) as events:
        return await anext(events)


async def test_whole_state_arrives_until_the_job_is_final(api: Api) -> None:
    mira = await steps.persona(api)
    job = await steps.generated(api, mira, count=2, steps=30, seed=3)
    async with api.working():
        events = [each async for each in watched(api, PROGRESS, job["id"])]
    sequences = [each["sequence"] for each in events]
    assert sequences == sorted(set(sequences))
    assert all(each["steps"] == 30 and each["step"] <= 30 for event in events for each in event["variants"])
    assert [len(event["variants"]) for event in events] == [2] * len(events)
    last = events[-1]
    assert sequences[-1] % (1 << 20) == 0
    assert (last["status"], last["fraction"], last["queuePosition"], last["etaSeconds"]) == (
        "SUCCEEDED",
        1.0,
        None,
        None,
    )
    assert (
        last["message"]
        == "2 images generated and saved locally (preview mode). Review and approve to publish."
    )
    assert (last["step"], last["steps"], last["loss"]) == (None, None, None)
    assert [
        (each["step"], each["fraction"], each["variant"]["status"], each["variant"]["seed"])
        for each in last["variants"]
    ] == [(30, 1.0, "DRAFT", 3), (30, 1.0, "DRAFT", 4)]
    assert all(each["variant"]["url"].startswith("/files/") for each in last["variants"])


async def test_waiting_job_tells_its_place_in_the_queue(api: Api) -> None:
    mira = await steps.persona(api)
    await steps.generated(api, mira)
    job = await steps.generated(api, mira)
    event = await first(api, PROGRESS, job["id"])
    assert (event["status"], event["phase"], event["fraction"], event["queuePosition"]) == (
        "QUEUED",
        "QUEUED",
        0.0,
        2,
    )
    assert event["sequence"] == 1 << 20
    assert event["variants"][0]["variant"]["url"] is None


async def test_finished_job_gives_one_event(api: Api) -> None:
    mira = await steps.persona(api)
    job = await steps.generated(api, mira)
    async with api.working():
        await api.ended(job["id"])
    events = [each async for each in watched(api, PROGRESS, job["id"])]
    assert [each["status"] for each in events] == ["SUCCEEDED"]


async def test_previews_come_when_selected_even_in_a_fragment(api: Api) -> None:
    mira = await steps.persona(api)
    job = await steps.generated(api, mira, steps=60)
    async with api.working():
        events = [each async for each in watched(api, PREVIEWS, job["id"])]
    seen = [event["variants"][0]["preview"] for event in events if event["variants"][0]["preview"]]
    assert seen
    assert all(each["dataUri"].startswith("data:image/webp;base64,") for each in seen)
    assert {(each["width"], each["height"]) for each in seen} == {(8, 8)}
    assert events[-1]["variants"][0]["preview"] is None


@pytest.mark.parametrize("document", [PROGRESS, SKIPPED])
async def test_no_preview_is_made_when_none_is_selected(api: Api, document: str) -> None:
    mira = await steps.persona(api)
    job = await steps.generated(api, mira, steps=30)
    async with api.working():
        watchers = [api.shop.board.watched(key(job["id"])) async for _ in watched(api, document, job["id"])]
    assert watchers
    assert not any(watchers)


async def test_watching_holds_no_connection_and_changes_nothing(api: Api) -> None:
    mira = await steps.persona(api)
    job = await steps.generated(api, mira)
    pool: Any = api.shop.db.engine.sync_engine.pool
    idle = asyncio.Event()
    event.listen(pool, "checkin", lambda *_: asyncio.get_running_loop().call_soon(idle.set))
    async with aclosing(watched(api, PROGRESS, job["id"])) as events, asyncio.timeout(5):
        await anext(events)
        while pool.checkedout():  # the feed reads once more in the background
            idle.clear()
            await idle.wait()
    state = await api.run("query ($id: ID!) { node(id: $id) { ... on Job { status } } }", id=job["id"])
    assert state.data == {"node": {"status": "QUEUED"}}


@pytest.mark.parametrize("whose", ["foreign", "other kind", "missing"])
async def test_missing_and_foreign_jobs_are_one_error(api: Api, whose: str) -> None:
    mira = await steps.persona(api)
    job = await steps.generated(api, mira)
    asking = await api.another("bob") if whose == "foreign" else api
    job_id = {
        "foreign": job["id"],
        "other kind": mira,
        "missing": "Sm9iOjAxYTFmNzZmLTE2MGEtNzY3Ny05YTYxLTVkMWJjNjMwOTIzOA==",
    }[whose]
    body = {"query": PROGRESS, "variables": {"id": job_id}}
    headers = {"accept": "text/event-stream"} | asking._headers()
    reply = await api.http.post("/graphql", json=body, headers=headers)
    [told] = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: {")]
    [error] = told["errors"]
    assert error["extensions"]["code"] == "NOT_FOUND"
    assert error["message"] == "There is no job with this id."


async def test_malformed_id_is_told_apart(api: Api) -> None:
    stream = await schema.subscribe(PROGRESS, {"id": "nonsense"}, context_value=api.context())
    results = [result async for result in stream]
    assert [error.extensions for result in results for error in result.errors or ()] == [
        {"code": "INVALID_ID"}
    ]


async def test_viewer_may_watch(api: Api) -> None:
    mira = await steps.persona(api)
    job = await steps.generated(api, mira)
    body = {"query": "query ($id: ID!) { node(id: $id) { ... on Job { progress { phase fraction } } } }"}
    reply = await api.http.post("/graphql", json=body | {"variables": {"id": job["id"]}})
    assert reply.json() == {"data": {"node": {"progress": {"phase": "QUEUED", "fraction": 0.0}}}}
