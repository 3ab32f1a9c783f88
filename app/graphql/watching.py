"""Subscriptions, event by event: graphql-core's own steps, with one answer for all who ask the same of an event.

Strawberry's `stream` does the same steps and more around each event (an executor, extensions, a context manager for
every watcher), which is most of what a watcher costs. Our schema has no extensions; one that has is refused.
"""

import functools
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Protocol, cast

import strawberry
from graphql import ExecutionResult, GraphQLError, create_source_event_stream
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext as Executor

from app.graphql.coding import Once
from app.graphql.documents import Operation
from app.graphql.sharing import Question, answered


class Result(Protocol):
    """What an execution came to, graphql-core's or Strawberry's."""

    data: Any
    errors: list[GraphQLError] | None
    extensions: dict[str, Any] | None


class Watching:
    """Runs the subscriptions of one schema; `present` makes the response of a result."""

    def __init__(self, schema: strawberry.Schema, present: Callable[[Result], Once]) -> None:
        """Raise ValueError for a schema whose extensions would not be heard."""
        if schema.extensions:
            raise ValueError("Extensions of the schema are not run for subscriptions.")
        self._schema = schema._schema  # noqa: SLF001  # it has no public name
        self._present = present

    async def responses(self, operation: Operation, context: object) -> AsyncGenerator[Once, None]:
        """One response an event; a source that fails ends with its error as the last."""
        executor = self._executor(operation, context)
        source = await _opened(executor)
        if isinstance(source, ExecutionResult):
            yield self._present(source)
            return
        question = Question(
            viewer=getattr(context, "viewer", None),
            operation=executor.operation,
            variables=executor.variable_values.coerced,
        )
        try:
            async with aclosing(source) as events:
                async for event in events:
                    yield await answered(event, question, functools.partial(self._answer, executor, event))
        except Exception as error:  # noqa: BLE001  # whatever it is, the client is told, and masked it is logged
            yield self._present(ExecutionResult(None, [_told(error)]))

    def _executor(self, operation: Operation, context: object) -> Executor:
        built = Executor.build(
            self._schema,
            operation.document,
            context_value=context,
            raw_variable_values=operation.variables,
            operation_name=operation.name,
            operation_extensions=operation.extensions,
        )
        assert isinstance(built, Executor), built  # it was prepared: name and variables have been checked
        return built

    def _answer(self, executor: Executor, event: object) -> Once | Awaitable[Once]:
        """At once where no resolver waits, so that nobody is woken a second time."""
        result = executor.build_per_event_executor(event).execute_operation(False)
        if executor.is_awaitable(result):
            return self._awaited(cast("Awaitable[ExecutionResult]", result))
        return self._present(cast("ExecutionResult", result))

    async def _awaited(self, result: Awaitable[ExecutionResult]) -> Once:
        return self._present(await result)


async def _opened(executor: Executor) -> AsyncGenerator[object, None] | ExecutionResult:
    source = create_source_event_stream(executor)
    if executor.is_awaitable(source):
        source = await cast("Awaitable[AsyncIterable[Any] | ExecutionResult]", source)
    return cast("AsyncGenerator[object, None] | ExecutionResult", source)


def _told(error: Exception) -> GraphQLError:
    return error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)
