"""The official HTTP audits, and round trips with the clients that people use."""

import pytest

from app.graphql.view import GraphQLView
from tests.running import RunningServer
from tests.transport.serving import serving
from tests.transport.toy import Toy, wiring
from tests.web.node import run

pytestmark = [pytest.mark.web, pytest.mark.asyncio]


async def test_all_61_audits_of_graphql_over_http_are_ok() -> None:
    async with serving(GraphQLView(wiring(Toy()))) as address:
        status, report = await run("audit.mjs", f"http://{address}/graphql")
    assert report["failed"] == []
    assert report["tally"] == {
        "MUST": {"ok": 13, "total": 13},
        "SHOULD": {"ok": 23, "total": 23},
        "MAY": {"ok": 25, "total": 25},
    }
    assert status == 0


@pytest.mark.parametrize(
    "name", ["graphql-ws", "graphql-sse", "urql", "urql-get", "apollo-http", "apollo-ws"]
)
async def test_client_queries_subscribes_and_reads_errors(name: str) -> None:
    toy = Toy()
    async with serving(GraphQLView(wiring(toy))) as address:
        _, found = await run("clients.mjs", name, address)
    assert found["query"] == {"hello": "Hello you"}
    assert found["count"] == [1, 2, 3]
    assert "GRAPHQL_VALIDATION_FAILED" in found["wrong"]
    assert toy.open == 0


async def test_real_server_passes_the_audits_too(server: RunningServer) -> None:
    _, report = await run("audit.mjs", f"{server.url}/graphql")
    assert report["failed"] == []
    assert sum(level["ok"] for level in report["tally"].values()) == 61
