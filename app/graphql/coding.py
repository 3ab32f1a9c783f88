"""JSON in and out: orjson, with every way of being malformed told as one ValueError."""

import functools
from decimal import Decimal
from typing import Any

import orjson

from app.graphql.refusals import ErrorCode, refuse

MAX_NESTING = 64  # braces and brackets inside each other in what clients send


class Once(dict[str, Any]):
    """An object that is encoded once, however many it is sent to; not to be changed after that."""

    @functools.cached_property
    def encoded(self) -> bytes:
        """UTF-8 JSON."""
        return encode(dict(self))

    @property
    def within(self) -> orjson.Fragment:
        """What stands for it inside of another value that is encoded."""
        return orjson.Fragment(self.encoded)


def encode(value: object) -> bytes:
    """UTF-8 JSON; decimals as strings, integers of any size as numbers."""
    if isinstance(value, Once):
        return value.encoded
    try:
        return orjson.dumps(value, default=_plain)
    except TypeError:
        return _encode_large(value)


def encode_text(value: object) -> str:
    """JSON as text: a WebSocket message must be a text frame."""
    return encode(value).decode()


def decode(data: bytes | str) -> Any:
    """Read JSON.

    Raises:
        RequestError: 400, when it is not JSON, not UTF-8, or nested more than 64 deep.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        message = f"The request is not valid JSON: {error.msg} at character {error.pos}."
        raise refuse(ErrorCode.BAD_REQUEST, message) from None
    if _too_deep(value):
        raise refuse(ErrorCode.BAD_REQUEST, f"The request is nested more than {MAX_NESTING} levels deep.")
    return value


def _too_deep(value: Any) -> bool:
    """Whether `value` nests more than MAX_NESTING; level by level, so nothing recurses."""
    level = [value]
    for _ in range(MAX_NESTING + 1):
        level = [item for held in level if isinstance(held, (dict, list)) for item in _items(held)]
        if not level:
            return False
    return True


def _items(held: dict[str, Any] | list[Any]) -> list[Any]:
    return list(held.values()) if isinstance(held, dict) else held


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _encode_large(value: object) -> bytes:
    """The slow way, for integers beyond 64 bits."""
    import json

    return json.dumps(value, default=_plain, separators=(",", ":"), ensure_ascii=False).encode()
