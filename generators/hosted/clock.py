"""Time as the hosted generators see it: injected, so that a test can let an hour pass at once."""

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable


@dataclasses.dataclass(frozen=True)
class Clock:
    """`now` in seconds since 1970; `sleep` takes seconds."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
