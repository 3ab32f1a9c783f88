"""A Strawberry schema as it is served: the same types, with our parsed documents and our error log.

Strawberry takes text and parses it; we have parsed already. `PreparedText` is text that carries its document,
and the extension hands that over, so Strawberry's own parse and validation are skipped.
"""

import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any

import strawberry
from graphql import DocumentNode, GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionContext, ExecutionResult
from typing_extensions import override

from app.graphql.documents import Documents, Operation
from app.graphql.masking import Masking
from app.graphql.params import Params
from app.graphql.wiring import Observer, Wiring

Response = dict[str, Any]


class PreparedText(str):
    """Query text with the valid document that it was parsed into."""

    __slots__ = ("document",)
    document: DocumentNode

    @classmethod
    def of(cls, operation: Operation) -> "PreparedText":
        """The text of `operation`, carrying its document."""
        text = cls(operation.query)
        text.document = operation.document
        return text


class UsePreparedDocument(SchemaExtension):
    """Hands Strawberry the document that we parsed and validated."""

    @override
    def on_parse(self) -> Iterator[None]:
        """Skip parsing and validation."""
        text = self.execution_context.query
        if isinstance(text, PreparedText):
            self.execution_context.graphql_document = text.document
            self.execution_context.pre_execution_errors = []
        yield


class _PreparedSchema(strawberry.Schema):
    """A copy of a schema that takes prepared text and leaves logging to us."""

    def __init__(self, schema: strawberry.Schema) -> None:
        self.__dict__.update(schema.__dict__)
        self.extensions = (UsePreparedDocument, *schema.extensions)

    @override
    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Log nothing: Masking logs each bug once, with the id that the client sees."""


class Served:
    """Runs prepared operations and gives back what goes over the wire."""

    def __init__(self, wiring: Wiring) -> None:
        self._schema = _PreparedSchema(wiring.schema)
        self._masking = Masking(wiring.public_errors)
        self._observer: Observer = wiring.observer
        self._documents = Documents(wiring.schema._schema, wiring.settings)  # noqa: SLF001  # it has no public name

    def prepare(self, params: Params) -> Operation:
        """Parse, measure, validate and choose; nothing runs yet.

        Raises:
            RequestError: when the request cannot be run.
        """
        return self._documents.operation(params)

    async def execute(self, operation: Operation, context: object) -> Response:
        """Run a query or mutation to its end."""
        began = time.perf_counter()
        outcome = "failed"
        try:
            result = await self._schema.execute(
                PreparedText.of(operation),
                variable_values=operation.variables,
                context_value=context,
                operation_name=operation.name,
                operation_extensions=operation.extensions,
            )
            outcome = "errors" if result.errors else "ok"
        finally:
            self._observer.operation_ended(operation.kind.value, outcome, time.perf_counter() - began)
        return self._response(result)

    async def stream(
        self, operation: Operation, context: object, transport: str
    ) -> AsyncGenerator[Response, None]:
        """Run any operation as a stream of responses; closing it ends the subscription."""
        self._observer.subscription_opened(transport)
        try:
            source = await self._schema.stream(
                PreparedText.of(operation),
                variable_values=operation.variables,
                context_value=context,
                operation_name=operation.name,
                operation_extensions=operation.extensions,
            )
            async with aclosing(source):
                async for result in source:
                    yield self._response(result)
        finally:
            self._observer.subscription_closed(transport)

    def _response(self, result: Any) -> Response:
        assert isinstance(result, ExecutionResult)
        response: Response = {"data": result.data}
        if result.errors:
            response["errors"] = [self._masking.present(error) for error in result.errors]
        if result.extensions:
            response["extensions"] = result.extensions
        return response
