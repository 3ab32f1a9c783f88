"""A time that holds for a whole answer: the clients' own timeouts begin anew with every byte that trickles in."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from typing import TypeVar

T = TypeVar("T")


async def within(parts: AsyncIterable[T], seconds: float) -> AsyncGenerator[T, None]:
    """The same parts; TimeoutError once they have taken `seconds` together."""
    until = asyncio.get_running_loop().time() + seconds
    waiting = aiter(parts)
    while True:
        try:
            # Around each part alone: a deadline may not strike whoever consumes them.
            async with asyncio.timeout_at(until):
                part = await anext(waiting)
        except StopAsyncIteration:
            return
        yield part
