"""What a client sees of an error: refusals in their own words, bugs as an id that is also in the log."""

import secrets
import traceback

import structlog
from graphql import GraphQLError, GraphQLFormattedError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from app.graphql.refusals import ErrorCode, formatted, with_code

log: structlog.stdlib.BoundLogger = structlog.get_logger("likeness.graphql")
BUSY = (
    "The server is very busy just now. Try again in a moment; with an idempotencyKey nothing is done twice."
)


class Masking:
    """Tells what was meant for the client from what was not.

    Meant for the client: a `GraphQLError` that somebody raised on purpose, and the exceptions named in
    `public`, whose `code` (when they have one) becomes `extensions.code`. Everything else is a bug.
    """

    def __init__(self, public: tuple[type[Exception], ...] = ()) -> None:
        self._public = public

    def present(self, error: GraphQLError) -> GraphQLFormattedError:
        """Format one error for the wire; log it first when it is a bug."""
        cause = error.original_error
        if cause is None or isinstance(cause, GraphQLError):
            return with_code(error, ErrorCode.BAD_USER_INPUT)
        if isinstance(cause, self._public):
            return _public(error, cause)
        return _masked(error, cause)


def _public(error: GraphQLError, cause: Exception) -> GraphQLFormattedError:
    out = error.formatted
    code = getattr(cause, "code", ErrorCode.FORBIDDEN)
    out["extensions"] = {"code": str(getattr(code, "value", code)), **(error.extensions or {})}
    return out


def _masked(error: GraphQLError, cause: Exception) -> GraphQLFormattedError:
    """Replace the words by an id; keep where it happened."""
    return {**error.formatted, **bug(cause, path=".".join(str(part) for part in error.path or ()))}


def bug(cause: Exception, *, path: str = "") -> GraphQLFormattedError:
    """Log what went wrong under a new id, and tell the client that id alone; a full house says so instead."""
    if isinstance(cause, NoConnectionFree):
        log.warning("no database connection free: raise DATABASE_POOL", path=path)
        return formatted(BUSY, ErrorCode.BUSY)
    error_id = secrets.token_hex(6)
    log.error("bug", error_id=error_id, path=path, error="".join(traceback.format_exception(cause)))
    return {
        "message": f"Something went wrong on our side. Error {error_id}.",
        "extensions": {"code": ErrorCode.INTERNAL.value, "errorId": error_id},
    }


def status(cause: Exception) -> int:
    """The HTTP status of a request that ended with `bug(cause)` before it could answer anything."""
    return 503 if isinstance(cause, NoConnectionFree) else 500
