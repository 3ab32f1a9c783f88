"""`GET /published/<key>`: pictures that this server has published itself, for everybody, read-only.

A key never holds other bytes, so it may be cached for good. Only the endings that publishing makes are served, and
nothing outside the folder.
"""

import asyncio
import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from app.graphql.refusals import ErrorCode
from app.web.files import HEADERS
from app.web.replies import problem

KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*\.(png|jpg|webp)")
TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}
CACHE = {"cache-control": "public, max-age=31536000, immutable", "access-control-allow-origin": "*"}


class PublishedPictures:
    """The route."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def __call__(self, request: Request) -> Response:
        """Answer 200, 206 for a range, 404 for what is not published here."""
        found = KEY.fullmatch(request.path_params["key"])
        path = self._folder / found.group(0) if found else None
        if found is None or path is None or not path.is_file() or _outside(path, self._folder):
            return _none()
        return _Picture(path, media_type=TYPES[found.group(2)], headers=HEADERS | CACHE)


class _Picture(FileResponse):
    """The file, or 404 where it was taken back since it was found."""

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self.stat_result = await asyncio.to_thread(Path(self.path).stat)
            self.set_stat_headers(self.stat_result)
        except FileNotFoundError:
            await _none()(scope, receive, send)
            return
        await super().__call__(scope, receive, send)


def _none() -> Response:
    return problem(ErrorCode.NOT_FOUND, "There is no published picture at this address.", 404, HEADERS)


def _outside(path: Path, folder: Path) -> bool:
    """Whether a link leads out of the folder."""
    return not path.resolve().is_relative_to(folder.resolve())
