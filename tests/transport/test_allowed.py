"""Documents that an operator allows, and all others refused."""

import contextlib
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from graphql import get_introspection_query

from app.graphql.view import GraphQLView
from tests.transport.serving import serving
from tests.transport.sockets import ready
from tests.transport.toy import Toy, wiring

GREET = "# what our site sends\nquery Greet($name: String!) {\n  hello(name: $name)\n}\n"
COUNT = "subscription { count(to: 1) }\n"
WORDS = (
    "This server runs only documents that its operator has chosen, and this is none of them. "
    "Have it added to the folder or file GRAPHQL_DOCUMENTS."
)
NOT_ALLOWED = {"message": WORDS, "extensions": {"code": "DOCUMENT_NOT_ALLOWED"}}
ADA = {"name": "Ada"}


@contextlib.asynccontextmanager
async def closed(toy: Toy, *more: str) -> AsyncIterator[str]:
    async with serving(GraphQLView(wiring(toy, allowed=(GREET, COUNT, *more)))) as address:
        yield address


def client(address: str, accept: str = "application/graphql-response+json") -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=f"http://{address}", headers={"accept": accept})


def named(query: str) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(query.encode()).hexdigest()}}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "query",
    [
        GREET,
        "query Greet($name:String!){hello(name:$name)}",
        "query Greet($name: String!,) { hello(name: $name) } #",
    ],
)
async def test_allowed_document_runs_however_it_is_spaced(toy: Toy, query: str) -> None:
    async with closed(toy) as address, client(address) as asking:
        for _ in range(2):
            answer = await asking.post("/graphql", json={"query": query, "variables": ADA})
            assert answer.json() == {"data": {"hello": "Hello Ada"}}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "query",
    [
        "{ hello }",
        "query Greet($name: String!) { hello(name: $name) who }",
        'query Greet($name: String!) { hello(name: "Bob") }',
        "mutation { slow }",
        "{ nothing }",
        GREET + "query Other { who }",
        get_introspection_query(),
    ],
)
@pytest.mark.parametrize(
    ("accept", "status"), [("application/json", 200), ("application/graphql-response+json", 400)]
)
async def test_any_other_document_is_refused_and_nothing_runs(
    toy: Toy, query: str, accept: str, status: int
) -> None:
    async with closed(toy) as address, client(address, accept) as asking:
        for _ in range(2):
            sent = {"query": query, "variables": ADA, "operationName": None, "extensions": named(query)}
            answer = await asking.post("/graphql", json=sent)
            assert (answer.status_code, answer.json()) == (status, {"errors": [NOT_ALLOWED]})
        by_name = await asking.post("/graphql", json={"extensions": named(query)})
        assert by_name.json()["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
    assert toy.contexts == []


@pytest.mark.asyncio
async def test_allowed_document_is_known_by_the_sha256_of_its_file(toy: Toy) -> None:
    async with closed(toy) as address, client(address) as asking:
        answer = await asking.post("/graphql", json={"extensions": named(GREET), "variables": ADA})
    assert answer.json() == {"data": {"hello": "Hello Ada"}}


@pytest.mark.asyncio
async def test_introspection_runs_where_it_is_allowed_by_itself(toy: Toy) -> None:
    async with closed(toy, get_introspection_query()) as address, client(address) as asking:
        answer = await asking.post("/graphql", json={"query": get_introspection_query()})
    assert answer.json()["data"]["__schema"]["queryType"]["name"] == "Query"


@pytest.mark.asyncio
async def test_event_streams_follow_the_list(toy: Toy) -> None:
    async with closed(toy) as address, client(address, "text/event-stream") as asking:
        allowed = await asking.post("/graphql", json={"query": COUNT})
        refused = await asking.post("/graphql", json={"query": "subscription { count(to: 2) }"})
    assert 'data: {"data":{"count":1}}' in allowed.text
    assert '"code":"DOCUMENT_NOT_ALLOWED"' in refused.text
    assert len(toy.contexts) == 1


@pytest.mark.asyncio
async def test_other_document_ends_alone_on_a_socket(toy: Toy) -> None:
    async with closed(toy) as address, ready(address) as socket:
        await socket.subscribe("subscription { count(to: 2) }", "a")
        assert await socket.next() == {"id": "a", "type": "error", "payload": [NOT_ALLOWED]}
        assert toy.contexts == []

        await socket.subscribe(COUNT, "b")
        assert await socket.next() == {"id": "b", "type": "next", "payload": {"data": {"count": 1}}}
