"""graphql-transport-ws on real sockets, against PROTOCOL.md of graphql-ws."""

import asyncio
import datetime
from dataclasses import dataclass
from typing import Any

import pytest

from app.graphql.settings import GraphQLSettings
from app.graphql.view import GraphQLView
from tests.patience import PATIENCE
from tests.transport.serving import serving
from tests.transport.sockets import opened, ready
from tests.transport.toy import Toy, wiring

pytestmark = pytest.mark.asyncio


async def test_subscription_sends_next_and_complete(address: str) -> None:
    async with ready(address) as socket:
        await socket.subscribe("subscription { count(to: 2) }", "a")
        assert [await socket.next() for _ in range(3)] == [
            {"id": "a", "type": "next", "payload": {"data": {"count": 1}}},
            {"id": "a", "type": "next", "payload": {"data": {"count": 2}}},
            {"id": "a", "type": "complete"},
        ]


async def test_query_and_mutation_run_on_a_socket(address: str) -> None:
    async with ready(address) as socket:
        await socket.subscribe("query Q($n: String!) { hello(name: $n) }", variables={"n": "you"})
        assert (await socket.next())["payload"] == {"data": {"hello": "Hello you"}}
        assert (await socket.next())["type"] == "complete"


async def test_extensions_reach_the_resolver(address: str) -> None:
    async with ready(address) as socket:
        await socket.subscribe("{ extensions }", extensions={"trace": 1})
        assert (await socket.next())["payload"] == {"data": {"extensions": "{'trace': 1}"}}


