"""The scalars of the contract: how a value looks in JSON, and where that is specified."""

import datetime
import decimal
from typing import Any

import strawberry
from graphql import GraphQLError, GraphQLID
from strawberry.scalars import JSON
from strawberry.types.scalar import ScalarDefinition

from resolvers.ids import TABLES, GlobalId, LooseId, ModelKey
from resolvers.inputs import BigInt, UploadedFile

__all__ = ["JSON", "SCALARS", "BigInt", "GlobalId"]

LARGEST = 2**53 - 1  # the largest integer that every JSON reader keeps exactly (RFC 8259 §6)


def big_int(value: Any) -> int:
    """A whole number, -(2**53-1) to 2**53-1, from a number or a decimal string."""
    if isinstance(value, str) and value.removeprefix("-").isascii() and value.removeprefix("-").isdigit():
        value = int(value) if len(value) <= 17 else LARGEST + 1  # noqa: PLR2004 -- no more digits than -(2**53-1) has
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > LARGEST:
        raise GraphQLError(
            f"BigInt cannot represent {str(value)[:40]!r}: give a whole number between -{LARGEST} and {LARGEST}."
        )
    return value


def instant(value: Any) -> datetime.datetime:
    """A point in time; a value without an offset is refused rather than guessed."""
    try:
        parsed = datetime.datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise GraphQLError(
            f"DateTime cannot represent {str(value)[:40]!r}: give ISO 8601 with an offset."
        ) from error
    if parsed.tzinfo is None:
        raise GraphQLError("DateTime needs an offset, for example 2026-11-20T05:00:00Z.")
    return parsed


def from_instant(value: datetime.datetime) -> str:
    """ISO 8601 in UTC, ending in Z."""
    return value.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")


def money(value: Any) -> decimal.Decimal:
    """An exact decimal number, from a string or a number."""
    try:
        parsed = decimal.Decimal(str(value))
    except decimal.InvalidOperation as error:
        raise GraphQLError(f"Decimal cannot represent {str(value)[:40]!r}.") from error
    if isinstance(value, bool) or not parsed.is_finite():
        raise GraphQLError(f"Decimal cannot represent {str(value)[:40]!r}.")
    return parsed


def from_money(value: decimal.Decimal) -> str:
    """Without exponent and without trailing zeros after the point."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def file(value: Any) -> Any:
    """A file that the transport put here; text or JSON in its place is refused."""
    if not hasattr(value, "read"):
        raise GraphQLError("Upload must be a file sent by the GraphQL multipart request specification.")
    return value


def _global_id() -> ScalarDefinition:
    built_in = strawberry.scalar(name="ID", description=GraphQLID.description)
    built_in.implementation = GraphQLID
    return built_in


_ID = _global_id()

SCALARS: dict[object, ScalarDefinition] = {
    strawberry.ID: _ID,
    GlobalId: _ID,
    ModelKey: _ID,
    LooseId: _ID,
    **dict.fromkeys(TABLES, _ID),
    BigInt: strawberry.scalar(
        name="BigInt",
        description=(
            "A whole number from -(2^53-1) to 2^53-1. A JSON number out; a number or a decimal string in."
        ),
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259#section-6",
        serialize=big_int,
        parse_value=big_int,
    ),
    datetime.datetime: strawberry.scalar(
        name="DateTime",
        description="A point in time, ISO 8601 with an offset; always UTC on the way out.",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time.html",
        serialize=from_instant,
        parse_value=instant,
    ),
    decimal.Decimal: strawberry.scalar(
        name="Decimal",
        description='An exact decimal number as a string, for example "0.04"; used for money in US dollars.',
        specified_by_url="https://www.w3.org/TR/xmlschema-2/#decimal",
        serialize=from_money,
        parse_value=money,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value, as it is.",
        specified_by_url="https://ecma-international.org/publications-and-standards/standards/ecma-404/",
        serialize=lambda value: value,
        parse_value=lambda value: value,
    ),
    UploadedFile: strawberry.scalar(
        name="Upload",
        description="A file sent along with the operation by the GraphQL multipart request specification.",
        specified_by_url="https://github.com/jaydenseric/graphql-multipart-request-spec",
        parse_value=file,
    ),
}
"""Everything that is no object, and how it is written."""
