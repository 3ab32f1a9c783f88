"""Builds one client per event loop: a connection pool that was born on one loop breaks on another.

Certificates are read once for all clients; that takes longer than many a call. Libraries are imported in a thread,
since that takes seconds on a busy machine, in which nobody else may stand still.
"""

import asyncio
import functools
import importlib
import ipaddress
import ssl
import sys
import weakref
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar
from urllib.parse import urlsplit

C = TypeVar("C")


class PerLoop(Generic[C]):
    """The client of the running loop, built on first use; `library` is what building it imports."""

    def __init__(
        self, build: Callable[[], C], close: Callable[[C], Awaitable[None]], library: str = "httpx2"
    ) -> None:
        self._build = build
        self._close = close
        self._library = library
        self._clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, C] = weakref.WeakKeyDictionary()

    async def get(self) -> C:
        """Belongs to the running loop."""
        loop = asyncio.get_running_loop()
        if self._library not in sys.modules:
            await asyncio.to_thread(importlib.import_module, self._library)
        if loop not in self._clients:
            self._clients[loop] = self._build()
        return self._clients[loop]

    async def close(self) -> None:
        """Close this loop's client, if there is one."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await self._close(client)


@functools.cache
def tls() -> ssl.SSLContext:
    """The one TLS context of all clients."""
    import httpx2

    return httpx2.create_ssl_context()


def is_loopback(url: str) -> bool:
    """Whether that address is on this machine, so that no proxy may stand between."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
