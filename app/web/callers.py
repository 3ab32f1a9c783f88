"""Admits the callers of plain routes by the same rule as GraphQL's."""

from starlette.requests import Request
from starlette.responses import Response

from app.graphql.keys import bearer
from app.graphql.refusals import ErrorCode
from app.graphql.wiring import Admit, Viewer
from app.web.replies import problem


async def caller(admit: Admit, request: Request) -> Viewer | Response:
    """The viewer, or the 401 to answer with."""
    secret = bearer(request.headers)
    viewer = await admit(secret)
    if viewer is not None:
        return viewer
    words = "This key is not valid." if secret else "This server needs a key: Authorization: Bearer <key>."
    return problem(ErrorCode.UNAUTHENTICATED, words, 401, {"www-authenticate": "Bearer"})
