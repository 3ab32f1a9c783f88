"""A bare graphql-transport-ws client: sends what it is told, right or wrong."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.patience import PATIENCE

PROTOCOL = "graphql-transport-ws"


class Socket:
    """One connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, message: Any) -> None:
        """Send JSON, or text and bytes as they are."""
        raw = isinstance(message, (str, bytes))
        await self.connection.send(message if raw else json.dumps(message))

    async def next(self) -> Any:
        """The next message."""
        text = await asyncio.wait_for(self.connection.recv(), PATIENCE)
        assert isinstance(text, str)
        return json.loads(text)

    async def closed(self) -> tuple[int, str]:
        """Code and reason with which the server closes; everything it says before is dropped."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await asyncio.wait_for(self.connection.recv(), PATIENCE)
        assert self.connection.close_code is not None
        return self.connection.close_code, self.connection.close_reason or ""

    async def init(self, payload: Any = None) -> None:
        """Go through connection_init."""
        await self.send({"type": "connection_init"} | ({"payload": payload} if payload is not None else {}))
        assert (await self.next())["type"] == "connection_ack"

    async def subscribe(self, query: str, name: str = "1", **rest: Any) -> None:
        """Start an operation."""
        await self.send({"type": "subscribe", "id": name, "payload": {"query": query, **rest}})


@contextlib.asynccontextmanager
async def opened(address: str, **options: Any) -> AsyncIterator[Socket]:
    """A socket that has not been initialised."""
    options = {"subprotocols": [PROTOCOL], "compression": None, **options}
    async with connect(f"ws://{address}/graphql", **options) as connection:
        yield Socket(connection)


@contextlib.asynccontextmanager
async def ready(address: str, payload: Any = None, **options: Any) -> AsyncIterator[Socket]:
    """A socket ready for operations."""
    async with opened(address, **options) as socket:
        await socket.init(payload)
        yield socket
