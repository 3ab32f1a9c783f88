"""Stops reading a body that is too large, declared or not, and says so in JSON."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.graphql.refusals import ErrorCode
from app.graphql.uploads import BodyTooLargeError
from app.web.replies import problem


class BodyLimit:
    """ASGI wrapper of one route; handlers that read turn BodyTooLargeError into a 413."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve with a `receive` that counts."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and (len(declared) > len(str(self._most)) or int(declared) > self._most):
            message = f"The request is larger than {self._most} bytes."
            close = {"connection": "close"}  # or the server would read the rest to throw it away
            await problem(ErrorCode.PAYLOAD_TOO_LARGE, message, 413, close)(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._most:
                raise BodyTooLargeError(f"The request is larger than {self._most} bytes.")
            return message

        await self._app(scope, counted, send)
