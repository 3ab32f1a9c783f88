"""Automatic persisted queries: a document is sent once, and named by its SHA-256 from then on."""

import hashlib
import json
from typing import Any

import httpx2
import pytest

from app.graphql.params import Params
from app.graphql.persisted import KEPT_CHARACTERS, Persisted
from app.graphql.refusals import RequestError
from tests.transport.sockets import ready

QUERY = "{ hello }"


def named(query: str) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(query.encode()).hexdigest()}}


def told(answer: httpx2.Response) -> tuple[int, str, str]:
    [error] = answer.json()["errors"]
    assert "data" not in answer.json()
    return answer.status_code, error["message"], error["extensions"]["code"]


@pytest.mark.asyncio
async def test_document_sent_once_is_run_by_its_name_alone(client: httpx2.AsyncClient) -> None:
    unknown = await client.post("/graphql", json={"extensions": named(QUERY)})
    assert told(unknown) == (200, "PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")

    first = await client.post("/graphql", json={"query": QUERY, "extensions": named(QUERY)})
    again = await client.post("/graphql", json={"extensions": named(QUERY)})
    got = await client.get("/graphql", params={"extensions": json.dumps(named(QUERY))})

    assert first.json() == again.json() == got.json()
    assert list(first.json()["data"]) == ["hello"]


@pytest.mark.asyncio
async def test_document_that_is_not_valid_is_not_kept(client: httpx2.AsyncClient) -> None:
    bad = await client.post("/graphql", json={"query": "{ nothing }", "extensions": named("{ nothing }")})
    assert told(bad)[2] == "GRAPHQL_VALIDATION_FAILED"

    again = await client.post("/graphql", json={"extensions": named("{ nothing }")})
    assert told(again)[2] == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "asked",
    [
        named("{ other }")["persistedQuery"],
        {"version": 2, "sha256Hash": "0" * 64},
        {"version": 1, "sha256Hash": "0" * 63},
        {"version": 1},
        "hello",
    ],
)
async def test_name_that_is_none_or_of_another_document_is_refused_and_nothing_is_kept(
    client: httpx2.AsyncClient, asked: object
) -> None:
    answer = await client.post("/graphql", json={"query": QUERY, "extensions": {"persistedQuery": asked}})
    assert told(answer)[::2] == (400, "BAD_REQUEST")

    kept = await client.post("/graphql", json={"extensions": named(QUERY)})
    assert told(kept)[2] == "PERSISTED_QUERY_NOT_FOUND"


def test_documents_that_were_not_asked_for_the_longest_make_room() -> None:
    persisted = Persisted()
    texts = [f"{{ hello }} # {number:09} {'-' * 9_978}" for number in range(KEPT_CHARACTERS // 10_000)]
    assert {len(text) for text in texts} == {10_000}
    for text in texts:
        persisted.keep(asking(text, text))
    assert persisted.text(asking("", texts[0])) == texts[0]

    persisted.keep(asking(QUERY, QUERY))

    assert persisted.text(asking("", texts[0])) == texts[0]
    with pytest.raises(RequestError, match="PersistedQueryNotFound"):
        persisted.text(asking("", texts[1]))


def test_very_long_document_is_run_and_not_kept() -> None:
    persisted, long = Persisted(), QUERY + " " * 20_000
    assert persisted.text(asking(long, long)) == long
    persisted.keep(asking(long, long))

    with pytest.raises(RequestError, match="PersistedQueryNotFound"):
        persisted.text(asking("", long))


def asking(query: str, name: str) -> Params:
    return Params(query, None, None, named(name))


@pytest.mark.asyncio
async def test_name_is_understood_on_sockets_too(address: str, client: httpx2.AsyncClient) -> None:
    sent = await client.post("/graphql", json={"query": QUERY, "extensions": named(QUERY)})
    async with ready(address) as socket:
        await socket.subscribe("", "a", extensions=named(QUERY))
        assert await socket.next() == {"id": "a", "type": "next", "payload": sent.json()}
        assert await socket.next() == {"id": "a", "type": "complete"}

        await socket.subscribe("", "b", extensions=named("{ never }"))
        refusal = await socket.next()
    assert (refusal["id"], refusal["type"]) == ("b", "error")
    assert refusal["payload"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