@pytest.mark.parametrize(
    ("query", "rest", "code"),
    [
        ("{", {}, "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("query A { hello } query B { hello }", {}, "OPERATION_RESOLUTION_FAILED"),
        ("query Q($n: String!) { hello(name: $n) }", {"variables": {"n": 1}}, "BAD_USER_INPUT"),
    ],
)
async def test_operation_that_cannot_run_ends_with_error_and_the_socket_lives(
    address: str, toy: Toy, query: Any, rest: Any, code: Any
) -> None:
    async with ready(address) as socket:
        await socket.subscribe(query, "x", **rest)
        message = await socket.next()
        assert (message["type"], message["id"]) == ("error", "x")
        assert message["payload"][0]["extensions"]["code"] == code
        assert toy.contexts == []
        await socket.subscribe("{ hello }", "x")
        assert (await socket.next())["type"] == "next"


async def test_bug_in_a_stream_is_masked(address: str) -> None:
    async with ready(address) as socket:
        await socket.subscribe("subscription { breaks }")
        assert (await socket.next())["payload"] == {"data": {"breaks": 1}}
        failed = await socket.next()
        assert failed["payload"]["errors"][0]["extensions"]["code"] == "INTERNAL"
        assert "hunter2" not in str(failed)
        assert (await socket.next())["type"] == "complete"


@pytest.mark.parametrize(
    "message",
    [
        '"hello"',
        "[1]",
        "5",
        "null",
        "{",
        "",
        "{}",
        '{"type": 5}',
        '{"type": "nonsense"}',
        "[" * 30_000,
        b"binary",
        '{"type": "ping", "payload": 5}',
        '{"type": "connection_init", "payload": "x"}',
    ],
)
async def test_malformed_message_closes_4400(address: str, message: Any) -> None:
    async with opened(address) as socket:
        await socket.send(message)
        assert (await socket.closed())[0] == 4400


@pytest.mark.parametrize(
    "message",
    [
        {"type": "subscribe"},
        {"type": "subscribe", "id": "1"},
        {"type": "subscribe", "id": 1, "payload": {"query": "{ hello }"}},
        {"type": "subscribe", "id": "", "payload": {"query": "{ hello }"}},
        {"type": "subscribe", "id": "1", "payload": "x"},
        {"type": "subscribe", "id": "1", "payload": {}},
        {"type": "subscribe", "id": "1", "payload": {"query": 5}},
        {"type": "subscribe", "id": "1", "payload": {"query": "{ hello }", "variables": [1]}},
        {"type": "subscribe", "id": "1", "payload": {"query": "{ hello }", "operationName": 1}},
        {"type": "subscribe", "id": "1", "payload": {"query": "{ hello }", "extensions": "x"}},
        {"type": "complete"},
    ],
)
async def test_malformed_operation_closes_4400(address: str, message: Any) -> None:
    async with ready(address) as socket:
        await socket.send(message)
        assert (await socket.closed())[0] == 4400


async def test_subscribe_before_init_closes_4401(address: str, toy: Toy) -> None:
    async with opened(address) as socket:
        await socket.subscribe("{ hello }")
        assert (await socket.closed())[0] == 4401
    assert toy.contexts == []


async def test_second_init_closes_4429(address: str) -> None:
    async with ready(address) as socket:
        await socket.send({"type": "connection_init"})
        assert (await socket.closed())[0] == 4429


async def test_same_id_twice_closes_4409(address: str) -> None:
    async with ready(address) as socket:
        await socket.subscribe("subscription { ticks }", "a")
        await socket.subscribe("subscription { ticks }", "a")
        assert await socket.closed() == (4409, "Subscriber for a already exists")


@pytest.mark.parametrize("protocols", [["graphql-ws"], [], ["other"]])
async def test_other_protocols_close_4406(address: str, protocols: Any) -> None:
    async with opened(address, subprotocols=protocols or None) as socket:
        assert (await socket.closed())[0] == 4406


async def test_no_init_closes_4408(toy: Toy) -> None:
    view = GraphQLView(wiring(toy, settings=GraphQLSettings(socket_init_seconds=0.05)))
    async with serving(view) as address, opened(address) as socket:
        assert (await socket.closed())[0] == 4408


async def test_ping_is_answered_with_its_payload(address: str) -> None:
    async with opened(address) as socket:
        await socket.send({"type": "ping", "payload": {"a": 1}})
        assert await socket.next() == {"type": "pong", "payload": {"a": 1}}
        await socket.send({"type": "ping"})
        assert await socket.next() == {"type": "pong"}
        await socket.send({"type": "pong"})


async def test_complete_ends_a_subscription_and_frees_its_id(address: str, toy: Toy) -> None:
    async with ready(address) as socket:
        await socket.subscribe("subscription { ticks }", "a")
        await toy.started.wait()
        await socket.send({"type": "complete", "id": "a"})
        await asyncio.wait_for(toy.cancelled.wait(), PATIENCE)
        await socket.send({"type": "complete", "id": "unknown"})
        await socket.subscribe("{ hello }", "a")
        assert (await socket.next())["payload"] == {"data": {"hello": "Hello world"}}
    assert toy.open == 0


async def test_closing_the_socket_ends_its_subscriptions(address: str, toy: Toy) -> None:
    async with ready(address) as socket:
        await socket.subscribe("subscription { ticks }", "a")
        await toy.started.wait()
    await asyncio.wait_for(toy.cancelled.wait(), PATIENCE)
    assert toy.open == 0


async def test_closing_the_socket_leaves_its_mutation_running(address: str, toy: Toy) -> None:
    async with ready(address) as socket:
        await socket.subscribe("mutation { slow }")
        await toy.started.wait()
    toy.release.set()
    await asyncio.wait_for(toy.finished.wait(), PATIENCE)
    assert not toy.cancelled.is_set()


async def test_query_on_a_socket_is_cancelled_with_it(address: str, toy: Toy) -> None:
    async with ready(address) as socket:
        await socket.subscribe("{ slow }")
        await toy.started.wait()
    await asyncio.wait_for(toy.cancelled.wait(), PATIENCE)


async def test_operations_beyond_the_limit_are_refused(toy: Toy) -> None:
    view = GraphQLView(wiring(toy, settings=GraphQLSettings(socket_max_operations=1)))
    async with serving(view) as address, ready(address) as socket:
        await socket.subscribe("subscription { ticks }", "a")
        await socket.subscribe("subscription { ticks }", "b")
        message = await socket.next()
        assert (message["type"], message["id"]) == ("error", "b")
        assert message["payload"][0]["extensions"]["code"] == "TOO_MANY_OPERATIONS"
        assert len(toy.contexts) == 1


@pytest.mark.parametrize(
    "payload",
    [
        {"authorization": "Bearer good-key"},
        {"Authorization": "good-key"},
        {"apiKey": "good-key"},
        {"token": "good-key"},
        {"headers": {"Authorization": "Bearer good-key"}},
    ],
)
async def test_key_in_the_parameters_names_the_caller(address: str, payload: Any) -> None:
    async with ready(address, payload) as socket:
        await socket.subscribe("{ who }")
        assert (await socket.next())["payload"]["data"]["who"].startswith("good-key ")


async def test_key_in_the_handshake_names_the_caller(address: str) -> None:
    async with ready(address, additional_headers={"Authorization": "Bearer good-key"}) as socket:
        await socket.subscribe("{ who }")
        assert (await socket.next())["payload"]["data"]["who"].startswith("good-key ")


@pytest.mark.parametrize("payload", [{"token": "bad-key"}, {"authorization": "Basic Zm9v"}])
async def test_wrong_key_closes_4403(address: str, payload: Any) -> None:
    async with opened(address) as socket:
        await socket.send({"type": "connection_init", "payload": payload})
        assert (await socket.closed())[0] == 4403


async def test_every_operation_has_a_context_of_its_own(address: str, toy: Toy) -> None:
    async with ready(address) as socket:
        for name in "ab":
            await socket.subscribe("{ hello }", name)
            await socket.next()
            await socket.next()
    assert len({id(context) for context in toy.contexts}) == 2
    assert len({context.request_id for context in toy.contexts}) == 2


async def test_revoked_key_closes_its_socket(toy: Toy) -> None:
    view = GraphQLView(wiring(toy, settings=GraphQLSettings(key_check_seconds=0.05)))
    async with serving(view) as address, ready(address, {"token": "good-key"}) as socket:
        await socket.subscribe("subscription { ticks }")
        await toy.started.wait()
        toy.keys.discard("good-key")
        assert (await socket.closed())[0] == 4403
    await asyncio.wait_for(toy.cancelled.wait(), PATIENCE)


async def test_role_that_was_taken_away_is_gone_on_an_open_socket(toy: Toy) -> None:
    roles = ["owner"]

    async def admit(_secret: str | None) -> Any:
        return roles[-1]

    plain = wiring(toy)
    settings = GraphQLSettings(key_check_seconds=0.05)
    view = GraphQLView(
        type(plain)(schema=plain.schema, admit=admit, context=plain.context, settings=settings)
    )
    async with serving(view) as address, ready(address) as socket:

        async def caller(name: str) -> str:
            await socket.subscribe("{ who }", name)
            answer = (await socket.next())["payload"]["data"]["who"]
            await socket.next()
            return str(answer.split()[0])

        assert await caller("first") == "owner"
        roles.append("viewer")
        async with asyncio.timeout(PATIENCE):
            while await caller("again") != "viewer":
                pass


@dataclass
class Expiring:
    """A viewer whose key ends."""

    expires_at: datetime.datetime


async def test_expired_key_closes_its_socket_at_that_moment(toy: Toy) -> None:
    admitted: list[Expiring] = []

    async def admit(_secret: str | None) -> Any:
        now = datetime.datetime.now(datetime.UTC)
        if not admitted:  # its time begins here, however long the way took
            admitted.append(Expiring(now + datetime.timedelta(seconds=0.2)))
        return admitted[0] if now < admitted[0].expires_at else None

    plain = wiring(toy)
    view = GraphQLView(type(plain)(schema=plain.schema, admit=admit, context=plain.context))
    async with serving(view) as address, ready(address) as socket:
        assert (await asyncio.wait_for(socket.closed(), PATIENCE))[0] == 4403


async def test_drain_closes_sockets_with_1012(toy: Toy, view: GraphQLView, address: str) -> None:
    async with ready(address) as socket:
        await socket.subscribe("subscription { ticks }")
        await toy.started.wait()
        view.wiring.draining.set()
        assert (await socket.closed())[0] == 1012
    assert toy.open == 0
