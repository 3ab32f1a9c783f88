"""`GET /events/jobs/{id}`: the progress of a job as plain Server-Sent Events, for clients without GraphQL.

Every event is the whole state, so losing some does no harm. `id:` is its sequence; the stream ends with
`event: complete`. A client that comes back with Last-Event-ID gets the state now; nothing (204, which tells
EventSource to stop) when it has seen the final one; and waits for news when it is up to date. Never compressed.

Knows events, not jobs: a `Watch` turns a viewer and an id into snapshots.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import AppStatus
from starlette.requests import Request
from starlette.responses import Response

from app.graphql.coding import encode_text
from app.graphql.keys import Tenure, bearer
from app.graphql.refusals import ErrorCode
from app.graphql.wiring import Viewer, Wiring
from app.web.callers import caller
from app.web.replies import problem

AppStatus.enable_automatic_graceful_drain = (
    False  # `Wiring.draining` says when; the library guesses from uvicorn
)
RETRY_MS = 2_000  # how long EventSource waits before it comes back
LINE_END = "\n"


@dataclass(frozen=True)
class Snapshot:
    """One state of a job: its sequence, whether anything can follow, and what is sent."""

    sequence: int
    final: bool
    body: dict[str, Any]


Snapshots = AsyncGenerator[Snapshot, None]
Watch = Callable[[Viewer, str], Awaitable[Snapshots | None]]
"""The viewer's job with that id: the state now, then every change, to the final one. None when there is none."""


class Feed:
    """Snapshots, run in one task from beginning to end and held back until they are asked for.

    `next` gives None at the end of the job's states, of the key, or of the server's willingness to stream.
    """

    def __init__(self, snapshots: Snapshots, tenure: Tenure) -> None:
        self._slot: asyncio.Queue[Snapshot | None] = asyncio.Queue(1)
        self._tasks = [asyncio.ensure_future(work) for work in (self._pump(snapshots), self._until(tenure))]

    async def next(self) -> Snapshot | None:
        """Wait for news."""
        return await self._slot.get()

    async def close(self) -> None:
        """Stop; the source has ended when this returns."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pump(self, snapshots: Snapshots) -> None:
        try:
            async with aclosing(snapshots):
                async for snapshot in snapshots:
                    await self._slot.put(snapshot)
        finally:
            await self._slot.put(None)

    async def _until(self, tenure: Tenure) -> None:
        await tenure.end()
        await self._slot.put(None)


class JobEvents:
    """The route."""

    def __init__(self, wiring: Wiring, watch: Watch) -> None:
        self._wiring = wiring
        self._watch = watch

    async def __call__(self, request: Request) -> Response:
        """Answer 200 with a stream, 204 when nothing will follow, 401, or 404 for no job of the caller's."""
        viewer = await caller(self._wiring, request)
        if isinstance(viewer, Response):
            return viewer
        snapshots = await self._watch(viewer, request.path_params["id"])
        if snapshots is None:
            return problem(ErrorCode.NOT_FOUND, "There is no job with this id.", 404)
        feed = Feed(snapshots, Tenure(self._wiring, bearer(request.headers), viewer))
        first = await feed.next()
        if first is None:
            await feed.close()
            return problem(ErrorCode.SHUTTING_DOWN, "Come back in a moment.", 503, {"retry-after": "2"})
        seen = request.headers.get("last-event-id") == str(first.sequence)
        if seen and first.final:
            await feed.close()
            return Response(status_code=204)
        return EventSourceResponse(
            self._events(feed, first, seen=seen),
            headers={"Cache-Control": "no-cache, no-transform"},
            ping=self._wiring.settings.heartbeat_seconds,
            ping_message_factory=lambda: ServerSentEvent(comment="", sep=LINE_END),
            sep=LINE_END,
        )

    async def _events(
        self, feed: Feed, first: Snapshot, *, seen: bool
    ) -> AsyncGenerator[ServerSentEvent, None]:
        """Frame snapshots until the last one; a feed that ends before that ends the stream without a word."""
        self._wiring.observer.subscription_opened("events")
        try:
            yield ServerSentEvent(comment="", retry=RETRY_MS, sep=LINE_END)
            snapshot: Snapshot | None = await feed.next() if seen else first
            while snapshot is not None:
                yield _event(snapshot)
                if snapshot.final:
                    yield _complete(snapshot)
                    return
                snapshot = await feed.next()
        finally:
            self._wiring.observer.subscription_closed("events")
            await feed.close()


def _event(snapshot: Snapshot) -> ServerSentEvent:
    return ServerSentEvent(encode_text(snapshot.body), id=str(snapshot.sequence), sep=LINE_END)


def _complete(snapshot: Snapshot) -> ServerSentEvent:
    """The end; a browser drops an event without data, so it carries an empty object."""
    return ServerSentEvent("{}", event="complete", id=str(snapshot.sequence), sep=LINE_END)
