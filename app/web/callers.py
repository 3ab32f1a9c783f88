"""Admits the callers of plain routes by the same rule as GraphQL's."""

from starlette.requests import Request
from starlette.responses import Response

from app.graphql.keys import bearer
from app.graphql.refusals import ErrorCode, RequestError
from app.graphql.wiring import Viewer, Wiring
from app.web.replies import problem, reply


async def caller(wiring: Wiring, request: Request) -> Viewer | Response:
    """The viewer, or the 401 or 429 to answer with."""
    secret = bearer(request.headers)
    viewer = await wiring.admit(secret)
    if viewer is not None:
        try:
            wiring.rates.spend(viewer)
        except RequestError as refused:
            return reply(refused.body, refused.status, refused.headers)
        return viewer
    words = "This key is not valid." if secret else "This server needs a key: Authorization: Bearer <key>."
    return problem(ErrorCode.UNAUTHENTICATED, words, 401, {"www-authenticate": "Bearer"})
