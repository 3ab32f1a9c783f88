"""How a request that cannot be run is refused: one exception, one shape of error, one closed set of codes."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from graphql import GraphQLError, GraphQLFormattedError


class ErrorCode(StrEnum):
    """`extensions.code` of top-level errors that the transports make themselves."""

    BAD_REQUEST = "BAD_REQUEST"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    BUSY = "BUSY"
    CSRF_PREVENTED = "CSRF_PREVENTED"
    DOCUMENT_NOT_ALLOWED = "DOCUMENT_NOT_ALLOWED"
    FORBIDDEN = "FORBIDDEN"
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    INTERNAL = "INTERNAL"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    NOT_ACCEPTABLE = "NOT_ACCEPTABLE"
    NOT_FOUND = "NOT_FOUND"
    OPERATION_RESOLUTION_FAILED = "OPERATION_RESOLUTION_FAILED"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    QUERY_TOO_COSTLY = "QUERY_TOO_COSTLY"
    QUERY_TOO_DEEP = "QUERY_TOO_DEEP"
    QUERY_TOO_LARGE = "QUERY_TOO_LARGE"
    RATE_LIMITED = "RATE_LIMITED"
    SHUTTING_DOWN = "SHUTTING_DOWN"
    TIMEOUT = "TIMEOUT"
    TOO_MANY_ALIASES = "TOO_MANY_ALIASES"
    TOO_MANY_DIRECTIVES = "TOO_MANY_DIRECTIVES"
    TOO_MANY_FIELDS = "TOO_MANY_FIELDS"
    TOO_MANY_OPERATIONS = "TOO_MANY_OPERATIONS"
    TOO_MANY_ROOT_FIELDS = "TOO_MANY_ROOT_FIELDS"
    TOO_MANY_TOKENS = "TOO_MANY_TOKENS"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"


class RequestError(Exception):
    """A request that is answered with errors and no `data`, before anything ran.

    `status` is the HTTP status. `of_document` says that HTTP carried a well-formed request whose GraphQL
    document or variables are at fault; under `Accept: application/json` such a refusal is a 200.
    """

    def __init__(
        self,
        errors: Sequence[GraphQLFormattedError],
        *,
        status: int = 400,
        of_document: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(errors[0]["message"])
        self.errors = list(errors)
        self.status = status
        self.of_document = of_document
        self.headers = dict(headers or {})

    @property
    def body(self) -> dict[str, Any]:
        """The GraphQL response: errors, and no `data` key."""
        return {"errors": self.errors}


def refuse(
    code: ErrorCode,
    message: str,
    *,
    status: int = 400,
    of_document: bool = False,
    headers: Mapping[str, str] | None = None,
) -> RequestError:
    """Make a refusal with one error."""
    return RequestError([formatted(message, code)], status=status, of_document=of_document, headers=headers)


def too_deep() -> RequestError:
    """The refusal of nesting that cannot be followed."""
    return refuse(ErrorCode.QUERY_TOO_DEEP, "The document is nested too deeply.", of_document=True)


def formatted(message: str, code: ErrorCode, **known: int) -> GraphQLFormattedError:
    """One error as it goes over the wire; `known` are the numbers that a program may want to act on."""
    return {"message": message, "extensions": {"code": code.value, **known}}


def refuse_document(code: ErrorCode, errors: Sequence[GraphQLError]) -> RequestError:
    """Make a refusal from graphql-core's errors, each with `code` unless it has one of its own."""
    return RequestError([with_code(error, code) for error in errors], of_document=True)


def with_code(error: GraphQLError, code: ErrorCode) -> GraphQLFormattedError:
    """Format `error`; a code that it carries already wins."""
    out = error.formatted
    out["extensions"] = {"code": code.value, **(error.extensions or {})}
    return out
