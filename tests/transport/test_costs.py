"""The limit of cost: fields weighed by the rows that they ask for, before anything runs."""

import pathlib
import re
import time
from typing import Any

import httpx2
import pytest
from graphql import OperationDefinitionNode, get_introspection_query, parse, validate

import schema as contract
from app.graphql.costs import ROWS_UNSAID, cost_of
from app.graphql.documents import Documents
from app.graphql.params import Params
from app.graphql.refusals import RequestError
from app.graphql.settings import GraphQLSettings
from app.graphql.view import GraphQLView
from resolvers import paging
from tests.transport.serving import serving
from tests.transport.sockets import ready
from tests.transport.toy import Toy, schema, wiring

DOCUMENTED = re.compile(r"```graphql\n(.*?)```", re.DOTALL)
TYPED = re.compile(r"`([^`]*)`")
DEAR = "{ page(first: 100) { nodes { hello } } }"  # page, nodes, and 100 times hello
MOST = 101
NEAR = "{ page(first: 99) { nodes { hello } } }"
WORDS = (
    "The operation asks for up to 102 fields, counted for every row; the limit is 101. "
    "Ask for smaller pages (`first`, `last`), for fewer fields, or in several requests."
)


def cost(query: str, **variables: Any) -> int:
    document = parse(query)
    [operation] = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    assert validate(schema._schema, document) == []
    return cost_of(schema._schema, document, operation, variables)


def documents(most: int) -> Documents:
    return Documents(schema._schema, GraphQLSettings(graphql_max_cost=most))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ hello }", 1),
        ("{ a: hello nested { hello __typename } }", 4),
        ("{ page(first: 7) { totalCount nodes { hello } } }", 1 + 1 + 1 + 7),
        ("{ page(last: 7) { nodes { hello } } }", 1 + 1 + 7),
        ("{ page(first: 3, last: 7) { nodes { hello } } }", 1 + 1 + 7),
        ("{ page { nodes { hello } } }", 1 + 1 + 20),
        ("{ page(first: null) { nodes { hello } } }", 1 + 1 + 20),
        ("{ page(first: 0) { nodes { hello } } }", 1 + 1),
        ("{ page(first: -5) { nodes { hello } } }", 1 + 1),
        ("{ several { hello } }", 1 + 20),
        ('{ several(ids: ["a", "b", "c"]) { hello } }', 1 + 3),
        ('{ several(ids: "a") { hello } }', 1 + 1),
        ("{ page(first: 5) { nodes { page(first: 4) { nodes { hello } } } } }", 2 + 5 * (2 + 4)),
        ("{ page(first: 5) { nodes { several { hello } } } }", 2 + 5 * (1 + 20)),
        ("{ page(first: 5) { nodes { nested { several { hello } } } } }", 2 + 5 * (1 + 1 + 20)),
        ("{ page(first: 5) { nodes { ... on Query { hello } ... { hello } } } }", 2 + 5 * 2),
        ("{ hello @skip(if: true) }", 1),
    ],
)
def test_fields_are_weighed_by_the_rows_that_they_ask_for(query: str, expected: int) -> None:
    assert cost(query) == expected


def test_variables_say_how_many_rows() -> None:
    page = "query ($n: Int) { page(first: $n) { nodes { hello } } }"
    assert (cost(page, n=50), cost(page, n=None), cost(page)) == (52, 22, 22)
    assert cost("query ($n: [ID!]) { several(ids: $n) { hello } }", n=["a", "b"]) == 3


def test_default_of_a_variable_counts_where_nothing_is_given() -> None:
    query = "query ($n: Int = 100) { page(first: $n) { nodes { hello } } }"
    with pytest.raises(RequestError, match="up to 102 fields"):
        documents(MOST).operation(Params(query, None, None, None))
    documents(MOST).operation(Params(query, None, {"n": 99}, None))


def test_fragment_costs_what_its_place_asks_for() -> None:
    query = (
        "{ a: page(first: 10) { ...P } b: page(first: 3) { ...P } } "
        "fragment P on Page { nodes { ...Q } } fragment Q on Query { hello nested { hello } }"
    )
    assert cost(query) == 2 + 10 * 3 + 2 + 3 * 3


def test_doubling_fragments_are_weighed_at_once() -> None:
    chain = " ".join(
        f"fragment F{n} on Query {{ a{n}: nested {{ ...F{n + 1} }} b{n}: nested {{ ...F{n + 1} }} }}"
        for n in range(40)
    )
    document = parse(f"{{ ...F0 }} {chain} fragment F40 on Query {{ hello }}")
    [operation] = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    began = time.thread_time()
    assert cost_of(schema._schema, document, operation, {}) == 2**40 + 2**41 - 2
    assert time.thread_time() - began < 0.5


