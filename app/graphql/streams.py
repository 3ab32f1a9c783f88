"""How a stream of GraphQL responses is framed over HTTP, kept alive, and ended when the client goes.

Server-Sent Events: GraphQL over SSE, distinct connections mode, LF line ends (urql splits on nothing else).
Multipart: Apollo's subscription protocol 1.0. Both are given to a client only by negotiation (accept.py).
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, ClassVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from app.graphql.coding import encode
from app.graphql.keys import End, Tenure
from app.graphql.refusals import ErrorCode, formatted

Responses = AsyncGenerator[dict[str, Any], None]
NOT_BUFFERED = {"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"}


class Framing(ABC):
    """Bytes around responses."""

    transport: ClassVar[str]
    headers: ClassVar[Mapping[str, str]]

    @abstractmethod
    def opening(self) -> bytes:
        """What is sent at once, so that the client knows it is connected."""

    @abstractmethod
    def next(self, response: object) -> bytes:
        """One response."""

    @abstractmethod
    def closing(self) -> bytes:
        """The end of a complete stream."""

    @abstractmethod
    def heartbeat(self) -> bytes:
        """Something that means nothing, for proxies that close silent connections."""


class EventFraming(Framing):
    """GraphQL over SSE: `next` and `complete`; comments keep the connection alive."""

    transport: ClassVar[str] = "sse"
    headers: ClassVar[Mapping[str, str]] = {
        "content-type": "text/event-stream; charset=utf-8",
        **NOT_BUFFERED,
    }

    @override
    def opening(self) -> bytes:
        """An empty comment."""
        return b":\n\n"

    @override
    def next(self, response: object) -> bytes:
        """JSON never contains a bare line end, so one data line holds it."""
        return b"event: next\ndata: " + encode(response) + b"\n\n"

    @override
    def closing(self) -> bytes:
        """Browsers drop an event without data, hence the empty field."""
        return b"event: complete\ndata:\n\n"

    @override
    def heartbeat(self) -> bytes:
        """An empty comment."""
        return b":\n\n"


class MultipartFraming(Framing):
    """Apollo's multipart subscriptions: payloads in parts, an empty object as heartbeat."""

    transport: ClassVar[str] = "multipart"
    headers: ClassVar[Mapping[str, str]] = {
        "content-type": 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0',
        **NOT_BUFFERED,
    }

    @override
    def opening(self) -> bytes:
        """The first boundary and a heartbeat."""
        return b"\r\n--graphql" + self.heartbeat()

    @override
    def next(self, response: object) -> bytes:
        """One payload."""
        return self._part({"payload": response})

    @override
    def closing(self) -> bytes:
        """The closing boundary."""
        return b"--\r\n"

    @override
    def heartbeat(self) -> bytes:
        """An empty object."""
        return self._part({})

    def _part(self, value: object) -> bytes:
        return b"\r\ncontent-type: application/json\r\n\r\n" + encode(value) + b"\r\n--graphql"


class Streamed(Response):
    """A stream of GraphQL responses, closed at the moment the client goes away.

    One task runs the source from beginning to end, so that whatever it holds across events (a timeout, a
    context variable) stays in one task; a second waits for the client to leave, a third fills silences.
    """

    def __init__(self, responses: Responses, framing: Framing, tenure: Tenure, silence: float) -> None:
        self.status_code = 200
        self.background = None
        self.body = b""
        self.init_headers({**framing.headers, "vary": "accept"})
        del self.headers["content-length"]
        self._responses = responses
        self._framing = framing
        self._tenure = tenure
        self._silence = silence
        self._sent = 0.0

    @override
    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send responses until they end, the client leaves, or the server ends the stream."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        tasks = [
            asyncio.ensure_future(work)
            for work in (self._send_all(send), until_gone(receive), self._tend(send))
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()
        if tasks[1] not in done:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_all(self, send: Send) -> None:
        await self._chunk(send, self._framing.opening())
        async with aclosing(self._responses) as responses:
            async for response in responses:
                await self._chunk(send, self._framing.next(response))
        await self._chunk(send, self._framing.closing())

    async def _tend(self, send: Send) -> None:
        """Keep a silent stream alive; say so when the key fails. A drain ends it without a word:

        a client that reads `complete` would not come back, and it should.
        """
        while (end := await self._tenure.wait(self._silence)) is None:
            if time.monotonic() - self._sent >= self._silence:
                await self._chunk(send, self._framing.heartbeat())
        if end is End.REVOKED:
            error = formatted("The key is no longer valid.", ErrorCode.UNAUTHENTICATED)
            await self._chunk(send, self._framing.next({"errors": [error]}) + self._framing.closing())

    async def _chunk(self, send: Send, chunk: bytes) -> None:
        self._sent = time.monotonic()
        await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def until_gone(receive: Receive) -> None:
    """Return when the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass
