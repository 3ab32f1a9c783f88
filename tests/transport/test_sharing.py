"""Watchers that receive the same event and ask the same are answered by one execution; others never."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import pytest
import strawberry
from strawberry.extensions import SchemaExtension

from app.graphql.coding import encode
from app.graphql.params import Params
from app.graphql.served import Response, Served
from app.graphql.wiring import Wiring
from tests.transport.toy import Query, Toy, ToyContext

pytestmark = pytest.mark.asyncio
WATCH = "subscription ($plus: Int! = 0) { watch { sum(plus: $plus) } }"


@strawberry.type
class News:
    """An event; it notes what was asked of it, and the test holds its answers back."""

    gate: strawberry.Private[asyncio.Event]
    asked: strawberry.Private[list[int]]

    @strawberry.field
    async def sum(self, plus: int) -> int:
        """Forty, and more."""
        self.asked.append(plus)
        await self.gate.wait()
        if plus < 0:
            raise RuntimeError("the password is hunter2")
        return 40 + plus

    @strawberry.field
    def now(self, plus: int) -> int:
        """The same, without waiting."""
        self.asked.append(plus)
        return 40 + plus


class ManyReceive(News):
    """One object for all watchers."""

    answers: list[Any]


@dataclass
class Bench:
    """A server of one event, and how often its field was resolved."""

    event: News
    served: Served = field(init=False)

    def __post_init__(self) -> None:
        event = self.event

        @strawberry.type
        class Subscription:
            @strawberry.subscription
            async def watch(self) -> AsyncGenerator[News, None]:
                yield event

        schema = strawberry.Schema(Query, subscription=Subscription)
        self.served = Served(Wiring(schema=schema, admit=_nobody, context=_context))

    def ask(self, viewer: str = "ada", plus: int = 0, query: str = WATCH) -> "asyncio.Task[list[Response]]":
        """A watcher, and what it will have been told."""
        operation = self.served.prepare(Params(query, None, {"plus": plus}, None), None)
        stream = self.served.stream(operation, _context(viewer, "r"), "websocket")

        async def told() -> list[Response]:
            return [response async for response in stream]

        return asyncio.create_task(told())

    async def settled(self) -> None:
        """Let all get as far as they can."""
        for _ in range(50):
            await asyncio.sleep(0)

    async def asked(self, *watchers: "asyncio.Task[list[Response]]") -> list[list[Response]]:
        """Answer when all have asked."""
        await self.settled()
        self.event.gate.set()
        return await asyncio.gather(*watchers)


@pytest.fixture
def bench() -> Bench:
    event = ManyReceive(gate=asyncio.Event(), asked=[])
    event.answers = []
    return Bench(event)


async def _nobody(_secret: str | None) -> None:
    return None


def _context(viewer: object, request_id: str) -> ToyContext:
    return ToyContext(Toy(), str(viewer), request_id)


def told(number: int) -> list[Response]:
    return [Response(data={"watch": {"sum": number}})]


async def test_ten_watchers_of_one_event_are_one_execution(bench: Bench) -> None:
    assert await bench.asked(*(bench.ask() for _ in range(10))) == [told(40)] * 10
    assert bench.event.asked == [0]
    assert await bench.ask() == told(40)  # one that comes later too
    assert bench.event.asked == [0]


async def test_ten_watchers_of_one_event_are_sent_one_text(bench: Bench) -> None:
    ((first,), *others) = await bench.asked(*(bench.ask() for _ in range(10)))
    assert all(other is first for ((other),) in others)
    assert first.encoded is first.encoded
    assert (
        encode({"id": "1", "payload": first.within}) == b'{"id":"1","payload":{"data":{"watch":{"sum":40}}}}'
    )


async def test_answer_that_waits_for_nothing_is_there_without_a_task(bench: Bench) -> None:
    query = WATCH.replace("sum", "sum: now")
    operation = bench.served.prepare(Params(query, None, {}, None), None)
    loop, begun = asyncio.get_running_loop(), []

    def begin(of: asyncio.AbstractEventLoop, work: Any, **more: Any) -> asyncio.Task[Any]:
        begun.append(work)
        return asyncio.Task(work, loop=of, **more)

    loop.set_task_factory(begin)
    for _ in range(10):
        stream = bench.served.stream(operation, _context("ada", "r"), "websocket")
        assert [response async for response in stream] == told(40)
    loop.set_task_factory(None)
    assert (begun, bench.event.asked) == ([], [0])


async def test_another_viewer_is_executed_for_itself(bench: Bench) -> None:
    assert await bench.asked(bench.ask("ada"), bench.ask("bob")) == [told(40)] * 2
    assert bench.event.asked == [0, 0]


async def test_other_variables_and_other_words_are_executed_for_themselves(bench: Bench) -> None:
    renamed = WATCH.replace("watch {", "watch: watch {")
    watchers = (bench.ask(), bench.ask(plus=1), bench.ask(query=renamed), bench.ask(plus=1))
    assert await bench.asked(*watchers) == [told(40), told(41), told(40), told(41)]
    assert bench.event.asked == [0, 1, 0]


async def test_event_that_is_one_watchers_own_is_not_shared() -> None:
    bench = Bench(News(gate=asyncio.Event(), asked=[]))
    assert await bench.asked(bench.ask(), bench.ask()) == [told(40)] * 2
    assert bench.event.asked == [0, 0]


async def test_watcher_that_leaves_takes_nobody_elses_answer_away(bench: Bench) -> None:
    first, second = bench.ask(), bench.ask()
    await bench.settled()
    assert bench.event.asked == [0]
    first.cancel()
    assert await bench.asked(second) == [told(40)]
    assert first.cancelled()
    assert bench.event.asked == [0]


async def test_schema_whose_extensions_would_not_be_heard_is_refused() -> None:
    schema = strawberry.Schema(Query, extensions=[SchemaExtension])
    with pytest.raises(ValueError, match="not run for subscriptions"):
        Served(Wiring(schema=schema, admit=_nobody, context=_context))


async def test_bug_is_masked_for_each_watcher(bench: Bench) -> None:
    answers = await bench.asked(bench.ask(plus=-1), bench.ask(plus=-1))
    assert bench.event.asked == [-1]
    for ((answer),) in answers:
        assert answer["data"] is None
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "INTERNAL"
        assert "hunter2" not in str(answer)
