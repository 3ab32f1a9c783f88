"""GraphQL over HTTP: what is answered to which request, with which status and media type."""

import asyncio
import json
from typing import Any

import httpx2
import pytest

from app.graphql.settings import GraphQLSettings
from app.graphql.view import GraphQLView
from tests.patience import PATIENCE
from tests.transport.serving import serving
from tests.transport.toy import Toy, wiring

pytestmark = pytest.mark.asyncio

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"
URQL = f"{GRAPHQL}, application/graphql+json, {JSON}, text/event-stream, multipart/mixed"


async def post(client: httpx2.AsyncClient, query: str, accept: str = JSON, **rest: object) -> httpx2.Response:
    return await client.post("/graphql", json={"query": query, **rest}, headers={"accept": accept})


def code(response: httpx2.Response) -> str:
    body = response.json()
    assert "data" not in body
    return str(body["errors"][0]["extensions"]["code"])


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (JSON, JSON),
        (GRAPHQL, GRAPHQL),
        ("*/*", JSON),
        ("application/*", JSON),
        (f"{JSON};q=0.5, {GRAPHQL}", GRAPHQL),
        (f"{GRAPHQL};q=0.4, */*;q=0.5", JSON),
        (f"{GRAPHQL}, {JSON};q=0", GRAPHQL),
        (URQL, GRAPHQL),
        ("text/event-stream", "text/event-stream"),
        (f"text/event-stream;q=0.9, {JSON}", JSON),
        (f"multipart/mixed;boundary=graphql;subscriptionSpec=1.0,{GRAPHQL},{JSON};q=0.9", GRAPHQL),
    ],
)
async def test_query_is_answered_in_the_type_the_client_ranks_first(
    client: httpx2.AsyncClient, accept: Any, kind: Any
) -> None:
    response = await post(client, "{ hello }", accept)
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{kind}; charset=utf-8"
    assert "accept" in response.headers["vary"]
    if kind != "text/event-stream":
        assert response.json() == {"data": {"hello": "Hello world"}}


