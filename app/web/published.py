"""`GET /published/<key>`: pictures that this server has published itself, for everybody, read-only.

A key never holds other bytes, so it may be cached for good. Only the endings that publishing makes are served, and
nothing outside the folder.
"""

import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

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
            return problem(
                ErrorCode.NOT_FOUND, "There is no published picture at this address.", 404, HEADERS
            )
        return FileResponse(path, media_type=TYPES[found.group(2)], headers=HEADERS | CACHE)


def _outside(path: Path, folder: Path) -> bool:
    """Whether a link leads out of the folder."""
    return not path.resolve().is_relative_to(folder.resolve())
