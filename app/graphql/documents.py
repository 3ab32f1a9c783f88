"""Turns document text into something that may run: parsed, measured against the limits, validated, cached.

Strawberry's own parse step is not used: its cache loses syntax errors on streams, and an ambiguous document
runs its first operation. Here every refusal is raised before a context exists.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    get_variable_values,
    parse,
    specified_rules,
    validate,
)
from graphql.validation.rules.custom.no_schema_introspection import NoSchemaIntrospectionCustomRule
from graphql.validation.validate import ValidationAbortedError
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from app.graphql.allowed import Allowed
from app.graphql.costs import cost_of, too_costly
from app.graphql.limits import check_limits
from app.graphql.params import Params
from app.graphql.persisted import Persisted
from app.graphql.refusals import ErrorCode, RequestError, refuse, refuse_document, too_deep
from app.graphql.settings import GraphQLSettings

CACHED_CHARACTERS = 500_000  # a parsed document takes about 50 bytes a character: 25 MB at most
MAX_CACHED_LENGTH = 20_000
MAX_ERRORS = 20  # reported for one document


@dataclass(frozen=True)
class Operation:
    """One operation of a valid document, ready to run."""

    query: str
    document: DocumentNode
    node: OperationDefinitionNode
    variables: dict[str, Any]
    extensions: dict[str, Any]

    @property
    def kind(self) -> OperationType:
        """Query, mutation or subscription."""
        return self.node.operation

    @property
    def name(self) -> str | None:
        """Its name, if it has one."""
        return self.node.name.value if self.node.name else None


class Documents:
    """Parses and validates against one schema; remembers the valid ones."""

    def __init__(
        self, schema: GraphQLSchema, settings: GraphQLSettings, allowed: tuple[str, ...] | None = None
    ) -> None:
        """`allowed` are the only documents that may run; None = all."""
        self._schema = schema
        self._settings = settings
        self._valid: OrderedDict[str, DocumentNode] = OrderedDict()
        self._characters = 0
        self._persisted = Persisted(allowed or ())
        self._allowed = None if allowed is None else Allowed(allowed)
        rules = [*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule]
        if not settings.graphql_introspection:
            rules.append(NoSchemaIntrospectionCustomRule)
        self._rules = tuple(rules)

    def operation(self, params: Params) -> Operation:
        """Find the operation that a request means, with its variables checked.

        Raises:
            RequestError: a name that is not known, a syntax error, a limit passed, a document that is invalid or not allowed, no or an ambiguous
                operation, variables that do not fit, more rows asked for than the operation may cost.
        """
        query = self._persisted.text(params)
        document = self.document(query)
        self._persisted.keep(params)
        node = _choose(document, params.operation_name)
        variables = params.variables or {}
        self._check_cost(document, node, self._coerced(node, variables))
        return Operation(query, document, node, variables, params.extensions or {})

    def document(self, query: str) -> DocumentNode:
        """Parse and validate, or remember.

        Raises:
            RequestError: with every error found, 20 at most.
        """
        known = self._valid.get(query)
        if known is not None:
            self._valid.move_to_end(query)
            return known
        document = self._parse(query)
        if self._allowed:
            self._allowed.check(query)
        check_limits(document, self._settings)
        errors = self._validate(document)
        if len(errors) == 1 and isinstance(errors[0], ValidationAbortedError):
            message = "The document repeats so many fields that checking it was given up."
            raise refuse(ErrorCode.TOO_MANY_FIELDS, message, of_document=True)
        if errors:
            raise refuse_document(ErrorCode.GRAPHQL_VALIDATION_FAILED, errors)
        self._remember(query, document)
        return document

    def _parse(self, query: str) -> DocumentNode:
        longest = self._settings.graphql_max_query_length
        if len(query) > longest:
            message = f"The document has {len(query)} characters; the limit is {longest}."
            raise refuse(ErrorCode.QUERY_TOO_LARGE, message, of_document=True)
        most = self._settings.graphql_max_tokens
        try:
            return parse(query, max_lexical_tokens=most, max_comments=most)
        except GraphQLSyntaxError as error:
            limited = "Document contains more" in error.message
            code = ErrorCode.TOO_MANY_TOKENS if limited else ErrorCode.GRAPHQL_PARSE_FAILED
            raise refuse_document(code, [error]) from None
        except GraphQLError as error:  # nested too deeply to be parsed
            raise refuse_document(ErrorCode.QUERY_TOO_DEEP, [error]) from None

    def _validate(self, document: DocumentNode) -> list[GraphQLError]:
        return validate(
            self._schema,
            document,
            self._rules,
            max_errors=MAX_ERRORS,
            hide_suggestions=not self._settings.graphql_introspection,
        )

    def _coerced(self, node: OperationDefinitionNode, given: dict[str, Any]) -> dict[str, Any]:
        """Coerce once for the errors and the cost: execution tells a bad variable and a failed field alike."""
        if not node.variable_definitions:
            return {}
        found = get_variable_values(
            self._schema,
            node.variable_definitions,
            given,
            max_errors=MAX_ERRORS,
            hide_suggestions=not self._settings.graphql_introspection,
        )
        if isinstance(found, list):
            raise refuse_document(ErrorCode.BAD_USER_INPUT, found)
        return found.coerced

    def _check_cost(
        self, document: DocumentNode, node: OperationDefinitionNode, variables: dict[str, Any]
    ) -> None:
        try:
            cost = cost_of(self._schema, document, node, variables)
        except RecursionError:
            raise too_deep() from None
        most = self._settings.graphql_max_cost
        if cost > most:
            raise too_costly(cost, most)

    def _remember(self, query: str, document: DocumentNode) -> None:
        if len(query) > MAX_CACHED_LENGTH:
            return
        self._valid[query] = document
        self._characters += len(query)
        while self._characters > CACHED_CHARACTERS:
            oldest, _ = self._valid.popitem(last=False)
            self._characters -= len(oldest)


def _choose(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """GetOperation of the specification, §6.1."""
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if name is not None:
        for node in operations:
            if node.name and node.name.value == name:
                return node
        raise _unresolved(f"Unknown operation named '{name}'.")
    if len(operations) > 1:
        raise _unresolved("Must provide operationName if the document contains several operations.")
    if not operations:
        raise _unresolved("The document contains no operation.")
    return operations[0]


def _unresolved(message: str) -> RequestError:
    return refuse(ErrorCode.OPERATION_RESOLUTION_FAILED, message, of_document=True)
