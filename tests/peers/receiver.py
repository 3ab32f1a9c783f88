"""Somebody's server that is told by webhooks: remembers every message, in its order, and takes it."""

import dataclasses
import json
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


@dataclasses.dataclass(frozen=True)
class Message:
    """One that came. `id` is its `webhook-id`."""

    id: str
    type: str
    data: Any


class Receiver:
    """Serve `app` with `serving`; messages are sent to `/hooks`."""

    def __init__(self) -> None:
        self.came: list[Message] = []
        self.app = Starlette(routes=[Route("/hooks", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        body = json.loads(await request.body())
        self.came.append(Message(request.headers["webhook-id"], body["type"], body["data"]))
        return Response(status_code=204)
