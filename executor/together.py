"""Many who ask the same at once are answered by one reading that began after each of them had asked."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")


class Together(Generic[Key, Found]):
    """Readings by key. Use on one event loop."""

    def __init__(self, read: Callable[[Key], Awaitable[Found]]) -> None:
        self._read = read
        self._running: dict[Key, asyncio.Task[Found]] = {}
        self._next: dict[Key, asyncio.Task[Found]] = {}

    async def join(self, key: Key) -> Found:
        """What a reading finds that begins now, or when the one that runs is over; raises what it raises.

        Who is cancelled stops to wait; the others still get their answer.
        """
        reading = self._next.get(key)
        if reading is None:
            reading = asyncio.create_task(self._after(key, self._running.get(key)))
            self._next[key] = reading
        return await asyncio.shield(reading)

    async def _after(self, key: Key, running: asyncio.Task[Found] | None) -> Found:
        if running is not None:
            await asyncio.wait({running})
        mine = self._next.pop(key)  # from here on others would get what was read before they asked
        self._running[key] = mine
        try:
            return await self._read(key)
        finally:
            if self._running.get(key) is mine:
                del self._running[key]
