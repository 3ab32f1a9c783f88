"""A generator's events, the first of which is asked for before anybody waits for it. Knows no rows."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from typing_extensions import override

from generators.events import Event


class Pulling(AsyncIterator[Event]):
    """Begins when it is made, on the event loop. Close it, whether it was read or not."""

    def __init__(self, events: AsyncIterator[Event]) -> None:
        self._events = events
        self._first: asyncio.Future[Event] | None = asyncio.ensure_future(anext(events))

    @override
    async def __anext__(self) -> Event:
        first, self._first = self._first, None
        return await (anext(self._events) if first is None else first)

    async def aclose(self) -> None:
        """Stop the generator. Nobody else reads by now."""
        if self._first is not None:
            self._first.cancel()
            await asyncio.wait([self._first])
            if not self._first.cancelled():
                self._first.exception()  # nobody is left who could be told
            self._first = None
        await close(self._events)


async def close(events: AsyncIterator[Event]) -> None:
    """Stop a generator that may be one of Python's own."""
    if isinstance(events, AsyncGenerator | Pulling):
        await events.aclose()
