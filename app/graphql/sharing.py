"""One execution for all who watch the same thing in the same words.

Ten watchers of a job receive the same state object. What is asked of it is computed once for each (viewer,
operation, variables), and kept on the state itself, so it goes when the state goes. Never between two viewers.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from graphql import OperationDefinitionNode, OperationType
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from typing_extensions import override


@runtime_checkable
class Told(Protocol):
    """An event of a subscription that several watchers receive, the same object each."""

    @property
    def answers(self) -> list[Any]:
        """Where this module keeps what it made of the event; empty at first."""
        ...


@dataclass(frozen=True, kw_only=True)
class Question:
    """Who asks what. Two are the same only with one parsed operation: equal texts share it (`Documents`)."""

    viewer: object
    operation: OperationDefinitionNode
    variables: dict[str, Any]

    def same(self, other: "Question") -> bool:
        """Whether both are to get the same answer."""
        return (
            self.operation is other.operation
            and self.viewer == other.viewer
            and self.variables == other.variables
        )


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a question came to; a task while it is being computed."""

    question: Question
    result: Any


class SharingExecution(StrawberryGraphQLCoreExecutionContext):
    """Executes the events of subscriptions; anything else as ever."""

    @override
    def execute_operation(self, serially: bool | None = None) -> Any:
        """The result, or an awaitable of it."""
        event, viewer = self.root_value, getattr(self.context_value, "viewer", None)
        subscribed = self.operation.operation is OperationType.SUBSCRIPTION
        if not (subscribed and viewer is not None and isinstance(event, Told)):
            return super().execute_operation(serially)
        question = Question(viewer=viewer, operation=self.operation, variables=self.variable_values.coerced)
        execute = super().execute_operation
        return _shared(event.answers, question, lambda: execute(serially))


def _shared(answers: list[Answer], question: Question, execute: Callable[[], Any]) -> Any:
    for answer in answers:
        if answer.question.same(question):
            return _awaited(answer.result)
    result = execute()
    if isinstance(result, Awaitable):
        result = asyncio.ensure_future(result)
    answers.append(Answer(question=question, result=result))
    return _awaited(result)


def _awaited(result: Any) -> Any:
    """A watcher that leaves cancels its own waiting, never what the others wait for."""
    return asyncio.shield(result) if isinstance(result, asyncio.Future) else result
