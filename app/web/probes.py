"""`/healthz`: the process answers. `/readyz`: it can do its work. `/metrics`: what it has been doing."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from app.graphql.wiring import Wiring
from app.metrics import Metrics
from app.web.callers import caller
from app.web.replies import reply

Checks = Callable[[], Awaitable[Mapping[str, str | None]]]
"""Each thing that must hold, and what is wrong with it: None for nothing."""
NO_STORE = {"cache-control": "no-store"}


async def healthz(_request: Request) -> Response:
    """200 for as long as the event loop runs."""
    return reply({"status": "ok"}, headers=NO_STORE)


class Readyz:
    """The route: 200 when every check holds and the server is not draining, else 503 with the reasons."""

    def __init__(self, wiring: Wiring, checks: Checks) -> None:
        self._wiring = wiring
        self._checks = checks

    async def __call__(self, _request: Request) -> Response:
        """Run the checks."""
        found = dict(await self._checks())
        found["draining"] = "the server is shutting down" if self._wiring.draining.is_set() else None
        failing = {name: words for name, words in found.items() if words is not None}
        body = {
            "status": "unavailable" if failing else "ok",
            "checks": {n: w or "ok" for n, w in found.items()},
        }
        return reply(body, 503 if failing else 200, NO_STORE)


class MetricsPage:
    """The route, for Prometheus; callers as for everything else."""

    def __init__(self, wiring: Wiring, metrics: Metrics) -> None:
        self._wiring = wiring
        self._metrics = metrics

    async def __call__(self, request: Request) -> Response:
        """Render what was counted."""
        viewer = await caller(self._wiring, request)
        if isinstance(viewer, Response):
            return viewer
        return Response(
            await self._metrics.page(), headers={"content-type": self._metrics.content_type} | NO_STORE
        )
