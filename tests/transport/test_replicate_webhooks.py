"""POST /webhooks/replicate: what Replicate signed wakes the run that waits, anything else is refused."""

import base64
import dataclasses
import datetime
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from standardwebhooks import Webhook
from starlette.applications import Starlette

from app.composition import webhook_routes
from app.settings import Settings
from app.web.replicate_hooks import PATH, replicate_route
from generators.hosted.generator import HostedGenerator
from generators.hosted.settings import HostedSettings
from store.database.sessions import Database
from tests.client import serving

pytestmark = pytest.mark.asyncio

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
BODY = json.dumps({"id": "p1", "status": "succeeded"})


def signed(body: str, secret: str = SECRET) -> dict[str, str]:
    now = datetime.datetime.now(datetime.UTC)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", now, body),
    }


class Heard:
    def __init__(self) -> None:
        self.news: list[tuple[str, str | None]] = []

    def nudge(self, provider_id: str, key: str | None = None) -> bool:
        self.news.append((provider_id, key))
        return True


async def post(heard: Heard, body: str, headers: dict[str, str], query: str = "") -> httpx2.Response:
    app = Starlette(routes=[replicate_route(SECRET, heard.nudge)])
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.post(PATH + query, content=body, headers=headers)


async def test_signed_news_wakes_the_run_of_that_call() -> None:
    heard = Heard()

    reply = await post(heard, BODY, signed(BODY), "?call=c7")

    assert reply.status_code == 204
    assert heard.news == [("p1", "c7")]


@pytest.mark.parametrize(
    "headers",
    [{}, signed(BODY + " "), signed(BODY, "whsec_" + base64.b64encode(b"x" * 32).decode())],
    ids=["unsigned", "another body", "another secret"],
)
async def test_news_that_replicate_did_not_sign_wakes_nobody(headers: dict[str, str]) -> None:
    heard = Heard()

    reply = await post(heard, BODY, headers)

    assert reply.status_code == 401
    assert reply.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert heard.news == []


async def test_news_too_large_to_be_true_is_refused_unread() -> None:
    heard = Heard()
    body = json.dumps({"id": "p1", "logs": "x" * (4 * 1024 * 1024)})

    reply = await post(heard, body, signed(body))

    assert reply.status_code == 413
    assert heard.news == []


async def test_news_whose_length_is_not_told_is_counted() -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x" * 1024 * 1024

    heard = Heard()
    app = Starlette(routes=[replicate_route(SECRET, heard.nudge)])
    transport = httpx2.ASGITransport(app=app)

    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        reply = await client.post(PATH, content=body())

    assert reply.status_code == 413


@pytest.mark.parametrize(("secret", "routes"), [(None, []), (SECRET, [PATH])])
async def test_route_is_there_only_with_a_secret_to_check_by(
    db: Database, tmp_path: Path, secret: str | None, routes: list[str]
) -> None:
    async def open_file(_file: object) -> bytes:
        return b""

    hosted = HostedGenerator(HostedSettings(), open_file)
    async with serving(db, tmp_path, hosted) as api:
        settings = Settings({"replicate_webhook_secret": secret})
        server = dataclasses.replace(api.server, settings=settings)

        assert [route.path for route in webhook_routes(server)] == routes
