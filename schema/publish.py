"""Publishing: a view is an allow-list of a row's names, wrapped for GraphQL.

Rows are served as they are; nothing is copied. What cannot be served (a name that is neither column nor
resolver) or is not explained (no description) fails at import. Knows no row and no resolver by name.
"""

import dataclasses
import enum
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import sqlalchemy
import strawberry
from strawberry.types.base import StrawberryObjectDefinition, get_object_definition

from store.database.tables import Table

Class = TypeVar("Class", bound=type)
VIEWS: dict[type, type] = {}
"""Every view, and the rows it shows."""
NAMES = {"filter_by": "filter", "asked": "input", "of": "id"}


def publishes(row: type, *, interface: bool = False) -> Callable[[Class], Class]:
    """Publish the class below as a view of `row`; raises TypeError when a field has no source or no words."""

    def publish(view: Class) -> Class:
        wrap = strawberry.interface if interface else strawberry.type
        _in_order(view)
        view.is_type_of = staticmethod(lambda obj, _info: isinstance(obj, row))  # type: ignore[attr-defined]  # read by Strawberry
        published: Class = wrap(view, description=words(view))
        VIEWS[published] = row
        names = served(row)
        for field in definition(published).fields:
            if field.base_resolver is None and field.python_name not in names:
                raise TypeError(
                    f"{view.__name__}.{field.python_name} is neither a column nor has it a resolver."
                )
        return published

    return publish


def shown(description: str, **options: Any) -> Any:
    """A published name, with the words that explain it."""
    return strawberry.field(description=description, **options)


def related(resolver: Callable[..., Any], graphql_type: Any, description: str, **arguments: str) -> Any:
    """A field that a resolver answers; `arguments` explains each of its arguments by its Python name."""
    field = strawberry.field(resolver=resolver, graphql_type=graphql_type, description=description)
    return explained(field, arguments)


def explained(field: Any, arguments: Mapping[str, str]) -> Any:
    """The field with its arguments explained, and renamed where Python has a word of its own."""
    for argument in field.arguments:
        argument.description = arguments[argument.python_name]
        argument.default = strawberry.UNSET if argument.default is None else argument.default
        argument.graphql_name = NAMES.get(argument.python_name)
    return field


def publish_input(cls: type) -> type:
    """Publish a plain dataclass as an input type: its docstring and its fields' metadata are the words."""
    metadata = {field.name: field.metadata for field in dataclasses.fields(cls)}
    strawberry.input(cls, description=words(cls))
    for field in dataclasses.fields(cls):
        field.metadata = metadata[field.name]  # Strawberry makes the dataclass anew and drops it
    for shown_field in definition(cls).fields:
        shown_field.description = metadata[shown_field.python_name]["description"]
        if shown_field.default_value is None:
            shown_field.default_value = strawberry.UNSET  # absent and null mean the same; no need to print it
    return cls


def publish_enum(
    kind: type[enum.Enum], values: Mapping[str, str], *, name: str | None = None, says: str | None = None
) -> type[enum.Enum]:
    """Publish an enum as it is, `says` instead of its docstring; raises KeyError for a member without words."""
    strawberry.enum(kind, name=name, description=says or words(kind))
    for value in kind.__strawberry_definition__.values:  # type: ignore[attr-defined]  # put there by the line above
        value.description = values[value.name]
    return kind


def _in_order(view: type) -> None:
    """Keep the fields in the order they are written in; those without an annotation would come last."""
    kinds = dict(view.__annotations__)
    for name, field in vars(view).items():
        if name not in kinds and getattr(field, "type_annotation", None) is not None:
            kinds[name] = field.type_annotation.annotation
    view.__annotations__ = {name: kinds[name] for name in vars(view) if name in kinds}


def served(row: type) -> set[str]:
    """The names a row can answer for itself: columns and hybrids, or a class's fields and properties."""
    if issubclass(row, Table):
        return set(sqlalchemy.inspect(row).all_orm_descriptors.keys())
    computed = (property, functools.cached_property)
    names = {name for name, value in inspect.getmembers(row) if isinstance(value, computed)}
    return (
        names | {field.name for field in dataclasses.fields(row)} if dataclasses.is_dataclass(row) else names
    )


def definition(cls: type) -> StrawberryObjectDefinition:
    """What Strawberry keeps about a published class."""
    return get_object_definition(cls, strict=True)


def words(cls: type) -> str:
    """The docstring as the description; raises TypeError when there is none."""
    if not cls.__doc__ or cls.__doc__.startswith(f"{cls.__name__}("):
        raise TypeError(f"{cls.__name__} has no docstring, so the contract could not explain it.")
    return inspect.cleandoc(cls.__doc__)
