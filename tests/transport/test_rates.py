"""The limit of rate: how often one key may ask, over every transport together. The clock is the test's."""

import contextlib
import dataclasses
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from app.graphql.rates import MOST_KEYS, Rates
from app.graphql.refusals import RequestError
from app.graphql.settings import GraphQLSettings
from app.graphql.view import GraphQLView
from app.graphql.wiring import Wiring
from app.http import application
from resolvers.identity import ALL, Viewer
from store.database.tables import Role
from tests.transport.serving import serving
from tests.transport.sockets import ready
from tests.transport.toy import Toy, wiring
from tests.transport.weblike import WebToy

HELLO = {"query": "{ hello }"}
WORDS = "This key has asked too often: 2 requests a second are allowed, and 3 at once after a rest. Ask again in 1 s."
LIMITED = {"message": WORDS, "extensions": {"code": "RATE_LIMITED", "retryAfterSeconds": 1}}


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Keyed(str):
    """A caller who came with a key, as the toy's resolvers want callers."""

    __slots__ = ("key_id",)

    def __init__(self, key_id: str) -> None:
        self.key_id = key_id


def settings(**changes: Any) -> GraphQLSettings:
    return GraphQLSettings.model_validate({"rate_per_second": 2, "rate_burst": 3, **changes})


def limited(found: Wiring, clock: Clock) -> Wiring:
    async def admit(secret: str | None) -> str | None:
        return Keyed(secret) if secret else "local"

    return dataclasses.replace(found, admit=admit, settings=settings(), clock=clock)


@contextlib.asynccontextmanager
async def toy_server(toy: Toy, clock: Clock) -> AsyncIterator[str]:
    async with serving(GraphQLView(limited(wiring(toy), clock))) as address:
        yield address


def client(address: str, key: str | None = "good-key", **headers: str) -> httpx2.AsyncClient:
    given = {"authorization": f"Bearer {key}"} if key else {}
    return httpx2.AsyncClient(base_url=f"http://{address}", headers={**given, **headers})


def allowed(rates: Rates, viewer: object, most: int = 100) -> int:
    """How many requests pass before one is refused, `most` at most."""
    for count in range(most):
        try:
            rates.spend(viewer)
        except RequestError:
            return count
    return most


def test_burst_passes_and_then_as_many_as_the_time_brings() -> None:
    clock = Clock()
    rates = Rates(settings(), clock)
    assert allowed(rates, Keyed("a")) == 3

    clock.now += 0.5
    assert allowed(rates, Keyed("a")) == 1
    clock.now += 1.0
    assert allowed(rates, Keyed("a")) == 2
    clock.now += 3_600
    assert allowed(rates, Keyed("a")) == 3


def test_refusal_says_how_long_to_wait_and_that_is_long_enough() -> None:
    clock = Clock()
    rates = Rates(settings(rate_per_second=0.1, rate_burst=1), clock)
    rates.spend(Keyed("a"))
    clock.now += 2.5
    for _ in range(3):  # refusals cost nothing
        with pytest.raises(RequestError) as refusal:
            rates.spend(Keyed("a"))
        assert refusal.value.errors[0]["extensions"] == {"code": "RATE_LIMITED", "retryAfterSeconds": 8}
        assert (refusal.value.status, refusal.value.headers) == (429, {"retry-after": "8"})

    clock.now += 8
    assert allowed(rates, Keyed("a")) == 1


def test_ever_asking_at_the_rate_that_is_allowed_never_meets_a_refusal() -> None:
    clock = Clock()
    rates = Rates(settings(rate_per_second=3, rate_burst=1), clock)
    for _ in range(10_000):
        rates.spend(Keyed("a"))
        clock.now += 1 / 3


def test_keys_are_counted_apart() -> None:
    rates = Rates(settings(), Clock())
    assert (allowed(rates, Keyed("a")), allowed(rates, Keyed("b")), allowed(rates, Keyed("a"))) == (3, 3, 0)


def test_local_owner_has_no_limit_unless_the_operator_wants_one() -> None:
    assert allowed(Rates(settings(), Clock()), "local", 500) == 500
    assert allowed(Rates(settings(rate_keyless=True), Clock()), "local", 500) == 3


def test_viewers_of_the_product_are_told_apart_by_their_keys() -> None:
    rates = Rates(settings(), Clock())
    owner = Viewer(user_id=uuid.uuid4(), role=Role.OWNER, scopes=ALL, handle="owner")
    keyed = dataclasses.replace(owner, key_id=uuid.uuid4())
    again = dataclasses.replace(keyed, handle="renamed")
    assert (allowed(rates, owner), allowed(rates, keyed), allowed(rates, again)) == (100, 3, 0)


