"""One id for every request: taken from X-Request-ID when it is sane, given back, and bound to every log line."""

import re
import time
import uuid

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SANE = re.compile(r"[A-Za-z0-9._:-]{8,64}")
QUIET = ("/healthz", "/readyz", "/metrics")
FAILED = 500
log: structlog.stdlib.BoundLogger = structlog.get_logger("likeness.http")


class RequestIds:
    """ASGI middleware: `scope["state"]["request_id"]`, the log's `request_id`, the response's header."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket under its id."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request_id = _given(scope) or uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        began = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._app(scope, receive, send_with_id if scope["type"] == "http" else send)
            if scope["type"] == "http" and scope["path"] not in QUIET:
                tell = log.warning if status >= FAILED else log.debug
                elapsed = round((time.perf_counter() - began) * 1000, 1)
                tell("request", method=scope["method"], path=scope["path"], status=status, ms=elapsed)


def _given(scope: Scope) -> str | None:
    value = Headers(scope=scope).get("x-request-id", "")
    return value if SANE.fullmatch(value) else None
