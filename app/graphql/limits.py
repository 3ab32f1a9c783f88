"""Measures a parsed document before it is validated: depth, aliases, directives, fields, root fields.

Fragments count wherever they are spread, so a small document that unfolds into a huge one is seen as what it
would cost. Sums are kept per fragment, hence measuring is linear in the document. Introspection fields are
not counted: graphql-core limits their recursion itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    Node,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    Visitor,
    visit,
)

from app.graphql.refusals import ErrorCode, RequestError, refuse, too_deep
from app.graphql.settings import GraphQLSettings

DIRECTIVES_AT_ONE_PLACE = 5


@dataclass
class Measure:
    """What a selection costs once its fragments are unfolded."""

    depth: int = 0
    aliases: int = 0
    fields: int = 0
    roots: int = 0

    def add(self, other: "Measure", *, deeper: int) -> None:
        """Add a part that lies `deeper` levels below; its roots count only on this level."""
        self.depth = max(self.depth, other.depth + deeper)
        self.aliases += other.aliases
        self.fields += other.fields
        if not deeper:
            self.roots += other.roots


@dataclass
class Measuring:
    """One document being measured; `known` holds finished fragments, `open` those being measured."""

    fragments: dict[str, FragmentDefinitionNode]
    known: dict[str, Measure] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)

    def selections(self, selection_set: SelectionSetNode | None) -> Measure:
        """Measure what lies between two braces."""
        total = Measure()
        for selection in selection_set.selections if selection_set else ():
            self._selection(total, selection)
        return total

    def _selection(self, total: Measure, selection: SelectionNode) -> None:
        if isinstance(selection, FieldNode):
            total.add(self._field(selection), deeper=0)
        elif isinstance(selection, FragmentSpreadNode):
            total.add(self._fragment(selection.name.value), deeper=0)
        else:
            total.add(self.selections(getattr(selection, "selection_set", None)), deeper=0)

    def _field(self, node: FieldNode) -> Measure:
        own = Measure(aliases=int(node.alias is not None), fields=1, roots=1)
        if node.name.value in ("__schema", "__type"):
            return own
        own.depth = int(node.name.value != "__typename")
        own.add(self.selections(node.selection_set), deeper=1)
        return own

    def _fragment(self, name: str) -> Measure:
        if name in self.open or name not in self.fragments:
            return Measure()  # a cycle or an unknown name: validation says so
        if name not in self.known:
            self.open.add(name)
            self.known[name] = self.selections(self.fragments[name].selection_set)
            self.open.discard(name)
        return self.known[name]


class _Directives(Visitor):
    """Counts directives in a whole document, and the most at one place."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0
        self.most = 0

    def enter(self, node: Node, *_: object) -> None:
        """See one node."""
        directives = getattr(node, "directives", None) or ()
        self.total += len(directives)
        self.most = max(self.most, len(directives))


def check_limits(document: DocumentNode, settings: GraphQLSettings) -> None:
    """Refuse a document that passes a limit.

    Raises:
        RequestError: naming the limit and what was found.
    """
    seen = _Directives()
    visit(document, seen)
    most = settings.graphql_max_directives
    if seen.total > most or seen.most > DIRECTIVES_AT_ONE_PLACE:
        message = (
            f"The document has {seen.total} directives, {seen.most} of them at one place; "
            f"the limits are {most} and {DIRECTIVES_AT_ONE_PLACE}."
        )
        raise refuse(ErrorCode.TOO_MANY_DIRECTIVES, message, of_document=True)
    try:
        _check_operations(document.definitions, settings)
    except RecursionError:
        raise too_deep() from None


def _check_operations(definitions: Iterable[Node], settings: GraphQLSettings) -> None:
    nodes = list(definitions)
    measuring = Measuring(
        {node.name.value: node for node in nodes if isinstance(node, FragmentDefinitionNode)}
    )
    for node in nodes:
        if isinstance(node, OperationDefinitionNode):
            _check(measuring.selections(node.selection_set), node.operation, settings)


def _check(found: Measure, kind: OperationType, settings: GraphQLSettings) -> None:
    roots = settings.graphql_max_root_fields
    if kind is OperationType.MUTATION:
        roots = max(1, roots // 2)
    for what, code, count, most in (
        ("levels of fields", ErrorCode.QUERY_TOO_DEEP, found.depth, settings.graphql_max_depth),
        ("aliases", ErrorCode.TOO_MANY_ALIASES, found.aliases, settings.graphql_max_aliases),
        ("fields at its root", ErrorCode.TOO_MANY_ROOT_FIELDS, found.roots, roots),
        ("fields", ErrorCode.TOO_MANY_FIELDS, found.fields, settings.graphql_max_fields),
    ):
        if count > most:
            raise _passed(what, code, count, most)


def _passed(what: str, code: ErrorCode, count: int, most: int) -> RequestError:
    shown = str(count) if count < 10**9 else "more than a thousand million"
    return refuse(code, f"The operation has {shown} {what}; the limit is {most}.", of_document=True)
