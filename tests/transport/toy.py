"""A small schema and server that exercise the transports without the product behind them."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import strawberry
from graphql import GraphQLError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from strawberry.file_uploads import Upload

from app.graphql.wiring import Wiring

if TYPE_CHECKING:
    from starlette.datastructures import UploadFile


@dataclass
class Toy:
    """What the toy resolvers leave behind for tests to look at."""

    contexts: list["ToyContext"] = field(default_factory=list)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    open: int = 0
    keys: set[str | None] = field(default_factory=lambda: {None, "good-key"})
    ticks: "asyncio.Queue[int]" = field(default_factory=asyncio.Queue)


@dataclass
class ToyContext:
    """A context with an identity, so that sharing one shows."""

    toy: Toy
    viewer: str
    request_id: str


Info = strawberry.Info[ToyContext, None]


@strawberry.type
class Page:
    """A part of a list, as connections have it."""

    nodes: list["Query"]
    total_count: int


@strawberry.type
class Query:
    """Reads."""

    @strawberry.field
    def hello(self, name: str = "world") -> str:
        """Greet."""
        return f"Hello {name}"

    @strawberry.field
    def nested(self) -> "Query":
        """Go one level deeper."""
        return Query()

    @strawberry.field
    def page(self, first: int | None = None, last: int | None = None) -> Page:
        """Give a page with one row, whatever was asked for."""
        del first, last
        return Page(nodes=[Query()], total_count=1)

    @strawberry.field
    def several(self, ids: list[strawberry.ID] | None = None) -> list["Query"]:
        """Give one row, whatever was asked for."""
        del ids
        return [Query()]

    @strawberry.field
    def bug(self) -> str | None:
        """Fail by mistake."""
        raise RuntimeError("the password is hunter2")

    @strawberry.field
    def crowded(self) -> str | None:
        """Find no connection free."""
        raise NoConnectionFree("QueuePool limit of size 10 overflow 0 reached")

    @strawberry.field
    def refused(self) -> str | None:
        """Fail on purpose."""
        raise GraphQLError("No such thing", extensions={"code": "FORBIDDEN"})

    @strawberry.field
    async def slow(self, info: Info) -> str:
        """Wait until a test lets go."""
        info.context.toy.started.set()
        try:
            await info.context.toy.release.wait()
        except asyncio.CancelledError:
            info.context.toy.cancelled.set()
            raise
        return "done"

    @strawberry.field
    def who(self, info: Info) -> str:
        """Say who asks."""
        return f"{info.context.viewer} {info.context.request_id}"

    @strawberry.field
    def extensions(self, info: Info) -> str:
        """Echo what the request's extensions held."""
        return str(info.input_extensions)


@strawberry.type
class Mutation:
    """Writes."""

    @strawberry.mutation
    async def size(self, file: Upload) -> int:
        """Measure a file."""
        return len(await cast("UploadFile", file).read())

    @strawberry.mutation
    async def sizes(self, files: list[Upload]) -> list[int]:
        """Measure several."""
        return [len(await cast("UploadFile", file).read()) for file in files]

    @strawberry.mutation
    async def slow(self, info: Info) -> str:
        """Wait until a test lets go."""
        info.context.toy.started.set()
        try:
            await info.context.toy.release.wait()
        except asyncio.CancelledError:
            info.context.toy.cancelled.set()
            raise
        info.context.toy.finished.set()
        return "done"


@strawberry.type
class Subscription:
    """Streams."""

    @strawberry.subscription
    async def count(self, to: int = 3) -> AsyncGenerator[int, None]:
        """Count."""
        for number in range(1, to + 1):
            yield number
            await asyncio.sleep(0)

    @strawberry.subscription
    async def ticks(self, info: Info) -> AsyncGenerator[int, None]:
        """Whatever the test puts in; says when it is open and when it is closed."""
        toy = info.context.toy
        toy.open += 1
        toy.started.set()
        try:
            while True:
                yield await toy.ticks.get()
        finally:
            toy.open -= 1
            toy.cancelled.set()

    @strawberry.subscription
    async def flood(self, info: Info, size: int = 65536) -> AsyncGenerator[str, None]:
        """Send without end."""
        toy = info.context.toy
        toy.open += 1
        try:
            while True:
                yield "x" * size
                await asyncio.sleep(0)
        finally:
            toy.open -= 1
            toy.cancelled.set()

    @strawberry.subscription
    async def breaks(self) -> AsyncGenerator[int, None]:
        """One value, then a bug."""
        yield 1
        raise RuntimeError("the password is hunter2")


schema = strawberry.Schema(Query, Mutation, Subscription)


def wiring(toy: Toy, **changes: Any) -> Wiring:
    """A wiring whose callers are named by their key, and whose contexts are kept for the test."""

    async def admit(secret: str | None) -> str | None:
        return (secret or "local") if secret in toy.keys else None

    def context(viewer: str, request_id: str) -> ToyContext:
        made = ToyContext(toy, viewer, request_id)
        toy.contexts.append(made)
        return made

    return Wiring(schema=schema, admit=admit, context=context, **changes)
