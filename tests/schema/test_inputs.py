"""Every input, executed: what is left out takes the dataclass's own default."""

import dataclasses
import types
import typing
from typing import Annotated, Any

import pytest
import strawberry
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    is_required_input_field,
)
from strawberry.schema.config import StrawberryConfig

from schema import schema
from schema.inputs import INPUTS
from schema.publish import definition
from schema.scalars import SCALARS

VALUES: dict[str, Any] = {"ID": "x", "String": "x", "Int": 1, "Float": 1.0, "Boolean": True, "BigInt": 1}


def kind_of(cls: type) -> GraphQLInputObjectType:
    found = schema._schema.type_map[definition(cls).name]
    assert isinstance(found, GraphQLInputObjectType)
    return found


def value_of(kind: Any) -> Any:
    """A value for a required field."""
    bare = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    if isinstance(bare, GraphQLList):
        return [value_of(bare.of_type)]
    if isinstance(bare, GraphQLInputObjectType):
        return required(bare)
    if isinstance(bare, GraphQLEnumType):
        return next(iter(bare.values))
    return VALUES[bare.name]


def required(kind: GraphQLInputObjectType) -> dict[str, Any]:
    """The least that can be sent."""
    return {
        name: value_of(field.type) for name, field in kind.fields.items() if is_required_input_field(field)
    }


def received(cls: type, sent: dict[str, Any]) -> Any:
    """What a resolver gets when that is sent."""
    seen: list[Any] = []

    def echo(given: Any) -> bool:
        seen.append(given)
        return True

    echo.__annotations__ = {"given": cls, "return": bool}
    query = strawberry.type(type("Query", (), {"echo": strawberry.field(resolver=echo)}))
    probe = strawberry.Schema(query=query, config=StrawberryConfig(scalar_map=SCALARS))
    result = probe.execute_sync(
        f"query ($given: {definition(cls).name}!) {{ echo(given: $given) }}", {"given": sent}
    )
    assert result.errors is None, result.errors
    return seen[0]


@pytest.mark.parametrize("cls", INPUTS)
def test_what_is_left_out_takes_its_default(cls: type) -> None:
    kind = kind_of(cls)
    sent = required(kind)
    found = received(cls, sent)
    assert type(found) is cls
    for field in dataclasses.fields(cls):
        name = schema.config.name_converter.apply_naming_config(field.name)
        if name in sent:
            continue
        assert field.default is not dataclasses.MISSING, field.name
        assert getattr(found, field.name) == field.default, field.name
        assert not isinstance(getattr(found, field.name), types.MemberDescriptorType)


@pytest.mark.parametrize("cls", INPUTS)
def test_null_is_as_good_as_absent_where_both_mean_nothing(cls: type) -> None:
    kind = kind_of(cls)
    optional = [name for name, field in kind.fields.items() if not isinstance(field.type, GraphQLNonNull)]
    maybe = {field.python_name for field in definition(cls).fields if "Maybe" in type(field.type).__name__}
    camel = {schema.config.name_converter.apply_naming_config(name) for name in maybe}
    nulls = {name: None for name in optional if name not in camel}
    assert received(cls, required(kind) | nulls) == received(cls, required(kind))


@pytest.mark.parametrize("cls", INPUTS)
def test_inputs_stay_frozen_plain_dataclasses(cls: type) -> None:
    found = received(cls, required(kind_of(cls)))
    first = dataclasses.fields(cls)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(found, first, None)
    assert not hasattr(cls, "__slots__")


@pytest.mark.parametrize("cls", INPUTS)
def test_every_text_has_a_maximum(cls: type) -> None:
    """Ids and enums apart, nothing that people write is unbounded."""
    hints = typing.get_type_hints(cls, include_extras=True)
    unbounded = [
        field.name
        for field in dataclasses.fields(cls)
        if _is_text(hints[field.name]) and field.metadata.get("most") is None
    ]
    assert unbounded == []


def _is_text(hint: Any) -> bool:
    if typing.get_origin(hint) is Annotated:
        return _is_text(typing.get_args(hint)[0])
    parts = typing.get_args(hint)
    return hint is str or any(_is_text(part) for part in parts)
