"""A clock that tests move; sleeping moves it too."""

import asyncio

from generators.hosted.clock import Clock


class VirtualTime:
    """Seconds since 1970, standing still until somebody sleeps or pushes."""

    def __init__(self, now: float = 1_795_000_000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Let that time pass at once."""
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    def clock(self) -> Clock:
        """What the generators take."""
        return Clock(now=lambda: self.now, sleep=self.sleep)