async def test_missing_accept_means_json(address: str) -> None:
    body = json.dumps({"query": "{ hello }"}).encode()
    head = f"POST /graphql HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n"
    reader, writer = await asyncio.open_connection(*address.split(":"))
    writer.write(f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
    answer = await reader.read()
    writer.close()
    assert b"200 OK" in answer
    assert b"content-type: application/json; charset=utf-8" in answer


@pytest.mark.parametrize(
    "accept", ["image/png", "text/html", "multipart/mixed", f"{JSON};q=0", "application/json;q=x"]
)
async def test_unacceptable_type_is_refused_with_406(client: httpx2.AsyncClient, accept: Any) -> None:
    response = await post(client, "{ hello }", accept)
    assert (response.status_code, code(response)) == (406, "NOT_ACCEPTABLE")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query A { hello } query B { who }", "OPERATION_RESOLUTION_FAILED"),
        ("fragment F on Query { hello }", "GRAPHQL_VALIDATION_FAILED"),
        ("query Q($n: Int!) { hello }", "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_document_that_cannot_run_is_400_or_legacy_200(
    client: httpx2.AsyncClient, query: Any, expected: Any
) -> None:
    modern = await post(client, query, GRAPHQL)
    legacy = await post(client, query, JSON)
    assert (modern.status_code, code(modern)) == (400, expected)
    assert (legacy.status_code, code(legacy)) == (200, expected)


async def test_variables_that_do_not_fit_are_bad_user_input(client: httpx2.AsyncClient) -> None:
    response = await post(client, "query Q($n: String!) { hello(name: $n) }", GRAPHQL, variables={"n": 5})
    assert (response.status_code, code(response)) == (400, "BAD_USER_INPUT")


async def test_operation_name_chooses(client: httpx2.AsyncClient) -> None:
    query = "query A { hello } query B { b: hello }"
    response = await post(client, query, operationName="B")
    assert response.json() == {"data": {"b": "Hello world"}}
    response = await post(client, query, GRAPHQL, operationName="C")
    assert (response.status_code, code(response)) == (400, "OPERATION_RESOLUTION_FAILED")


@pytest.mark.parametrize(
    "body",
    [
        b"5",
        b'"x"',
        b"null",
        b"true",
        b"[]",
        b'[{"query": "{hello}"}]',
        b"{",
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
async def test_body_that_is_no_request_is_400(client: httpx2.AsyncClient, body: Any) -> None:
    response = await client.post("/graphql", content=body, headers={"content-type": JSON})
    assert (response.status_code, code(response)) == (400, "BAD_REQUEST")
    assert response.headers["content-type"] == f"{JSON}; charset=utf-8"


@pytest.mark.parametrize("key", ["query", "operationName", "variables", "extensions"])
@pytest.mark.parametrize("value", [5, True, ["x"]])
async def test_key_of_another_type_is_400_and_named(client: httpx2.AsyncClient, key: Any, value: Any) -> None:
    response = await client.post("/graphql", json={"query": "{ hello }", key: value})
    assert (response.status_code, code(response)) == (400, "BAD_REQUEST")
    assert f"`{key}`" in response.text


async def test_nested_variables_beyond_the_limit_are_400(client: httpx2.AsyncClient) -> None:
    value: object = 1
    for _ in range(100):
        value = [value]
    response = await post(client, "{ hello }", variables={"v": value})
    assert (response.status_code, code(response)) == (400, "BAD_REQUEST")


async def test_nan_is_no_json(client: httpx2.AsyncClient) -> None:
    response = await client.post(
        "/graphql", content=b'{"query": "{hello}", "variables": {"a": NaN}}', headers={"content-type": JSON}
    )
    assert (response.status_code, code(response)) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"]
)
async def test_other_content_types_are_415(client: httpx2.AsyncClient, kind: Any) -> None:
    response = await client.post(
        "/graphql", content=b'{"query": "{ hello }"}', headers={"content-type": kind}
    )
    assert (response.status_code, code(response)) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_large_json_body_is_413(client: httpx2.AsyncClient) -> None:
    response = await post(client, "{ hello }", variables={"x": "y" * 1_100_000})
    assert (response.status_code, code(response)) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_405_with_allow(client: httpx2.AsyncClient, method: Any) -> None:
    response = await client.request(method, "/graphql")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


async def test_get_runs_queries_and_no_mutations(client: httpx2.AsyncClient) -> None:
    response = await client.get(
        "/graphql",
        params={
            "query": "query Q($n: String) { hello(name: $n) }",
            "variables": '{"n": "you"}',
            "operationName": "",
        },
    )
    assert response.json() == {"data": {"hello": "Hello you"}}
    response = await client.get("/graphql", params={"query": "mutation { slow }"})
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert code(response) == "METHOD_NOT_ALLOWED"


async def test_get_with_malformed_variables_is_400(client: httpx2.AsyncClient) -> None:
    response = await client.get("/graphql", params={"query": "{ hello }", "variables": "{"})
    assert (response.status_code, code(response)) == (400, "BAD_REQUEST")


async def test_subscription_without_stream_is_406_and_runs_nothing(
    client: httpx2.AsyncClient, toy: Toy
) -> None:
    response = await post(client, "subscription { ticks }", JSON)
    assert (response.status_code, code(response)) == (406, "NOT_ACCEPTABLE")
    assert "text/event-stream" in response.text
    assert toy.contexts == []


async def test_bug_is_masked_and_logged_under_its_id(
    client: httpx2.AsyncClient, caplog: Any, capsys: Any
) -> None:
    response = await post(client, "{ hello bug }")
    [error] = response.json()["errors"]
    assert response.status_code == 200
    assert response.json()["data"] == {"hello": "Hello world", "bug": None}
    assert error["path"] == ["bug"]
    assert error["extensions"]["code"] == "INTERNAL"
    assert "hunter2" not in response.text
    logged = caplog.text + capsys.readouterr().out
    assert error["extensions"]["errorId"] in logged
    assert "hunter2" in logged


async def test_crowded_database_asks_to_try_again(client: httpx2.AsyncClient) -> None:
    response = await post(client, "{ hello crowded }")
    [error] = response.json()["errors"]
    assert response.json()["data"] == {"hello": "Hello world", "crowded": None}
    assert error["extensions"] == {"code": "BUSY"}
    assert "Try again in a moment" in error["message"]
    assert "QueuePool" not in response.text


async def test_error_on_purpose_keeps_its_words_and_code(client: httpx2.AsyncClient) -> None:
    [error] = (await post(client, "{ refused }")).json()["errors"]
    assert (error["message"], error["extensions"]) == ("No such thing", {"code": "FORBIDDEN"})


async def test_every_operation_has_a_context_of_its_own(client: httpx2.AsyncClient, toy: Toy) -> None:
    await post(client, "{ hello }")
    await post(client, "{ hello }")
    assert len({id(context) for context in toy.contexts}) == 2


async def test_unknown_key_is_401_and_runs_nothing(client: httpx2.AsyncClient, toy: Toy) -> None:
    response = await client.post(
        "/graphql", json={"query": "{ hello }"}, headers={"authorization": "Bearer bad-key"}
    )
    assert (response.status_code, code(response)) == (401, "UNAUTHENTICATED")
    assert response.headers["www-authenticate"] == "Bearer"
    assert toy.contexts == []


async def test_key_decides_who_asks(client: httpx2.AsyncClient) -> None:
    response = await client.post(
        "/graphql", json={"query": "{ who }"}, headers={"authorization": "bearer good-key"}
    )
    assert response.json()["data"]["who"].startswith("good-key")


async def test_no_key_where_one_is_needed_is_401(client: httpx2.AsyncClient, toy: Toy) -> None:
    toy.keys.discard(None)
    assert code(await post(client, "{ hello }")) == "UNAUTHENTICATED"


async def test_extensions_reach_the_resolver(client: httpx2.AsyncClient) -> None:
    response = await post(client, "{ extensions }", extensions={"trace": "abc"})
    assert response.json()["data"]["extensions"] == "{'trace': 'abc'}"


async def test_query_is_cancelled_when_the_client_leaves(client: httpx2.AsyncClient, toy: Toy) -> None:
    asking = asyncio.create_task(post(client, "{ slow }"))
    await toy.started.wait()
    asking.cancel()
    await asyncio.wait_for(toy.cancelled.wait(), PATIENCE)


async def test_mutation_goes_on_when_the_client_leaves(client: httpx2.AsyncClient, toy: Toy) -> None:
    asking = asyncio.create_task(post(client, "mutation { slow }"))
    await toy.started.wait()
    asking.cancel()
    await post(client, "{ hello }")
    toy.release.set()
    await asyncio.wait_for(toy.finished.wait(), PATIENCE)
    assert not toy.cancelled.is_set()


async def test_query_that_takes_too_long_is_503_and_cancelled(toy: Toy) -> None:
    view = GraphQLView(wiring(toy, settings=GraphQLSettings(graphql_timeout_seconds=0.05)))
    async with serving(view) as address, httpx2.AsyncClient(base_url=f"http://{address}") as client:
        response = await post(client, "{ slow }")
        streamed = await post(client, "{ slow }", "text/event-stream")
    assert (response.status_code, code(response)) == (503, "TIMEOUT")
    assert b'"code":"TIMEOUT"' in streamed.content
    assert toy.cancelled.is_set()
