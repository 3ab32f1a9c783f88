"""A client that stops reading is cut off, and takes nothing down with it."""

import asyncio
import json
import socket

import pytest

from app.graphql.settings import GraphQLSettings
from app.http import application
from tests.transport.serving import serving
from tests.transport.sockets import ready
from tests.transport.weblike import WebToy

pytestmark = pytest.mark.asyncio
SECONDS = 0.4


async def stuck(address: str, request: bytes) -> socket.socket:
    """A connection that has sent `request` and never reads."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    host, port = address.split(":")
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, (host, int(port)))
    await loop.sock_sendall(raw, request)
    return raw


async def test_event_stream_nobody_reads_is_cut_off_and_others_go_on(web: WebToy) -> None:
    web.settings = GraphQLSettings(send_deadline_seconds=SECONDS)
    body = json.dumps({"query": "subscription { flood }"}).encode()
    async with serving(application(web.web())) as address:
        head = f"POST /graphql HTTP/1.1\r\nhost: {address}\r\naccept: text/event-stream\r\ncontent-type: application/json\r\n"
        raw = await stuck(address, f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        async with ready(address) as healthy:
            await healthy.subscribe("subscription { count(to: 500) }")
            received = [await healthy.next() for _ in range(501)]
            await asyncio.wait_for(web.toy.cancelled.wait(), SECONDS * 20)
        raw.close()
    assert received[-1]["type"] == "complete"
    assert web.toy.open == 0


async def test_socket_nobody_reads_is_cut_off(web: WebToy) -> None:
    web.settings = GraphQLSettings(send_deadline_seconds=SECONDS)
    async with serving(application(web.web())) as address, ready(address, max_queue=1) as lazy:
        await lazy.subscribe("subscription { flood }")
        await asyncio.wait_for(web.toy.cancelled.wait(), SECONDS * 20)
    assert web.toy.open == 0
    assert b'likeness_subscriptions_open{transport="websocket"} 0.0' in await web.metrics.page()
