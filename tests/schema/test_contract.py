"""What holds for every type, field, argument and enum value of the contract, those of later issues included."""

import ast
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    get_named_type,
)

from schema import schema
from schema.ids import KINDS
from schema.mutations import Answers
from schema.publish import VIEWS, definition
from store.database.tables import Table

core = schema._schema
BUILT_IN = {"String", "Int", "Float", "Boolean", "ID"}
TYPES = {name: kind for name, kind in core.type_map.items() if not name.startswith("__")}
Outer = GraphQLObjectType | GraphQLInterfaceType


def outer_types() -> Iterator[Outer]:
    for kind in TYPES.values():
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            yield kind


def fields() -> Iterator[tuple[str, GraphQLField]]:
    for kind in outer_types():
        for name, field in kind.fields.items():
            yield f"{kind.name}.{name}", field


def arguments() -> Iterator[tuple[str, GraphQLArgument]]:
    for place, field in fields():
        for name, argument in field.args.items():
            yield f"{place}({name})", argument


def test_everything_is_explained() -> None:
    silent = [name for name, kind in TYPES.items() if not kind.description and name not in BUILT_IN]
    silent += [place for place, field in fields() if not field.description]
    silent += [place for place, argument in arguments() if not argument.description]
    for kind in TYPES.values():
        if isinstance(kind, GraphQLEnumType):
            silent += [f"{kind.name}.{name}" for name, value in kind.values.items() if not value.description]
        if isinstance(kind, GraphQLInputObjectType):
            silent += [f"{kind.name}.{name}" for name, field in kind.fields.items() if not field.description]

    assert silent == []


def test_every_scalar_of_ours_is_specified() -> None:
    vague = [
        name
        for name, kind in TYPES.items()
        if isinstance(kind, GraphQLScalarType) and name not in BUILT_IN and not kind.specified_by_url
    ]

    assert vague == []


def test_every_node_has_a_kind_in_its_ids() -> None:
    nodes = {kind.name for kind in core.get_possible_types(TYPES["Node"])}  # type: ignore[arg-type]  # an interface

    assert nodes <= set(KINDS)


def test_mutations_take_one_input_and_return_a_nullable_payload_with_nullable_nouns() -> None:
    mutation = core.mutation_type
    assert mutation is not None
    for name, field in mutation.fields.items():
        title = name[0].upper() + name[1:]
        assert list(field.args) == ["input"], name
        assert str(field.args["input"].type) == f"{title}Input!"
        assert str(field.type) == f"{title}Payload"
        payload = field.type
        assert isinstance(payload, GraphQLObjectType)
        assert str(payload.fields["userErrors"].type) == "[UserError!]!"
        nouns = {noun: each for noun, each in payload.fields.items() if noun not in {"userErrors", "results"}}
        assert not any(isinstance(each.type, GraphQLNonNull) for each in nouns.values()), name


def test_every_mutation_declares_its_scope() -> None:
    mutation = core.mutation_type
    assert mutation is not None
    for name, field in mutation.fields.items():
        extensions = field.extensions["strawberry-definition"].extensions
        assert any(isinstance(each, Answers) for each in extensions), name


def test_connections_are_all_of_one_shape() -> None:
    connections = [kind for kind in outer_types() if kind.name.endswith("Connection")]
    assert connections
    for kind in connections:
        item = kind.name.removesuffix("Connection")
        assert {name: str(field.type) for name, field in kind.fields.items()} == {
            "edges": f"[{item}Edge!]!",
            "nodes": f"[{item}!]!",
            "pageInfo": "PageInfo!",
            "totalCount": "Int!",
        }


def test_lists_that_page_take_the_four_arguments() -> None:
    for place, field in fields():
        if get_named_type(field.type).name.endswith("Connection"):
            assert {"first", "after", "last", "before"} <= set(field.args), place


@pytest.mark.parametrize("view", [view for view, row in VIEWS.items() if issubclass(row, Table)])
def test_nullability_is_that_of_the_column(view: type) -> None:
    columns: Any = sqlalchemy.inspect(VIEWS[view]).columns
    kind = TYPES[definition(view).name]
    assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
    differing = [
        field.python_name
        for field in definition(view).fields
        if field.base_resolver is None
        and field.python_name in columns
        and columns[field.python_name].nullable
        is isinstance(kind.fields[schema.config.name_converter.get_graphql_name(field)].type, GraphQLNonNull)
    ]

    assert differing == []


@pytest.mark.parametrize("view", [view for view, row in VIEWS.items() if issubclass(row, Table)])
def test_no_foreign_key_is_published(view: type) -> None:
    columns: Any = sqlalchemy.inspect(VIEWS[view]).columns
    published = {field.python_name for field in definition(view).fields if field.base_resolver is None}

    assert [name for name in published if name in columns and columns[name].foreign_keys] == []


def test_schema_declares_and_neither_waits_nor_selects() -> None:
    found = []
    for path in sorted(pathlib.Path("schema").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Await | ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith):
                found.append(f"{path}:{node.lineno}")
            if isinstance(node, ast.ImportFrom) and node.module == "sqlalchemy":
                found += [f"{path}:{node.lineno}" for name in node.names if name.name == "select"]

    assert found == []


def test_resolvers_never_import_the_schema() -> None:
    imports = [
        f"{path}:{node.lineno}"
        for path in pathlib.Path("resolvers").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "schema"
    ]

    assert imports == []
