"""What the contract itself says about ids: where they go in, where they come out, how to ask for all of them.

Knows the schema by introspection only, so a field that is added is seen here by itself.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLUnionType,
    ast_from_value,
    get_named_type,
    is_leaf_type,
    is_non_null_type,
    is_required_argument,
    print_ast,
)

from schema import schema

CORE = schema._schema
ROOTS = ("Query", "Mutation", "Subscription")
CATALOG = frozenset({"model", "models", "fallbackModels"})
"""Inputs of type ID that name a row of the catalog, which everybody sees."""


def roots() -> dict[str, GraphQLField]:
    """Every field of the three roots, as "Query.node"."""
    return {f"{root}.{name}": field for root in ROOTS for name, field in fields_of(root).items()}


def nodes() -> dict[str, GraphQLObjectType]:
    """Every type that implements Node."""
    interface = CORE.type_map["Node"]
    assert isinstance(interface, GraphQLInterfaceType)
    return {kind.name: kind for kind in CORE.get_possible_types(interface)}


def inner() -> dict[str, GraphQLField]:
    """Every field below the roots that leads to a Node or takes an id, as "Variant.job"; not the furniture of
    payloads and connections, which only hands on what a root field found.
    """
    found = {}
    for name, kind in sorted(CORE.type_map.items()):
        if name in ROOTS or name.startswith("__") or not isinstance(kind, GraphQLObjectType):
            continue
        if name.endswith(("Payload", "Connection", "Edge")):
            continue
        for field_name, field in kind.fields.items():
            if leads_to_node(field) or any(id_paths(field)):
                found[f"{name}.{field_name}"] = field
    return found


def leads_to_node(field: GraphQLField) -> bool:
    """Whether a Node comes out, alone, in a list or in a connection."""
    kind = get_named_type(field.type)
    return _is_node(kind) or kind.name.endswith("Connection")


def id_paths(field: GraphQLField) -> Iterator[str]:
    """Where a global id goes in: "id", "filter.jobId", "input.conditioning.variantId"."""
    for name, argument in field.args.items():
        yield from _id_paths(name, get_named_type(argument.type))


def declared(arguments: Mapping[str, GraphQLArgument]) -> str:
    """Variables for all arguments, with what they are when nothing is given."""
    return ", ".join(f"${name}: {argument.type}{_default(argument)}" for name, argument in arguments.items())


def _default(argument: GraphQLArgument) -> str:
    if is_required_argument(argument) or not is_non_null_type(argument.type):
        return ""
    value = ast_from_value(argument.default_value, argument.type)
    assert value is not None
    return f" = {print_ast(value)}"


def selection(kind: GraphQLNamedType, *, deep: bool = True) -> str:
    """Everything that can be asked of a type without arguments that must be given, one Node deep."""
    if is_leaf_type(kind):
        return ""
    if isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
        return "{ __typename id }"
    assert isinstance(kind, GraphQLObjectType)
    if kind.name.endswith("Connection"):
        return f"{{ nodes {selection(get_named_type(kind.fields['nodes'].type), deep=deep)} }}"
    if _is_node(kind) and not deep:
        return "{ __typename id }"
    parts = ["__typename"]
    for name, field in kind.fields.items():
        if not any(is_required_argument(argument) for argument in field.args.values()):
            inside = get_named_type(field.type)
            parts.append(f"{name} {selection(inside, deep=deep and not _is_node(kind))}")
    return "{ " + " ".join(parts) + " }"


def fields_of(kind: str) -> dict[str, GraphQLField]:
    """The fields of an object type."""
    found = CORE.type_map[kind]
    assert isinstance(found, GraphQLObjectType)
    fields: dict[str, GraphQLField] = found.fields
    return fields


def ids_in(answer: Any) -> set[str]:
    """Every value that stands under `id`, or under a name that ends in `Id`, anywhere in an answer."""
    if isinstance(answer, list):
        return {each for item in answer for each in ids_in(item)}
    if not isinstance(answer, dict):
        return set()
    here = {
        value
        for name, value in answer.items()
        if isinstance(value, str) and (name == "id" or name.endswith("Id"))
    }
    return here.union(*(ids_in(value) for value in answer.values()))


def _id_paths(path: str, kind: GraphQLNamedType) -> Iterator[str]:
    if isinstance(kind, GraphQLInputObjectType):
        for name, field in kind.fields.items():
            yield from _id_paths(f"{path}.{name}", get_named_type(field.type))
    elif kind.name == "ID" and path.rpartition(".")[2] not in CATALOG:
        yield path


def _is_node(kind: GraphQLNamedType) -> bool:
    return kind.name == "Node" or any(each.name == "Node" for each in getattr(kind, "interfaces", ()))