def test_nought_is_no_limit() -> None:
    assert allowed(Rates(settings(rate_per_second=0), Clock()), Keyed("a"), 500) == 500


def test_promised_numbers_are_what_a_key_gets() -> None:
    assert allowed(Rates(GraphQLSettings(), Clock()), Keyed("a"), 2_000) == 1_000


def test_key_that_asked_the_longest_ago_makes_room() -> None:
    rates = Rates(settings(), Clock())
    rates.spend(Keyed("came first"))
    assert allowed(rates, Keyed("rested")) == 3
    assert allowed(rates, Keyed("came first")) == 2
    for number in range(MOST_KEYS - 1):
        rates.spend(Keyed(str(number)))

    assert len(rates._full_at) == MOST_KEYS
    assert allowed(rates, Keyed("came first")) == 0
    assert allowed(rates, Keyed("rested")) == 3


@pytest.mark.asyncio
@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
async def test_request_beyond_the_limit_is_429_over_http_and_nothing_runs(toy: Toy, accept: str) -> None:
    clock = Clock()
    async with toy_server(toy, clock) as address, client(address, accept=accept) as asking:
        for _ in range(3):
            assert (await asking.post("/graphql", json=HELLO)).json() == {"data": {"hello": "Hello world"}}
        refused = await asking.post("/graphql", json=HELLO)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert refused.json() == {"errors": [LIMITED]}
        assert len(toy.contexts) == 3

        clock.now += 1
        assert (await asking.get("/graphql", params=HELLO)).status_code == 200


@pytest.mark.asyncio
async def test_documents_that_cannot_run_count_too(toy: Toy) -> None:
    async with toy_server(toy, Clock()) as address, client(address) as asking:
        codes = [
            (await asking.post("/graphql", json={"query": "{"})).json()["errors"][0]["extensions"]["code"]
            for _ in range(4)
        ]
    assert codes == ["GRAPHQL_PARSE_FAILED"] * 3 + ["RATE_LIMITED"]


@pytest.mark.asyncio
async def test_event_stream_beyond_the_limit_is_429_and_nothing_runs(toy: Toy) -> None:
    stream = {"query": "subscription { count(to: 1) }"}
    async with toy_server(toy, Clock()) as address, client(address, accept="text/event-stream") as asking:
        for _ in range(3):
            assert '{"data":{"count":1}}' in (await asking.post("/graphql", json=stream)).text
        refused = await asking.post("/graphql", json=stream)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json() == {"errors": [LIMITED]}
    assert len(toy.contexts) == 3


@pytest.mark.asyncio
async def test_operation_beyond_the_limit_ends_alone_and_the_socket_stays(toy: Toy) -> None:
    clock = Clock()
    async with toy_server(toy, clock) as address, ready(address, {"token": "good-key"}) as socket:
        async with client(address) as asking:  # the same key by another way
            await asking.post("/graphql", json=HELLO)
        for name in ("1", "2"):
            await socket.subscribe("{ hello }", name)
            assert [(await socket.next())["type"] for _ in range(2)] == ["next", "complete"]

        await socket.subscribe("{ hello }", "3")
        assert await socket.next() == {"id": "3", "type": "error", "payload": [LIMITED]}
        assert len(toy.contexts) == 3

        clock.now += 0.5
        await socket.subscribe("{ hello }", "4")
        assert (await socket.next())["type"] == "next"


@pytest.mark.asyncio
async def test_caller_without_a_key_is_not_limited_over_http(toy: Toy) -> None:
    async with toy_server(toy, Clock()) as address, client(address, None) as asking:
        answers = [await asking.post("/graphql", json=HELLO) for _ in range(10)]
    assert {answer.status_code for answer in answers} == {200}


@pytest.mark.asyncio
async def test_uploads_and_plain_events_count_with_the_rest(web: WebToy) -> None:
    parts = web.web()
    site = application(dataclasses.replace(parts, graphql=limited(parts.graphql, Clock())))
    preflight = {"graphql-require-preflight": "1"}
    async with serving(site) as address, client(address) as asking:
        for _ in range(2):
            sent = await asking.post("/uploads", files={"file": ("a.png", b"png")}, headers=preflight)
            assert sent.status_code == 201
        assert (await asking.post("/graphql", json=HELLO)).status_code == 200

        refused = await asking.post("/uploads", files={"file": ("a.png", b"png")}, headers=preflight)
        watching = await asking.get("/events/jobs/job-1")
    for answer in (refused, watching):
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        assert answer.json() == {"errors": [LIMITED]}
    assert len(web.kept) == 2
    assert web.watching == 0
