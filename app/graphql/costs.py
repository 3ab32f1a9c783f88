"""What an operation may cost before it runs: its fields, weighed by the rows that it asks for.

A field costs 1, and what stands below a list once for each row: as many as `first`, `last` or the `ids` say, on the list
or on the connection around it, else `ROWS_UNSAID`. Fragments count wherever they are spread, `@skip` and `@include`
are not believed, introspection is a single field. Of a subscription one event is weighed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_list_type,
)

from app.graphql.refusals import ErrorCode, RequestError, formatted

ROWS_UNSAID = (
    20  # a page's size when nothing is said, resolvers.paging.DEFAULT_SIZE; a test holds them together
)
SIZES = ("first", "last", "ids")


@dataclass
class _Weighing:
    """One operation being weighed; `known` holds fragments by name and the rows of the list that they stand in."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]
    known: dict[tuple[str, int], int] = field(default_factory=dict)

    def selections(self, found: SelectionSetNode | None, kind: GraphQLNamedType | None, rows: int) -> int:
        """Weigh what lies between two braces in something of `kind` whose lists have `rows` rows."""
        return sum(self._selection(one, kind, rows) for one in found.selections) if found else 0

    def _selection(self, node: SelectionNode, kind: GraphQLNamedType | None, rows: int) -> int:
        if isinstance(node, FieldNode):
            return self._field(node, kind, rows)
        if isinstance(node, FragmentSpreadNode):
            return self._fragment(node.name.value, rows)
        assert isinstance(node, InlineFragmentNode)
        condition = node.type_condition
        inner = self.schema.get_type(condition.name.value) if condition else kind
        return self.selections(node.selection_set, inner, rows)

    def _fragment(self, name: str, rows: int) -> int:
        if (name, rows) not in self.known:
            fragment = self.fragments[name]
            kind = self.schema.get_type(fragment.type_condition.name.value)
            self.known[name, rows] = self.selections(fragment.selection_set, kind, rows)
        return self.known[name, rows]

    def _field(self, node: FieldNode, kind: GraphQLNamedType | None, rows: int) -> int:
        if not node.selection_set or node.name.value.startswith("__"):
            return 1
        definition: GraphQLField = getattr(kind, "fields")[node.name.value]  # noqa: B009  # only objects get here
        asked = self._asked(node)
        inside = ROWS_UNSAID if asked is None else asked
        below = self.selections(node.selection_set, get_named_type(definition.type), inside)
        if not _many(definition):
            return 1 + below
        return 1 + below * (rows if asked is None else asked)

    def _asked(self, node: FieldNode) -> int | None:
        """How many rows a field says that it wants; the most of what it says, None when it says nothing."""
        said = [self._size(one.value) for one in node.arguments or () if one.name.value in SIZES]
        return max((size for size in said if size is not None), default=None)

    def _size(self, value: ValueNode) -> int | None:
        if isinstance(value, IntValueNode):
            return max(0, int(value.value))
        if isinstance(value, ListValueNode):
            return len(value.values)
        if isinstance(value, VariableNode):
            return _rows(self.variables.get(value.name.value))
        return None if isinstance(value, NullValueNode) else 1  # one value where a list may stand


def cost_of(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
) -> int:
    """Weigh an operation of a valid document; `variables` are coerced.

    Raises:
        RecursionError: for fragments nested too deeply to be followed.
    """
    fragments = {
        node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
    }
    root = schema.get_root_type(operation.operation)
    return _Weighing(schema, fragments, variables).selections(operation.selection_set, root, ROWS_UNSAID)


def too_costly(cost: int, most: int) -> RequestError:
    """The refusal of an operation that costs more than `most`."""
    shown = str(cost) if cost < 10**9 else "more than a thousand million"
    message = (
        f"The operation asks for up to {shown} fields, counted for every row; the limit is {most}. "
        "Ask for smaller pages (`first`, `last`), for fewer fields, or in several requests."
    )
    known = {"cost": min(cost, 10**9), "limit": most}
    return RequestError([formatted(message, ErrorCode.QUERY_TOO_COSTLY, **known)], of_document=True)


def _many(definition: GraphQLField) -> bool:
    kind = definition.type
    return is_list_type(kind.of_type if isinstance(kind, GraphQLNonNull) else kind)


def _rows(value: object) -> int | None:
    """What a variable says: a number of rows, or a list with one entry a row."""
    if isinstance(value, list):
        return len(value)
    return max(0, value) if isinstance(value, int) else None
