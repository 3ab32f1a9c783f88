"""One answer for all who watch the same thing in the same words: executed once, masked once, encoded once.

Ten watchers of a job receive the same state object. What is asked of it is answered once for each (viewer,
operation, variables), and kept on the state itself, so it goes when the state goes. Never between two viewers.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from graphql import OperationDefinitionNode

from app.graphql.coding import Once


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
        return self is other or (
            self.operation is other.operation
            and self.viewer == other.viewer
            and self.variables == other.variables
        )


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a question came to; a task while that is waited for."""

    question: Question
    told: "Once | asyncio.Future[Once]"


async def answered(event: object, question: Question, execute: Callable[[], Once | Awaitable[Once]]) -> Once:
    """What `execute` makes of the event, or has made of it for somebody who asked the same."""
    answers: list[Answer] | None = getattr(event, "answers", None)
    if answers is None or question.viewer is None:
        made = execute()
        return made if isinstance(made, Once) else await made
    for answer in answers:
        if answer.question.same(question):
            break
    else:
        answer = Answer(question=question, told=_begun(execute()))
        answers.append(answer)
    told = answer.told
    if isinstance(told, Once):
        return told
    return await asyncio.shield(told)  # who leaves stops to wait, and takes nothing from the others


def _begun(made: Once | Awaitable[Once]) -> "Once | asyncio.Future[Once]":
    return made if isinstance(made, Once) else asyncio.ensure_future(made)
