"""Keeps this server's catalog as the files of models are, whoever brought or removed them.

What can be used is read from the disk whenever it is asked; what a model can do is kept, and read anew here: at once
when a server or `models pull` on the same database says that something was brought, and now and then for what
was copied or removed by hand. A reading takes half a millisecond.
"""

import asyncio

import structlog

from executor.models import Models
from store.events import Broadcast, Topic

log = structlog.get_logger(__name__)
LOOK_SECONDS = 30.0


class Cataloguing:
    """Reads the catalog anew."""

    def __init__(self, models: Models, broadcast: Broadcast, *, look_seconds: float = LOOK_SECONDS) -> None:
        self._models = models
        self._broadcast = broadcast
        self._seconds = look_seconds

    async def work(self) -> None:
        """For good. A reading that fails is logged, and the catalog stays as it was."""
        with self._broadcast.subscribe(Topic.CATALOG) as news:
            while True:
                await news.wait(self._seconds)
                news.take()
                try:
                    await asyncio.to_thread(self._models.refresh)
                except Exception:
                    log.exception("the catalog could not be read anew")
