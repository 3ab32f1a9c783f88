"""The server as an ASGI application: routes, and what every request passes on its way to them.

Outermost first: the send deadline (it needs the server's own `send`), the request id, the guard of hosts and
origins, CORS for configured origins, compression (never of event streams), the routes.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp

from app.graphql.uploads import MAX_FILES, PREFLIGHT_HEADERS
from app.graphql.view import GraphQLView
from app.graphql.wiring import Wiring
from app.metrics import Metrics
from app.web.body_limit import BodyLimit
from app.web.deadline import SendDeadline
from app.web.explorer import explorer_routes
from app.web.files import Files
from app.web.guard import Guard
from app.web.jobs import JobEvents, Watch
from app.web.probes import Checks, MetricsPage, Readyz, healthz
from app.web.replies import bug_problem, http_problem
from app.web.request_ids import RequestIds
from app.web.uploads import Keep, Uploads

MIB = 1024 * 1024
MAX_UPLOAD_BYTES = (
    MAX_FILES * 11 * MIB
)  # a form; what a picture may have (10 MB) is refused by the decoder's words
UNCOMPRESSED = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "multipart/*")
ASKED_HEADERS = ["authorization", "content-type", "last-event-id", "x-request-id", *PREFLIGHT_HEADERS]
COMPRESSED_FROM = 1_000  # bytes; below that gzip costs more than it saves
UVICORN: dict[str, Any] = {"ws": "websockets-sansio", "ws_max_size": 65_536, "ws_per_message_deflate": False}
"""How uvicorn must be configured: small frames, no deflate (37 KiB a socket), the implementation measured."""


@dataclass(frozen=True, kw_only=True)
class Web:
    """Everything the routes are built from."""

    graphql: Wiring
    watch_job: Watch
    keep_upload: Keep
    upload_refusals: tuple[type[Exception], ...]
    files: Files
    checks: Checks
    metrics: Metrics
    public_url: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    more_routes: tuple[BaseRoute, ...] = ()


def routes(web: Web) -> list[BaseRoute]:
    """All routes; the explorer stands where browsers look for it when the wiring has a page."""
    view = GraphQLView(web.graphql)
    uploads = Uploads(web.graphql, web.keep_upload, web.upload_refusals)
    return [
        Route("/graphql", BodyLimit(view, MAX_UPLOAD_BYTES)),
        WebSocketRoute("/graphql", view),
        Route("/events/jobs/{id}", JobEvents(web.graphql, web.watch_job).__call__, methods=["GET"]),
        Route("/uploads", BodyLimit(uploads, MAX_UPLOAD_BYTES), methods=["POST"]),
        Route("/files/{file:uuid}/{rendition}", web.files.__call__, methods=["GET"]),
        Route("/healthz", healthz, methods=["GET"]),
        Route("/readyz", Readyz(web.graphql, web.checks).__call__, methods=["GET"]),
        Route("/metrics", MetricsPage(web.graphql, web.metrics).__call__, methods=["GET"]),
        *(explorer_routes() if web.graphql.page else ()),
        *web.more_routes,
    ]


Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


def application(web: Web, lifespan: Lifespan | None = None) -> ASGIApp:
    """The whole application, inside out."""
    app: ASGIApp = Starlette(
        routes=routes(web),
        exception_handlers={HTTPException: http_problem, Exception: bug_problem},
        lifespan=lifespan,
    )
    app = GZipMiddleware(
        app, minimum_size=COMPRESSED_FROM, compresslevel=5, exclude_content_types=UNCOMPRESSED
    )
    if web.allowed_origins:
        app = CORSMiddleware(
            app,
            allow_origins=web.allowed_origins,
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=ASKED_HEADERS,
            expose_headers=["x-request-id"],
        )
    app = Guard(app, web.allowed_hosts, web.allowed_origins, web.public_url)
    return SendDeadline(RequestIds(app), web.graphql.settings.send_deadline_seconds)
