"""`GET /files/{file}/{rendition}?e=…&s=…`: pictures under signed addresses that end.

Nothing here can run as a page of ours: fixed types, nosniff, an empty sandbox. The bytes of an address never
change, so it may be cached to the end of its hour.
"""

import re
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from app.graphql.refusals import ErrorCode
from app.web.replies import problem

Verify = Callable[[uuid.UUID, str, tuple[str, str]], bool]
NAME = re.compile(r"[A-Za-z0-9._-]{1,200}")
HEADERS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    "cross-origin-resource-policy": "cross-origin",
    "referrer-policy": "no-referrer",
}


@dataclass(frozen=True)
class Found:
    """Bytes to send: where they lie, what they are, and their SHA-256."""

    path: Path
    media_type: str
    sha256: str


Find = Callable[[uuid.UUID, str], Awaitable[Found | None]]
"""(file, rendition) -> its bytes; None when it is gone, or must not be shown any more."""
Clock = Callable[[], float]


class Files:
    """The route. `verify` says whether an address is genuine and not over; `clock` is seconds since 1970."""

    def __init__(self, verify: Verify, find: Find, clock: Clock) -> None:
        self._verify = verify
        self._find = find
        self._clock = clock

    async def __call__(self, request: Request) -> Response:
        """Answer 200, 304, 403 for an address that is not genuine or over, 404 for bytes that are gone."""
        file_id: uuid.UUID = request.path_params["file"]
        rendition: str = request.path_params["rendition"]
        query = (request.query_params.get("e", ""), request.query_params.get("s", ""))
        if not self._verify(file_id, rendition, query):
            return _refused("This address is not valid any more. Ask for the picture again.", 403)
        found = await self._find(file_id, rendition)
        if found is None:
            return _refused("This picture is not here any more.", 404)
        headers = HEADERS | self._caching(found, int(query[0])) | _disposition(request)
        if headers["etag"] in _etags(request):
            return Response(status_code=304, headers=headers)
        return FileResponse(found.path, media_type=found.media_type, headers=headers)

    def _caching(self, found: Found, expires: int) -> dict[str, str]:
        left = max(0, expires - int(self._clock()))
        return {"etag": f'"{found.sha256}"', "cache-control": f"private, max-age={left}, immutable"}


def _refused(message: str, status: int) -> Response:
    code = ErrorCode.FORBIDDEN if status == 403 else ErrorCode.NOT_FOUND  # noqa: PLR2004  # the two that are used
    return problem(code, message, status, HEADERS | {"cache-control": "no-store"})


def _disposition(request: Request) -> dict[str, str]:
    """`download=<name>` saves under that name; only plain names count, so it can carry nothing else."""
    name = request.query_params.get("download")
    if name is None:
        return {"content-disposition": "inline"}
    if not NAME.fullmatch(name):
        return {"content-disposition": "attachment"}
    return {"content-disposition": f'attachment; filename="{name}"'}


def _etags(request: Request) -> list[str]:
    header = request.headers.get("if-none-match", "")
    return [tag.strip().removeprefix("W/") for tag in header.split(",")]
