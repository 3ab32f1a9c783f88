"""The multipart request spec, well-formed and not, and the header that keeps other origins' pages out."""

import json
from typing import Any

import httpx2
import pytest

from tests.transport.toy import Toy

pytestmark = pytest.mark.asyncio

PREFLIGHT = {"GraphQL-Require-Preflight": "1"}
ONE = {"query": "mutation M($file: Upload!) { size(file: $file) }", "variables": {"file": None}}
TWO = {
    "query": "mutation M($files: [Upload!]!) { sizes(files: $files) }",
    "variables": {"files": [None, None]},
}


async def send(
    client: httpx2.AsyncClient,
    operations: Any = ONE,
    places: Any = None,
    files: dict[str, bytes] | None = None,
    headers: dict[str, str] = PREFLIGHT,
) -> httpx2.Response:
    fields = {"operations": operations, "map": {"0": ["variables.file"]} if places is None else places}
    data = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    found = {"0": b"12345"} if files is None else files
    return await client.post("/graphql", data=data, files=found, headers=headers)


async def test_file_arrives_where_the_map_says(client: httpx2.AsyncClient) -> None:
    response = await send(client)
    assert response.json() == {"data": {"size": 5}}


async def test_files_arrive_in_a_list(client: httpx2.AsyncClient) -> None:
    places = {"a": ["variables.files.1"], "b": ["variables.files.0"]}
    response = await send(client, TWO, places, {"a": b"1", "b": b"22"})
    assert response.json() == {"data": {"sizes": [2, 1]}}


@pytest.mark.parametrize(
    "name", ["GraphQL-Require-Preflight", "Apollo-Require-Preflight", "X-Apollo-Operation-Name"]
)
async def test_each_of_three_headers_will_do(client: httpx2.AsyncClient, name: Any) -> None:
    assert (await send(client, headers={name: "x"})).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"GraphQL-Require-Preflight": ""}, {"X-Other": "1"}])
async def test_without_such_a_header_it_is_403_and_nothing_runs(
    client: httpx2.AsyncClient, toy: Toy, headers: Any
) -> None:
    response = await send(client, headers=headers)
    assert response.status_code == 403
    assert response.json()["errors"][0]["extensions"]["code"] == "CSRF_PREVENTED"
    assert toy.contexts == []


@pytest.mark.parametrize(
    ("operations", "places", "files"),
    [
        ("{", None, None),
        ("5", None, None),
        ([ONE], None, None),
        (ONE, "{", None),
        (ONE, [], None),
        (ONE, {"0": "variables.file"}, None),
        (ONE, {"0": []}, None),
        (ONE, {"0": [5]}, None),
        (ONE, {"0": ["variables.file"] * 9}, None),
        (ONE, {"1": ["variables.file"]}, None),
        (ONE, {"0": ["file"]}, None),
        (ONE, {"0": ["query"]}, None),
        (ONE, {"0": ["variables.other"]}, None),
        (ONE, {"0": ["variables.file.x"]}, None),
        (ONE, {"0": ["variables"]}, None),
        (TWO, {"0": ["variables.files.2"]}, None),
        (TWO, {"0": ["variables.files.-1"]}, None),
        (TWO, {"0": ["variables.files.x"]}, None),
        (TWO, {"0": ["variables.files.²"]}, None),
        ({**ONE, "variables": {"file": "taken"}}, None, None),
        (ONE, None, {str(number): b"x" for number in range(9)}),
    ],
)
async def test_malformed_form_is_400_and_nothing_runs(
    client: httpx2.AsyncClient, toy: Toy, operations: Any, places: Any, files: Any
) -> None:
    response = await send(client, operations, places, files)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert toy.contexts == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\ncontent-disposition: form-data; name=operations\r\n\r\n{",
        ),
        ("multipart/form-data; boundary=b", b"nothing of the kind"),
        ("multipart/form-data; boundary=b", b""),
    ],
)
async def test_cut_off_form_is_400(client: httpx2.AsyncClient, kind: Any, body: Any) -> None:
    response = await client.post("/graphql", content=body, headers=PREFLIGHT | {"content-type": kind})
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_file_without_a_place_is_ignored(client: httpx2.AsyncClient) -> None:
    response = await send(client, files={"0": b"12345", "more": b"x"})
    assert response.json() == {"data": {"size": 5}}
