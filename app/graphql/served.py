"""A Strawberry schema as it is served: the same types, with our parsed documents and our error log.

Strawberry takes text and parses it; we have parsed already. `PreparedText` is text that carries its document,
and the extension hands that over, so Strawberry's own parse and validation are skipped.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any

import strawberry
from graphql import DocumentNode, GraphQLError, OperationType
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionContext, ExecutionResult
from typing_extensions import override

from app.graphql.coding import Once
from app.graphql.documents import Documents, Operation
from app.graphql.masking import Masking
from app.graphql.params import Params
from app.graphql.refusals import ErrorCode, RequestError, refuse
from app.graphql.watching import Result, Watching
from app.graphql.wiring import Observer, Viewer, Wiring

Response = Once


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
        self._watching = Watching(wiring.schema, self._response)
        self._observer: Observer = wiring.observer
        self._query_seconds = wiring.settings.graphql_timeout_seconds
        self._mutations: set[asyncio.Task[Response]] = set()
        self._rates = wiring.rates
        self._documents = Documents(
            wiring.schema._schema,  # noqa: SLF001  # it has no public name
            wiring.settings,
            wiring.allowed,
        )

    def prepare(self, params: Params, viewer: Viewer) -> Operation:
        """Count it for its caller, then parse, measure, validate and choose; nothing runs yet.

        Raises:
            RequestError: when the request cannot be run.
        """
        self._rates.spend(viewer)
        return self._documents.operation(params)

    async def execute(self, operation: Operation, context: object) -> Response:
        """Run a query or mutation.

        A query has a time limit and ends when its caller is cancelled. A mutation runs to its end whatever becomes of
        its caller, who may come back for the answer.

        Raises:
            RequestError: TIMEOUT, for a query that took too long.
        """
        if operation.kind is OperationType.MUTATION:
            running = asyncio.create_task(self._execute(operation, context))
            self._mutations.add(running)
            running.add_done_callback(self._mutations.discard)
            return await asyncio.shield(running)
        try:
            async with asyncio.timeout(self._query_seconds):
                return await self._execute(operation, context)
        except TimeoutError:
            message = f"The query took longer than {self._query_seconds:g} seconds."
            raise refuse(ErrorCode.TIMEOUT, message, status=503) from None

    async def stream(
        self, operation: Operation, context: object, transport: str
    ) -> AsyncGenerator[Response, None]:
        """Run any operation as a stream of responses; closing it ends a subscription."""
        if operation.kind is not OperationType.SUBSCRIPTION:
            try:
                yield await self.execute(operation, context)
            except RequestError as refused:
                yield Response(refused.body)
            return
        self._observer.subscription_opened(transport)
        try:
            async with aclosing(self._watching.responses(operation, context)) as responses:
                async for response in responses:
                    yield response
        finally:
            self._observer.subscription_closed(transport)

    async def _execute(self, operation: Operation, context: object) -> Response:
        began = time.perf_counter()
        outcome = "failed"
        try:
            result = await self._schema.execute(**_call(operation, context))
            outcome = "errors" if result.errors else "ok"
        finally:
            self._observer.operation_ended(operation.kind.value, outcome, time.perf_counter() - began)
        assert isinstance(result, ExecutionResult)
        return self._response(result)

    def _response(self, result: Result) -> Response:
        response = Response(data=result.data)
        if result.errors:
            response["errors"] = [self._masking.present(error) for error in result.errors]
        if result.extensions:
            response["extensions"] = result.extensions
        return response


def _call(operation: Operation, context: object) -> dict[str, Any]:
    """What Strawberry is called with."""
    return {
        "query": PreparedText.of(operation),
        "variable_values": operation.variables,
        "context_value": context,
        "operation_name": operation.name,
        "operation_extensions": operation.extensions,
    }
