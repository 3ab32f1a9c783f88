"""The explorer in headless Chromium with no network but the server: the main story, and its editor."""

import asyncio
import io
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.running import RunningServer
from tests.transport.weblike import WebToy, state
from tests.web.node import run

pytestmark = [pytest.mark.web, pytest.mark.asyncio]


@pytest.fixture
def chromium() -> str:
    """The browser; the test is skipped where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip("needs Chromium on the PATH")


@pytest.mark.parametrize("over", ["ws", "sse"])
async def test_newcomer_goes_from_a_name_to_a_locked_appearance(
    server: RunningServer, chromium: str, tmp_path: Path, over: str
) -> None:
    picture = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(picture, "PNG")
    (tmp_path / "me.png").write_bytes(picture.getvalue())

    _, found = await run(
        "story.mjs", chromium, f"{server.url}/graphql", str(tmp_path / "me.png"), str(tmp_path), over
    )

    assert found["problems"] == []
    assert found["hosts"] == [found["host"]]
    assert found["created"] == "PENDING_UPLOAD"
    assert found["statuses"] == ["SUCCEEDED", "SUCCEEDED"]
    assert found["previews"] >= 3
    assert found["candidates"] == ["DRAFT", "DRAFT"]
    assert found["captions"] == ["#2 DRAFT", "#1 DRAFT"]
    assert found["offered"] == ["Generate a base image →", "Refine it →"]
    assert (found["uploaded"]["userErrors"], found["uploaded"]["variant"]["width"]) == ([], 256)
    assert found["approved"] == ["APPROVED", True]
    assert found["refused"] == "APPEARANCE_LOCKED"
    assert "APPEARANCE_LOCKED" in found["told"]
    assert (tmp_path / "live.png").stat().st_size > 10_000


async def test_editor_completes_underlines_tidies_and_remembers(web: WebToy, chromium: str) -> None:
    async with web.client() as site:
        driving = asyncio.create_task(run("editing.mjs", chromium, f"{site.base_url}/graphql"))
        opening = asyncio.create_task(web.toy.started.wait())
        await asyncio.wait({driving, opening}, return_when=asyncio.FIRST_COMPLETED)
        opening.cancel()
        web.toy.ticks.put_nowait(7)
        _, found = await driving
        await asyncio.wait_for(web.toy.cancelled.wait(), 5)

    assert found["offered"] == ["hello"]
    assert found["accepted"] == "{ hello}"
    assert found["underlined"] == "nothing"
    assert found["tidied"] == (
        "query Many($n: String) {\n  hello(name: $n)\n  ...F\n}\n\nfragment F on Query {\n  who\n}\n"
    )
    assert "Query.hello" in found["docs"]
    assert found["past"] == ["A", "query"]
    assert found["hosts"] == [found["host"]]
    assert found["problems"] == [
        "Failed to load resource: the server responded with a status of 400 (Bad Request)"
    ]
    assert web.toy.open == 0


async def test_event_source_reads_to_the_end_and_stops_coming_back(web: WebToy, chromium: str) -> None:
    for snapshot in (state(1), state(2), state(3, final=True), state(3, final=True)):
        web.states.put_nowait(snapshot)  # the last one answers the browser when it comes back
    async with web.client() as site:
        address = f"{site.base_url}/events/jobs/job-1"
        _, found = await run("eventsource.mjs", chromium, f"{site.base_url}/graphql", address)
    assert found == [["1", 1], ["2", 2], ["3", 3], "complete"]
    assert web.states.empty()
