"""How plain routes answer: JSON, and errors in the same shape as GraphQL's."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.graphql.coding import encode
from app.graphql.masking import bug, status
from app.graphql.refusals import ErrorCode

CODES = {
    401: ErrorCode.UNAUTHENTICATED,
    403: ErrorCode.FORBIDDEN,
    404: ErrorCode.NOT_FOUND,
    405: ErrorCode.METHOD_NOT_ALLOWED,
    413: ErrorCode.PAYLOAD_TOO_LARGE,
    415: ErrorCode.UNSUPPORTED_MEDIA_TYPE,
}


def reply(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(encode(body), status, headers, media_type="application/json")


def problem(
    code: ErrorCode | str, message: str, status: int, headers: Mapping[str, str] | None = None
) -> Response:
    """A refusal: `{"errors": [{message, extensions: {code}}]}`."""
    error = {"message": message, "extensions": {"code": str(code)}}
    return reply({"errors": [error]}, status, headers)


async def http_problem(_request: Request, error: Exception) -> Response:
    """What Starlette itself refuses: unknown paths, methods, sizes."""
    assert isinstance(error, HTTPException)
    words = {404: "There is nothing at this address.", 405: "This method is not supported here."}
    code = CODES.get(error.status_code, ErrorCode.BAD_REQUEST)
    message = words.get(error.status_code, error.detail)
    return problem(code, message, error.status_code, error.headers)


async def bug_problem(_request: Request, error: Exception) -> Response:
    """A bug: logged with an id, told as that id."""
    return reply({"errors": [bug(error)]}, status(error))
