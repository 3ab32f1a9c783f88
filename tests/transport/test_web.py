"""What surrounds the routes: hosts, origins, ids, probes, uploads, the explorer's page."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from websockets.exceptions import InvalidStatus

from app.graphql.view import GraphQLView
from app.http import application
from app.web.body_limit import BodyLimit
from app.web.uploads import Uploads
from tests.transport.serving import serving
from tests.transport.sockets import opened
from tests.transport.weblike import WebToy

pytestmark = pytest.mark.asyncio
QUERY = {"query": "{ hello }"}
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:99", "[::1]:8000", "[::1]", "localhost."]
)
async def test_own_host_is_answered(site: httpx2.AsyncClient, host: str) -> None:
    assert (await site.post("/graphql", json=QUERY, headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil@localhost",
        "",
        "127.0.0.2",
        "[::2]",
    ],
)
async def test_foreign_host_is_403_everywhere_but_at_the_probes(
    site: httpx2.AsyncClient, web: WebToy, host: str
) -> None:
    for path in ("/graphql", "/metrics", "/events/jobs/job-1", "/"):
        assert (await site.get(path, headers={"host": host})).status_code == 403
    assert (await site.get("/healthz", headers={"host": host})).status_code == 200
    assert web.toy.contexts == []


async def test_configured_host_and_public_url_are_answered(web: WebToy) -> None:
    web.changes = {"allowed_hosts": ("app.example",), "public_url": "https://likeness.example/base"}
    async with web.client() as site:
        for host, status in (("app.example:8000", 200), ("likeness.example", 200), ("other.example", 403)):
            assert (await site.post("/graphql", json=QUERY, headers={"host": host})).status_code == status


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:1", "https://127.0.0.1", "x", ""]
)
async def test_foreign_origin_is_403_and_runs_nothing(
    site: httpx2.AsyncClient, web: WebToy, origin: str
) -> None:
    response = await site.post("/graphql", json=QUERY, headers={"origin": origin})
    assert response.status_code == 403
    assert "ALLOWED_ORIGINS" in response.text
    assert "access-control-allow-origin" not in response.headers
    assert web.toy.contexts == []


async def test_own_origin_is_answered(site: httpx2.AsyncClient) -> None:
    origin = str(site.base_url).rstrip("/")
    assert (await site.post("/graphql", json=QUERY, headers={"origin": origin})).status_code == 200


async def test_configured_origin_gets_cors_headers_and_preflights(web: WebToy) -> None:
    web.changes = {"allowed_origins": ("https://app.example",)}
    async with web.client() as site:
        asked = {
            "origin": "https://app.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type,graphql-require-preflight",
        }
        preflight = await site.options("/graphql", headers=asked)
        answer = await site.post("/graphql", json=QUERY, headers={"origin": "https://app.example"})
        foreign = await site.options("/graphql", headers=asked | {"origin": "https://evil.example"})
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "https://app.example"
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert foreign.status_code == 403


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}])
async def test_socket_from_elsewhere_is_refused_in_the_handshake(
    web: WebToy, headers: dict[str, str]
) -> None:
    async with serving(application(web.web())) as address:
        with pytest.raises(InvalidStatus) as refusal:
            async with opened(address, additional_headers=headers):
                pass
    assert refusal.value.response.status_code == 403


async def test_sane_request_id_is_kept_and_reaches_the_context(site: httpx2.AsyncClient, web: WebToy) -> None:
    response = await site.post("/graphql", json=QUERY, headers={"x-request-id": "abc-12345"})
    assert response.headers["x-request-id"] == "abc-12345"
    assert web.toy.contexts[0].request_id == "abc-12345"


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "a b c d e f g", "id\twith-tab"])
async def test_other_request_ids_are_replaced(site: httpx2.AsyncClient, given: str) -> None:
    response = await site.get("/healthz", headers={"x-request-id": given})
    made = response.headers["x-request-id"]
    assert made != given
    assert len(made) == 32


async def test_healthz_readyz_and_their_reasons(site: httpx2.AsyncClient, web: WebToy) -> None:
    assert (await site.get("/healthz")).json() == {"status": "ok"}
    ready = await site.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]) == (200, {"database": "ok", "draining": "ok"})
    web.trouble["executor"] = "no work is being taken up"
    ready = await site.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]["executor"]) == (503, "no work is being taken up")


async def test_draining_server_is_not_ready(site: httpx2.AsyncClient, web: WebToy) -> None:
    web.draining.set()
    assert (await site.get("/readyz")).status_code == 503
    assert (await site.get("/healthz")).status_code == 200


async def test_metrics_count_operations_and_need_admission(site: httpx2.AsyncClient, web: WebToy) -> None:
    await site.post("/graphql", json=QUERY)
    web.metrics.queue_depth("local", 3)
    page = (await site.get("/metrics")).text
    assert 'likeness_operation_seconds_count{kind="query",outcome="ok"} 1.0' in page
    assert 'likeness_queue_depth{lane="local"} 3.0' in page
    web.toy.keys.discard(None)
    assert (await site.get("/metrics")).status_code == 401


async def test_upload_is_kept_and_answered_with_an_id(site: httpx2.AsyncClient, web: WebToy) -> None:
    response = await site.post(
        "/uploads",
        files={"file": ("me.png", b"pixels")},
        headers={"graphql-require-preflight": "1", "x-request-id": "abc-12345"},
    )
    assert (response.status_code, response.json()) == (201, {"uploadId": "u1"})
    assert web.kept == [("local", b"pixels", "me.png", "abc-12345")]


@pytest.mark.parametrize(
    ("files", "headers", "status", "code"),
    [
        ({"file": ("a", b"x")}, {}, 403, "CSRF_PREVENTED"),
        ({"file": ("a", b"x")}, {"authorization": "Bearer bad-key"}, 401, "UNAUTHENTICATED"),
        ({"other": ("a", b"x")}, {}, 400, "BAD_REQUEST"),
        ({"file": ("a", b"x"), "more": ("b", b"x")}, {}, 400, "BAD_REQUEST"),
        ({"file": ("a", b"ugly")}, {}, 400, "TOO_UGLY"),
        (None, {}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    ],
)
async def test_refused_upload_keeps_nothing(
    web: WebToy,
    files: dict[str, tuple[str, bytes]] | None,
    headers: dict[str, str],
    status: int,
    code: str,
) -> None:
    preflight = {} if code == "CSRF_PREVENTED" else {"graphql-require-preflight": "1"}
    async with web.client() as site:
        response = await site.post("/uploads", files=files, headers=headers | preflight)
    assert response.status_code == status
    assert response.json()["errors"][0]["extensions"]["code"] == code
    assert web.kept == []


FORM = {"graphql-require-preflight": "1", "content-type": "multipart/form-data; boundary=b"}


async def test_declared_body_beyond_the_hard_limit_is_413_before_it_is_sent(web: WebToy) -> None:
    async with serving(application(web.web())) as address:
        for path in ("/uploads", "/graphql"):
            reader, writer = await asyncio.open_connection(*address.split(":"))
            head = f"POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {10**12}\r\n"
            writer.write(
                (head + "".join(f"{name}: {value}\r\n" for name, value in FORM.items())).encode() + b"\r\n"
            )
            answer = await reader.read()
            writer.close()
            assert answer.startswith(b"HTTP/1.1 413")
            assert b'"code":"PAYLOAD_TOO_LARGE"' in answer
    assert (web.kept, web.toy.contexts) == ([], [])


async def test_undeclared_body_beyond_the_limit_is_413(web: WebToy) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'
        yield b"x" * 2_000

    parts = web.web()
    uploads = Uploads(parts.graphql, parts.keep_upload, ())
    for route in (GraphQLView(parts.graphql), uploads):
        app = Starlette(routes=[Route("/", BodyLimit(route, 1_000))])
        async with serving(app) as address, httpx2.AsyncClient(base_url=f"http://{address}") as site:
            response = await site.post("/", content=chunks(), headers=FORM)
        assert (response.status_code, response.headers["connection"]) == (413, "close")
        assert response.json()["errors"][0]["extensions"]["code"] == "PAYLOAD_TOO_LARGE"
    assert (web.kept, web.toy.contexts) == ([], [])


async def test_malformed_form_is_told_as_an_error_inside_the_application(site: httpx2.AsyncClient) -> None:
    for path in ("/uploads", "/graphql"):
        response = await site.post(path, content=b"nothing of the kind", headers=FORM)
        assert (response.status_code, response.json()["errors"][0]["extensions"]) == (
            400,
            {"code": "BAD_REQUEST"},
        )


async def test_unknown_path_and_method_are_told_as_errors(site: httpx2.AsyncClient) -> None:
    missing = await site.get("/nothing")
    wrong = await site.delete("/uploads")
    assert (missing.status_code, missing.json()["errors"][0]["extensions"]) == (404, {"code": "NOT_FOUND"})
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")


async def test_browser_gets_the_explorer_under_a_strict_policy(site: httpx2.AsyncClient) -> None:
    response = await site.get("/graphql", headers=BROWSER)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in response.headers["content-security-policy"]
    assert "unsafe" not in response.headers["content-security-policy"]
    assert (await site.get("/", headers=BROWSER)).headers["location"] == "/graphql"
    assert (await site.get("/explorer")).text == response.text


async def test_explorer_can_be_turned_off(web: WebToy) -> None:
    parts = web.web()
    graphql = type(parts.graphql)(**{**vars(parts.graphql), "page": None})
    app = application(type(parts)(**{**vars(parts), "graphql": graphql}))
    async with serving(app) as address, httpx2.AsyncClient(base_url=f"http://{address}") as site:
        assert (await site.get("/graphql", headers=BROWSER)).status_code == 400
        assert (await site.get("/explorer")).status_code == 404


async def test_answers_are_compressed_and_streams_are_not(site: httpx2.AsyncClient) -> None:
    long = {"query": "query Q($n: String!) { hello(name: $n) }", "variables": {"n": "x" * 5_000}}
    answer = await site.post("/graphql", json=long)
    stream = await site.post(
        "/graphql", json=long, headers={"accept": "text/event-stream", "accept-encoding": "gzip"}
    )
    assert answer.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in stream.headers
