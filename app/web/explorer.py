"""The API explorer: a page of our own that needs no build and no network, and GraphiQL where it has been built.

Served from files of this repository. The content security policy allows nothing but what this server sends.
"""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OWN_PAGE = Path(__file__).parent / "explorer_page"
ALLOWED = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "worker-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
POLICY = "; ".join(f"{what} {sources}" for what, sources in ALLOWED.items())
SECURITY = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
    "vary": "accept",
}


def page(_request: Request) -> Response:
    """The explorer's page; the rest of it lies under /explorer/."""
    return FileResponse(OWN_PAGE / "index.html", headers=SECURITY, media_type="text/html")


async def front_door(_request: Request) -> Response:
    """Send a browser that asks for / to the explorer."""
    return RedirectResponse("/graphql")


async def explorer(request: Request) -> Response:
    """The page under its own address."""
    return page(request)


def explorer_routes() -> list[BaseRoute]:
    """The page and its scripts and styles."""
    return [
        Route("/", front_door, methods=["GET"]),
        Route("/explorer", explorer, methods=["GET"]),
        Mount("/explorer", _Secured(StaticFiles(directory=OWN_PAGE))),
    ]


class _Secured:
    """Adds the security headers to static files."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in SECURITY.items()]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await self._app(scope, receive, secured)
