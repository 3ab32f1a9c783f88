"""Accounts, keys, news and webhooks, told as docs/accounts.md tells it, with its own operations, on the real server."""

import asyncio
import json
import pathlib
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.peers.serving import serving
from tests.running import RunningServer
from tests.story.pages import Page

DOCUMENT = "docs/accounts.md"
PAGE = Page(DOCUMENT)
CHECKING = re.search(r"```python\n(.*?)```", pathlib.Path(DOCUMENT).read_text(), re.DOTALL)
PATIENCE = 120.0


class Office:
    """The server, somebody's receiver, and what came there."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.came: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []

    async def take(self, request: Request) -> Response:
        self.came.append((dict(request.headers), await request.body()))
        return Response(status_code=self.statuses.pop(0) if self.statuses else 204)

    async def run(self, name: str, bearer: str | None = None, **known: str) -> Any:
        """Run one operation of the page; the value of its one field."""
        document, variables = PAGE.operation(name, **known)
        headers = {} if bearer is None else {"authorization": f"Bearer {bearer}"}
        async with httpx2.AsyncClient(base_url=self.server.url, timeout=PATIENCE) as http:
            reply = await http.post(
                "/graphql", json={"query": document, "variables": variables}, headers=headers
            )
        answer = reply.json()
        if "errors" in answer:
            return answer["errors"][0]["extensions"]["code"]
        [value] = answer["data"].values()
        return value

    async def deliveries(self, count: int, state: str) -> list[Any]:
        """The messages of the one endpoint, once so many of them stand at that state."""
        async with asyncio.timeout(PATIENCE):
            while True:
                [hook] = (await self.run("Deliveries"))["nodes"]
                found = [one for one in hook["deliveries"]["nodes"] if one["state"] == state]
                if len(found) == count:
                    return found
                await asyncio.sleep(0.05)  # another process's work has no event here

    @asynccontextmanager
    async def news(self, key: str) -> AsyncIterator[ClientConnection]:
        """A socket on which the page's subscription runs."""
        document, variables = PAGE.operation("News")
        address = self.server.url.replace("http", "ws") + "/graphql"
        async with connect(address, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]  # a str at run time
            hello = {"type": "connection_init", "payload": {"authorization": f"Bearer {key}"}}
            await socket.send(json.dumps(hello))
            assert json.loads(await socket.recv())["type"] == "connection_ack"
            asked = {"query": document, "variables": variables}
            await socket.send(json.dumps({"type": "subscribe", "id": "news", "payload": asked}))
            yield socket


@pytest.fixture
def office(database_url: str, tmp_path: pathlib.Path) -> Iterator[Office]:
    running = RunningServer(
        tmp_path / "data",
        {
            "DATABASE_URL": database_url,
            "WEBHOOK_ALLOW_PRIVATE": "true",
            "KEY_CHECK_SECONDS": "0.2",
        },
    )
    running.start()
    yield Office(running)
    running.close()


@pytest.mark.asyncio
async def test_somebody_is_let_in_hears_the_news_and_is_shut_out(office: Office) -> None:
    ada = (await office.run("NewUser"))["user"]
    assert (ada["handle"], ada["role"]) == ("ada", "EDITOR")
    made = await office.run("NewKey", user=ada["id"])
    key, secret = made["apiKey"], made["secret"]
    assert secret.startswith(key["prefix"])
    me = await office.run("Me", secret)
    assert (me["handle"], me["usage"]["dailyImageLimit"]) == ("ada", 50)
    assert await office.run("NewUser", secret) == "FORBIDDEN"

    async with office.news(secret) as socket:
        mira = None
        async with asyncio.timeout(PATIENCE):
            while True:  # the subscription begins when it is ready, and news before it are not its own
                mira = (await office.run("NewPersona", secret))["persona"]["id"]
                try:
                    event = json.loads(await asyncio.wait_for(socket.recv(), 2))
                    break
                except TimeoutError:
                    continue
        node = event["payload"]["data"]["activity"]["node"]
        assert node["__typename"] == "Persona"
        assert mira is not None

        ended = await office.run("EndKey", key=key["id"])
        assert ended["apiKey"]["revokedAt"] is not None
        assert await closed(socket) == 4403
    assert await office.run("Me", secret) == "UNAUTHENTICATED"
    log = (await office.run("Log"))["nodes"]
    assert [(one["action"], one["objectType"]) for one in log] == [
        ("api_key.revoked", "ApiKey"),
        ("api_key.created", "ApiKey"),
        ("user.created", "User"),
    ]


@pytest.mark.asyncio
async def test_finished_job_is_told_signed_sent_again_and_many_are_decided_on(office: Office) -> None:
    app = Starlette(routes=[Route("/hooks", office.take, methods=["POST"])])
    with serving(app) as receiver:
        hook = await office.run("NewWebhook", receiver=f"{receiver.url}/hooks")
        assert hook["userErrors"] == []
        assert (await office.run("Make"))["userErrors"] == []
        [delivery] = await office.deliveries(1, "DELIVERED")
        assert (delivery["event"], delivery["attempts"], delivery["lastStatus"]) == ("job.succeeded", 1, 204)
        await office.run("Resend", delivery=delivery["id"])
        async with asyncio.timeout(PATIENCE):
            while len(office.came) < 2:  # noqa: ASYNC110 -- the receiver runs in a thread of its own
                await asyncio.sleep(0.05)
        await office.deliveries(1, "DELIVERED")

    told = [checked(hook["secret"], body, headers) for headers, body in office.came]
    assert [message["type"] for message in told] == ["job.succeeded"] * 2
    assert len({headers["webhook-id"] for headers, _ in office.came}) == 1

    first, second = await made(office)
    liked = await office.run("LikeMany", first=first, second=second)
    assert [[error["code"] for error in one["userErrors"]] for one in liked["results"]] == [
        [],
        [],
        ["INVALID_ID"],
    ]
    assert (await office.run("DeleteMany", first=first))["results"] == [{"id": first, "userErrors": []}]
    actions = [one["action"] for one in (await office.run("Log"))["nodes"]]
    assert actions == ["variant.deleted", "images.generated", "webhook.created"]
    await office.run("EndWebhook", webhook=hook["webhook"]["id"])
    assert (await office.run("Deliveries"))["nodes"] == []


async def closed(socket: ClientConnection) -> int | None:
    """The code with which the server closes the socket."""
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                await socket.recv()
    except ConnectionClosed as end:
        return end.rcvd.code if end.rcvd is not None else None


def checked(secret: str, body: bytes, headers: dict[str, str]) -> Any:
    """What the page's own lines make of a message."""
    assert CHECKING is not None
    names: dict[str, Any] = {"secret": secret, "body": body, "headers": headers}
    exec(CHECKING.group(1), names)  # it stands in the page for people to copy
    return names["message"]


async def made(office: Office) -> list[str]:
    """The ids of the two pictures."""
    async with httpx2.AsyncClient(base_url=office.server.url, timeout=PATIENCE) as http:
        reply = await http.post("/graphql", json={"query": "{ variants { nodes { id } } }"})
    return [str(one["id"]) for one in reply.json()["data"]["variants"]["nodes"]]


def test_page_has_every_operation_that_the_story_runs() -> None:
    told = pathlib.Path(__file__).read_text()
    assert [name for name in PAGE.operations if f'"{name}"' not in told] == []
