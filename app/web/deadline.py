"""Cuts off clients that stop reading.

uvicorn waits for a slow reader for ever: its own close flushes first, so it never ends (measured, 180 s). Here a
send that has not returned within the deadline aborts the connection, after which every wait on it ends at once.
"""

import asyncio
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

STREAMED = ("websocket.send", "websocket.close")
PATIENCE = 6  # how much longer a finite answer may take than an event of a stream, per 64 KiB


class SendDeadline:
    """ASGI middleware; must be the outermost, since it needs the server's own `send`."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve with a `send` that has a deadline."""
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if scope["type"] == "lifespan" or transport is None:
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, self._timed(send, transport))

    def _timed(self, send: Send, transport: Any) -> Send:
        loop = asyncio.get_running_loop()
        streaming = False

        async def timed(message: Message) -> None:
            nonlocal streaming
            if message["type"] in STREAMED and not transport.get_write_buffer_size():
                await send(message)  # uvicorn waits before it writes to a socket, never after: not now
                return
            if message["type"] == "http.response.start":
                streaming = _is_stream(message)
            quick = streaming or message["type"] in STREAMED
            timer = loop.call_later(self._seconds * (1 if quick else PATIENCE), transport.abort)
            try:
                await send(message)
            finally:
                timer.cancel()

        return timed


def _is_stream(message: Message) -> bool:
    kinds = (value for name, value in message.get("headers", ()) if name.lower() == b"content-type")
    return any(value.startswith((b"text/event-stream", b"multipart/mixed")) for value in kinds)
