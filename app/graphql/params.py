"""A GraphQL request as the specification defines it, whichever way it came: checked field by field.

Empty strings in a URL and nulls in JSON mean absent (GraphQL over HTTP, §5). Unknown keys are ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.graphql.coding import decode
from app.graphql.refusals import ErrorCode, RequestError, refuse


@dataclass(frozen=True)
class Params:
    """What a client asked to run; `query` is empty where a persisted document is named."""

    query: str
    operation_name: str | None
    variables: dict[str, Any] | None
    extensions: dict[str, Any] | None


def from_json(body: Any) -> Params:
    """Check a decoded body.

    Raises:
        RequestError: 400, naming the key that is not as it should be.
    """
    if isinstance(body, list):
        raise _bad("Batches are not supported; send one operation a request.")
    if not isinstance(body, dict):
        raise _bad("The request must be a JSON object with a `query`.")
    query = _of(body, "query", str, "a string")
    name = _of(body, "operationName", str, "a string")
    variables = _of(body, "variables", dict, "an object")
    extensions = _of(body, "extensions", dict, "an object")
    if not query and not (extensions and extensions.get("persistedQuery")):
        raise _bad("The request has no `query`.")
    return Params(query or "", name, variables, extensions)


def from_url(query: Mapping[str, str]) -> Params:
    """Check the parameters of a GET.

    Raises:
        RequestError: 400, naming the parameter that is not as it should be.
    """
    body: dict[str, Any] = {key: query[key] for key in ("query", "operationName") if query.get(key)}
    for key in ("variables", "extensions"):
        if text := query.get(key):
            body[key] = decode(text)
    return from_json(body)


def _of(body: dict[str, Any], key: str, kind: type[Any], words: str) -> Any:
    value = body.get(key)
    if value is not None and not isinstance(value, kind):
        raise _bad(f"`{key}` must be {words}.")
    return value


def _bad(message: str) -> RequestError:
    return refuse(ErrorCode.BAD_REQUEST, message)