def test_introspection_is_one_field() -> None:
    assert cost(get_introspection_query(descriptions=True, input_value_deprecation=True)) == 1


def test_unsaid_page_is_as_large_as_the_product_makes_it() -> None:
    assert ROWS_UNSAID == paging.DEFAULT_SIZE


def test_operation_at_the_limit_passes_and_one_row_more_is_refused_with_both_numbers() -> None:
    found = documents(MOST)
    found.operation(Params(NEAR, None, None, None))
    for _ in range(2):  # a document that is known already is weighed again
        with pytest.raises(RequestError) as refusal:
            found.operation(Params(DEAR, None, None, None))
        assert refusal.value.of_document
        assert refusal.value.errors == [
            {"message": WORDS, "extensions": {"code": "QUERY_TOO_COSTLY", "cost": 102, "limit": 101}}
        ]


def test_only_the_operation_that_is_asked_for_is_weighed() -> None:
    query = f"query A {{ hello }} query B {DEAR}"
    documents(MOST).operation(Params(query, "A", None, None))
    with pytest.raises(RequestError, match="up to 102"):
        documents(MOST).operation(Params(query, "B", None, None))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("accept", "status"), [("application/json", 200), ("application/graphql-response+json", 400)]
)
async def test_costly_request_is_refused_over_http_and_nothing_runs(
    toy: Toy, accept: str, status: int
) -> None:
    view = GraphQLView(wiring(toy, settings=GraphQLSettings(graphql_max_cost=MOST)))
    async with serving(view) as address, httpx2.AsyncClient(base_url=f"http://{address}") as client:
        answer = await client.post("/graphql", json={"query": DEAR}, headers={"accept": accept})
    assert (answer.status_code, answer.json()["errors"][0]["message"]) == (status, WORDS)
    assert "data" not in answer.json()
    assert toy.contexts == []


@pytest.mark.asyncio
async def test_costly_request_is_refused_as_an_event_and_nothing_runs(toy: Toy) -> None:
    view = GraphQLView(wiring(toy, settings=GraphQLSettings(graphql_max_cost=MOST)))
    async with serving(view) as address, httpx2.AsyncClient(base_url=f"http://{address}") as client:
        answer = await client.post("/graphql", json={"query": DEAR}, headers={"accept": "text/event-stream"})
    assert '"code":"QUERY_TOO_COSTLY"' in answer.text
    assert answer.text.endswith("event: complete\ndata:\n\n")
    assert toy.contexts == []


@pytest.mark.asyncio
async def test_costly_operation_ends_alone_on_a_socket(toy: Toy) -> None:
    view = GraphQLView(wiring(toy, settings=GraphQLSettings(graphql_max_cost=MOST)))
    async with serving(view) as address, ready(address) as socket:
        await socket.subscribe(DEAR, "a")
        refusal = await socket.next()
        assert (refusal["id"], refusal["type"]) == ("a", "error")
        assert refusal["payload"][0]["extensions"] == {"code": "QUERY_TOO_COSTLY", "cost": 102, "limit": 101}
        assert toy.contexts == []

        await socket.subscribe(NEAR, "b")
        assert (await socket.next())["payload"]["data"] == {"page": {"nodes": [{"hello": "Hello world"}]}}
        assert (await socket.next())["type"] == "complete"


def published() -> list[str]:
    """Every document that we tell people to send: in the pages and in the explorer."""
    pages = [pathlib.Path("README.md"), *sorted(pathlib.Path("docs").rglob("*.md"))]
    found = [text for page in pages for text in DOCUMENTED.findall(page.read_text())]
    scripts = sorted(pathlib.Path("app/web/explorer_page").glob("*.js"))
    typed = [text for script in scripts for text in TYPED.findall(script.read_text()) if "${" not in text]
    return found + [
        text for text in typed if re.match(r"\s*(#.*\n\s*)*(query|mutation|subscription)\b", text)
    ]


def test_everything_that_our_pages_and_the_explorer_send_passes() -> None:
    known = Documents(contract.schema._schema, GraphQLSettings())
    weighed = 0
    for text in published():
        for node in parse(text).definitions:
            if isinstance(node, OperationDefinitionNode):
                document = known.document(text)
                assert cost_of(contract.schema._schema, document, node, {}) <= 200_000
                weighed += 1
    assert weighed >= 70
