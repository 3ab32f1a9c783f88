"""subscription jobProgress"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from diffusers import AutoencoderTiny
from sqlalchemy import event
from strawberry.types import ExecutionResult

from generators.diffusion.generator import DiffusionGenerator
from generators.spec import FileRef
from schema import schema
from store.database.sessions import Database
from tests.client import Api, key, serving
from tests.generators.diffusion import tiny
from tests.operations import steps
from tests.patience import PATIENCE

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
SHARP = """
subscription ($id: ID!, $sharp: Boolean! = true) {
  jobProgress(jobId: $id, sharpPreviews: $sharp) { status variants { preview { width height } } }
}
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
    async with aclosing(watched(api, PROGRESS, job["id"])) as events, asyncio.timeout(PATIENCE):
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


@contextlib.asynccontextmanager
async def studio(db: Database, folder: Path, *extras: str) -> AsyncIterator[Api]:
    """The real local generator on a tiny checkpoint, with networks beside it."""

    async def open_file(file: FileRef) -> bytes:
        raise FileNotFoundError(file.sha256)

    await asyncio.to_thread(tiny.sd().save_pretrained, folder / "tiny-sd")
    settings = tiny.settings(folder, folder / "tiny-sd", local_extras=extras)
    generator = DiffusionGenerator(settings, open_file)
    async with serving(db, folder / "files", generator, lease_seconds=30.0) as api:
        yield api
    await generator.close()


def tiny_autoencoder(folder: Path, channels: int = 4) -> str:
    """A preview autoencoder that doubles each side three times; the setting that offers it."""
    width = (8, 8, 8, 8)
    AutoencoderTiny(
        encoder_block_out_channels=width, decoder_block_out_channels=width, latent_channels=channels
    ).save_pretrained(folder)
    return f"preview:sd={folder}"


async def sizes(api: Api, document: str) -> set[tuple[int, int]]:
    """Of all previews that a watcher of a new picture is shown."""
    job = await steps.generated(api, await steps.persona(api), steps=40)
    async with api.working():
        seen = [event["variants"][0]["preview"] async for event in watched(api, document, job["id"])]
    return {(each["width"], each["height"]) for each in seen if each}


async def test_watcher_who_asks_gets_previews_of_the_tiny_autoencoder(db: Database, tmp_path: Path) -> None:
    async with studio(db, tmp_path, tiny_autoencoder(tmp_path / "taesd")) as api:
        assert await sizes(api, PREVIEWS) == {(8, 8)}
        assert (64, 64) in await sizes(api, SHARP)
        assert await sizes(api, PREVIEWS) == {(8, 8)}  # nobody asks any more


@pytest.mark.parametrize("channels", [None, 16], ids=["none-installed", "of-another-family"])
async def test_without_a_fitting_tiny_autoencoder_previews_are_linear(
    db: Database, tmp_path: Path, channels: int | None
) -> None:
    extras = [] if channels is None else [tiny_autoencoder(tmp_path / "taesd", channels)]
    async with studio(db, tmp_path, *extras) as api:
        assert await sizes(api, SHARP) == {(8, 8)}


async def test_wish_for_sharp_previews_ends_with_its_watcher(api: Api) -> None:
    job = await steps.generated(api, await steps.persona(api))
    board, job_id = api.shop.board, key(job["id"])
    async with aclosing(watched(api, PREVIEWS, job["id"])) as plain:
        await anext(plain)
        assert (board.watched(job_id), board.watched_sharply(job_id)) == (True, False)
        async with aclosing(watched(api, SHARP, job["id"])) as sharp:
            await anext(sharp)
            assert board.watched_sharply(job_id)
        assert (board.watched(job_id), board.watched_sharply(job_id)) == (True, False)
    assert not board.watched(job_id)


async def test_sharp_previews_are_wanted_only_where_previews_are_selected(api: Api) -> None:
    job = await steps.generated(api, await steps.persona(api))
    unseen = "subscription ($id: ID!) { jobProgress(jobId: $id, sharpPreviews: true) { status } }"
    async with aclosing(watched(api, unseen, job["id"])) as events:
        await anext(events)
        assert not api.shop.board.watched_sharply(key(job["id"]))
