"""Who may knock: the Host a request names, and the Origin of the page that sends it.

A page on the internet can make a browser send requests to 127.0.0.1, and a name it controls can be made to
resolve there (DNS rebinding). So the Host must be one we go by, and an Origin, when there is one, must be ours or
one that was configured; on HTTP and WebSocket alike.
"""

import re
from collections.abc import Sequence
from urllib.parse import urljoin

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.graphql.refusals import ErrorCode
from app.web.replies import problem

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
PROBES = ("/healthz", "/readyz")  # asked by address, and telling nobody anything
PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
ADDRESS = re.compile(
    r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?|(?P<bare_v6>[0-9a-f:]+:[0-9a-f:.]*)"
)
ANY = "*"


class Guard:
    """ASGI middleware that refuses foreign hosts and origins with 403."""

    def __init__(
        self, app: ASGIApp, hosts: Sequence[str], origins: Sequence[str], public_url: str | None = None
    ) -> None:
        self._app = app
        own = _origin(urljoin(public_url, "/")) if public_url else None
        self._origins = {own, *(_origin(origin) for origin in origins)} - {None}
        named = [_host(host) for host in hosts if host != ANY]
        self._hosts = {*LOOPBACK, *named, own[1] if own else None} - {None}
        self._any_host = ANY in hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or refuse it before anything reads it."""
        if scope["type"] == "lifespan" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(Headers(scope=scope))
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": refusal[:120]})
        else:
            await problem(ErrorCode.FORBIDDEN, refusal, 403)(scope, receive, send)

    def _refusal(self, headers: Headers) -> str | None:
        named = headers.getlist("host")
        if len(named) != 1 or not self._knows(named[0]):
            shown = ", ".join(named)[:100] or "none"
            return f"This server does not go by the host {shown!r}. Its operator can add the name to ALLOWED_HOSTS."
        origin = headers.get("origin")
        if origin is None or self._welcome(origin, named[0]):
            return None
        return (
            f"Pages of {origin[:100]!r} may not call this server. "
            "Its operator can add the origin to ALLOWED_ORIGINS."
        )

    def _knows(self, host: str) -> bool:
        return self._any_host or _host(host) in self._hosts

    def _welcome(self, origin: str, host: str) -> bool:
        found = _origin(origin)
        if found is None:
            return False
        return found in self._origins or found[1:] == _address(host, PORTS[found[0]])


def _origin(text: str) -> tuple[str, str, int] | None:
    """(scheme, host, port) of an origin; None for `null` and what is no origin."""
    scheme, _, rest = text.strip().rstrip("/").partition("://")
    address = _address(rest, PORTS.get(scheme.lower()))
    if address is None or address[1] is None:
        return None
    return scheme.lower(), address[0], address[1]


def _address(text: str, default: int | None) -> tuple[str, int | None] | None:
    """(host, port) of `name`, `name:port`, `::1`, `[::1]` or `[::1]:port`, in lower case; None for all else."""
    found = ADDRESS.fullmatch(text.strip().lower())
    if found is None:
        return None
    port = int(found["port"]) if found["port"] else default
    return (found["v6"] or found["bare_v6"] or found["name"]).rstrip("."), port


def _host(text: str) -> str | None:
    address = _address(text, None)
    return address[0] if address else None
