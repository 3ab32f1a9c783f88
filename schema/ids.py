"""Relay global ids: base64 of "Type:uuid", decoded here so that resolvers only see UUIDs of the right kind.

A malformed id and one of the wrong kind are told apart: the first is INVALID_ID, the second NOT_FOUND.
"""

import base64
import binascii
import dataclasses
import functools
import types
import typing
import uuid
from typing import Any, TypeVar

import strawberry

from resolvers.context import Maybe, Some
from resolvers.ids import TABLES, GlobalId, LooseId, Named, Ref
from resolvers.refused import Refused, UserErrorCode
from store.database.tables import (
    Adapter,
    ApiKey,
    Beat,
    Character,
    DiceRoll,
    Game,
    Job,
    Persona,
    Post,
    PostImage,
    Preset,
    Table,
    Upload,
    User,
    Variant,
    WebhookDelivery,
    WebhookEndpoint,
)

KINDS: dict[str, type[Table]] = {
    "Persona": Persona,
    "Character": Character,
    "Game": Game,
    "Beat": Beat,
    "PostImage": PostImage,
    "DiceRoll": DiceRoll,
    "Post": Post,
    "Variant": Variant,
    "Job": Job,
    "User": User,
    "Upload": Upload,
    "Preset": Preset,
    "Adapter": Adapter,
    "ApiKey": ApiKey,
    "WebhookEndpoint": WebhookEndpoint,
    "WebhookDelivery": WebhookDelivery,
}
"""Which row each type name in an id stands for: everything that implements Node, and uploads."""

Input = TypeVar("Input")
LONGEST = 120  # no id of ours is longer


def encode(kind: str, key: uuid.UUID) -> strawberry.ID:
    """The id by which the world knows this row."""
    return strawberry.ID(base64.b64encode(f"{kind}:{key}".encode()).decode())


@functools.cache
def kind_of(row: type[Table]) -> str:
    """The type name in ids of such rows."""
    return next(kind for kind, table in KINDS.items() if table is row)


def global_id(root: Table) -> strawberry.ID:
    """The id of a row, for its `id` field."""
    return encode(kind_of(type(root)), typing.cast("Persona", root).id)


def decode(text: str) -> Ref | None:
    """What the id names, None when it is no id of ours."""
    if len(text) > LONGEST:
        return None
    try:
        kind, _, key = base64.b64decode(text, validate=True).decode("ascii").partition(":")
        parsed = uuid.UUID(key)
    except (ValueError, binascii.Error):
        return None
    if kind not in KINDS or str(parsed) != key:
        return None
    return Ref(table=KINDS[kind], key=parsed)


def expect(text: str, table: type[Table], field: tuple[str, ...]) -> uuid.UUID:
    """The UUID of a row of that table; raises Refused for a malformed id and for one of another kind."""
    ref = decode(text)
    if ref is None:
        raise Refused(UserErrorCode.INVALID_ID, "This is not an id of this server.", field)
    if not issubclass(ref.table, table):
        raise Refused(UserErrorCode.NOT_FOUND, f"There is no {table.__name__.lower()} with this id.", field)
    return ref.key


def decoded(given: Input, inside: tuple[str, ...] = ()) -> Input:
    """The input with its ids decoded, those in lists and in nested inputs too; raises Refused naming the field."""
    cls: type = type(given)
    changes = {
        name: _decoded(getattr(given, name), table, (*inside, camel(name)))
        for name, table in _id_fields(cls).items()
    }
    for name in _loose_fields(cls):
        changes[name] = [Named(given=each, ref=decode(each)) for each in getattr(given, name)]
    return dataclasses.replace(given, **changes) if changes else given  # type: ignore[type-var]  # an input is a dataclass


def _decoded(value: Any, table: type[Table] | None, path: tuple[str, ...]) -> Any:
    """What stands in a field that holds ids of that table, or (None) nested inputs."""
    if isinstance(value, Some):
        return Some(_decoded(value.value, table, path))
    if isinstance(value, list):
        return [_decoded(each, table, (*path, str(at))) for at, each in enumerate(value)]
    if isinstance(value, str) and table is not None:
        return expect(value, table, path)
    return decoded(value, path) if dataclasses.is_dataclass(value) else value


@functools.cache
def _id_fields(cls: type) -> dict[str, type[Table] | None]:
    """The fields that hold ids, with what they may name; None = a nested input."""
    found: dict[str, type[Table] | None] = {}
    for name, hint in typing.get_type_hints(cls).items():
        bare = _bare(hint)
        if typing.get_origin(bare) is list:
            bare = _bare(typing.get_args(bare)[0])
        if table := TABLES.get(bare):
            found[name] = table
        elif isinstance(bare, type) and dataclasses.is_dataclass(bare):
            found[name] = None
    return found


@functools.cache
def _loose_fields(cls: type) -> tuple[str, ...]:
    """The fields that hold lists of ids of which each is judged by itself."""
    return tuple(name for name, hint in typing.get_type_hints(cls).items() if hint == list[LooseId])


def _bare(hint: Any) -> Any:
    """The type without `| None` and without `Maybe`."""
    if typing.get_origin(hint) is Maybe:
        return _bare(typing.get_args(hint)[0])
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return next(part for part in typing.get_args(hint) if part is not type(None))
    return hint


def camel(name: str) -> str:
    """A Python name in the contract's spelling."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


__all__ = ["KINDS", "GlobalId", "camel", "decode", "decoded", "encode", "expect", "global_id", "kind_of"]
