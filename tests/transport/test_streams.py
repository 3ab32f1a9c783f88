"""Subscriptions over HTTP: event streams and Apollo's multipart, byte for byte."""

import asyncio
from typing import Any

import httpx2
import pytest

from app.graphql.settings import GraphQLSettings
from app.graphql.view import GraphQLView
from tests.patience import PATIENCE
from tests.transport.serving import serving
from tests.transport.toy import Toy, wiring

pytestmark = pytest.mark.asyncio

EVENTS = {"accept": "text/event-stream"}
APOLLO = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/graphql-response+json,application/json;q=0.9"
URQL = "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"


async def test_event_stream_frames_with_lf_and_completes(client: httpx2.AsyncClient) -> None:
    response = await client.post("/graphql", json={"query": "subscription { count(to: 2) }"}, headers=EVENTS)
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache, no-transform"
    assert response.headers["x-accel-buffering"] == "no"
    assert response.content == (
        b":\n\n"
        b'event: next\ndata: {"data":{"count":1}}\n\n'
        b'event: next\ndata: {"data":{"count":2}}\n\n'
        b"event: complete\ndata:\n\n"
    )


async def test_urql_header_gets_events_for_a_subscription_and_json_for_a_query(
    client: httpx2.AsyncClient,
) -> None:
    headers = {"accept": URQL}
    streamed = await client.post("/graphql", json={"query": "subscription { count(to: 1) }"}, headers=headers)
    single = await client.post("/graphql", json={"query": "{ hello }"}, headers=headers)
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert single.headers["content-type"].startswith("application/graphql-response+json")


async def test_get_subscribes(client: httpx2.AsyncClient) -> None:
    response = await client.get("/graphql", params={"query": "subscription { count(to: 1) }"}, headers=EVENTS)
    assert b'{"data":{"count":1}}' in response.content


async def test_query_over_events_is_one_next(client: httpx2.AsyncClient) -> None:
    response = await client.post("/graphql", json={"query": "{ hello }"}, headers=EVENTS)
    assert response.content.count(b"event: next") == 1
    assert response.content.endswith(b"event: complete\ndata:\n\n")


@pytest.mark.parametrize("query", ["{", "{ nothing }", "subscription { nothing }"])
async def test_document_error_is_told_as_an_event(client: httpx2.AsyncClient, query: Any) -> None:
    response = await client.post("/graphql", json={"query": query}, headers=EVENTS)
    assert response.status_code == 200
    assert response.content.startswith(b':\n\nevent: next\ndata: {"errors":[{"message":')
    assert response.content.endswith(b"event: complete\ndata:\n\n")


async def test_request_error_is_a_status_also_for_event_clients(client: httpx2.AsyncClient) -> None:
    response = await client.post(
        "/graphql", content=b"5", headers=EVENTS | {"content-type": "application/json"}
    )
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/json; charset=utf-8"


async def test_multipart_is_framed_as_apollo_reads_it(client: httpx2.AsyncClient) -> None:
    response = await client.post(
        "/graphql", json={"query": "subscription { count(to: 1) }"}, headers={"accept": APOLLO}
    )
    assert response.headers["content-type"] == 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0'
    assert response.content == (
        b"\r\n--graphql\r\ncontent-type: application/json\r\n\r\n{}"
        b'\r\n--graphql\r\ncontent-type: application/json\r\n\r\n{"payload":{"data":{"count":1}}}'
        b"\r\n--graphql--\r\n"
    )


async def test_leaving_ends_the_subscription(client: httpx2.AsyncClient, toy: Toy) -> None:
    query = {"query": "subscription { ticks }"}
    async with client.stream("POST", "/graphql", json=query, headers=EVENTS) as response:
        chunks = response.aiter_bytes()
        assert await anext(chunks) == b":\n\n"
        await toy.ticks.put(7)
        assert await anext(chunks) == b'event: next\ndata: {"data":{"ticks":7}}\n\n'
    await asyncio.wait_for(toy.cancelled.wait(), PATIENCE)
    assert toy.open == 0


async def test_silence_is_filled_with_comments(toy: Toy) -> None:
    view = GraphQLView(wiring(toy, settings=GraphQLSettings(heartbeat_seconds=0.05)))
    query = {"query": "subscription { ticks }"}
    async with (
        serving(view) as address,
        httpx2.AsyncClient(base_url=f"http://{address}") as client,
        client.stream("POST", "/graphql", json=query, headers=EVENTS) as response,
    ):
        chunks = response.aiter_bytes()
        assert [await anext(chunks) for _ in range(3)] == [b":\n\n"] * 3


async def test_revoked_key_ends_the_stream_with_an_error(toy: Toy) -> None:
    view = GraphQLView(wiring(toy, settings=GraphQLSettings(key_check_seconds=0.05)))
    headers = EVENTS | {"authorization": "Bearer good-key"}
    query = {"query": "subscription { ticks }"}
    async with (
        serving(view) as address,
        httpx2.AsyncClient(base_url=f"http://{address}") as client,
        client.stream("POST", "/graphql", json=query, headers=headers) as response,
    ):
        await toy.started.wait()
        toy.keys.discard("good-key")
        body = b"".join([chunk async for chunk in response.aiter_bytes()])
    assert b'"code":"UNAUTHENTICATED"' in body
    assert body.endswith(b"event: complete\ndata:\n\n")
    assert toy.open == 0


async def test_drain_ends_the_stream_without_complete(
    client: httpx2.AsyncClient, toy: Toy, view: GraphQLView
) -> None:
    query = {"query": "subscription { ticks }"}
    async with client.stream("POST", "/graphql", json=query, headers=EVENTS) as response:
        await toy.started.wait()
        view.wiring.draining.set()
        body = b"".join([chunk async for chunk in response.aiter_bytes()])
    assert b"complete" not in body
    assert toy.open == 0


async def test_bug_in_a_stream_is_masked(client: httpx2.AsyncClient) -> None:
    response = await client.post("/graphql", json={"query": "subscription { breaks }"}, headers=EVENTS)
    assert b'"code":"INTERNAL"' in response.content
    assert b"hunter2" not in response.content
    assert response.content.endswith(b"event: complete\ndata:\n\n")
