"""Plain Server-Sent Events of a job."""

import asyncio

import httpx2
import pytest

from app.graphql.settings import GraphQLSettings
from tests.transport.weblike import WebToy, state

pytestmark = pytest.mark.asyncio
PATH = "/events/jobs/job-1"


def event(sequence: int) -> bytes:
    return b'id: %d\ndata: {"sequence":%d}\n\n' % (sequence, sequence)


def complete(sequence: int) -> bytes:
    return b"id: %d\nevent: complete\ndata: {}\n\n" % sequence


async def test_every_state_is_an_event_with_its_sequence_and_the_end_is_said(
    site: httpx2.AsyncClient, web: WebToy
) -> None:
    for number in (1, 2):
        web.states.put_nowait(state(number))
    web.states.put_nowait(state(3, final=True))
    response = await site.get(PATH)
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache, no-transform"
    assert response.content == b": \nretry: 2000\n\n" + event(1) + event(2) + event(3) + complete(3)
    assert web.watching == 0


async def test_stream_is_never_compressed(site: httpx2.AsyncClient, web: WebToy) -> None:
    for number in range(100):
        web.states.put_nowait(state(number))
    web.states.put_nowait(state(200, final=True))
    response = await site.get(PATH, headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in response.headers


async def test_final_last_event_id_gets_204(site: httpx2.AsyncClient, web: WebToy) -> None:
    web.states.put_nowait(state(7, final=True))
    response = await site.get(PATH, headers={"last-event-id": "7"})
    assert (response.status_code, response.content) == (204, b"")
    assert web.watching == 0


async def test_current_last_event_id_waits_for_news(site: httpx2.AsyncClient, web: WebToy) -> None:
    web.states.put_nowait(state(7))
    async with site.stream("GET", PATH, headers={"last-event-id": "7"}) as response:
        chunks = response.aiter_bytes()
        assert await anext(chunks) == b": \nretry: 2000\n\n"
        web.states.put_nowait(state(8, final=True))
        assert b"".join([chunk async for chunk in chunks]) == event(8) + complete(8)


@pytest.mark.parametrize("seen", ["6", "9", "nonsense", ""])
async def test_any_other_last_event_id_gets_the_state_now(
    site: httpx2.AsyncClient, web: WebToy, seen: str
) -> None:
    web.states.put_nowait(state(7, final=True))
    response = await site.get(PATH, headers={"last-event-id": seen})
    assert event(7) + complete(7) in response.content


async def test_missing_job_is_404(site: httpx2.AsyncClient) -> None:
    response = await site.get("/events/jobs/job-2")
    assert response.status_code == 404
    assert response.json()["errors"][0]["extensions"] == {"code": "NOT_FOUND"}


async def test_foreign_job_is_the_same_404(site: httpx2.AsyncClient) -> None:
    foreign = await site.get(PATH, headers={"authorization": "Bearer good-key"})
    missing = await site.get("/events/jobs/job-2", headers={"authorization": "Bearer good-key"})
    assert foreign.status_code == 404
    assert foreign.content == missing.content


async def test_wrong_key_is_401(site: httpx2.AsyncClient, web: WebToy) -> None:
    response = await site.get(PATH, headers={"authorization": "Bearer bad-key"})
    assert response.status_code == 401
    assert web.watching == 0


async def test_leaving_ends_the_watch(site: httpx2.AsyncClient, web: WebToy) -> None:
    web.states.put_nowait(state(1))
    async with site.stream("GET", PATH) as response:
        await anext(response.aiter_bytes())
        assert web.watching == 1
        assert b'likeness_subscriptions_open{transport="events"} 1.0' in await web.metrics.page()
    for _ in range(500):
        if web.watching == 0:
            break
        await asyncio.sleep(0.01)
    assert web.watching == 0
    assert b'likeness_subscriptions_open{transport="events"} 0.0' in await web.metrics.page()


async def test_silence_is_filled_with_comments(web: WebToy) -> None:
    web.settings = GraphQLSettings(heartbeat_seconds=0.05)
    web.states.put_nowait(state(1))
    async with web.client() as site, site.stream("GET", PATH) as response:
        chunks = response.aiter_bytes()
        seen = b""
        while seen.count(b": \n\n") < 2:
            seen += await anext(chunks)


async def test_drain_ends_the_stream_without_complete(web: WebToy) -> None:
    web.states.put_nowait(state(1))
    async with web.client() as site, site.stream("GET", PATH) as response:
        chunks = response.aiter_bytes()
        await anext(chunks)
        web.draining.set()
        assert b"complete" not in b"".join([chunk async for chunk in chunks])


async def test_revoked_key_ends_the_stream(web: WebToy) -> None:
    web.settings = GraphQLSettings(key_check_seconds=0.05)
    web.states.put_nowait(state(1))
    async with web.client() as site, site.stream("GET", PATH) as response:
        chunks = response.aiter_bytes()
        await anext(chunks)
        web.toy.keys.clear()
        assert b"complete" not in b"".join([chunk async for chunk in chunks])
    assert web.watching == 0
