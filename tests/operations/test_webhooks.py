"""query webhooks; mutations createWebhook, deleteWebhook, resendWebhookDelivery; and what is delivered"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from sqlalchemy import func, select, text
from standardwebhooks.webhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from executor.delivering import PAUSES, Delivering
from executor.settings import ExecutorSettings
from store.database.sessions import Database
from store.database.tables import Task, TaskKind, WebhookDelivery, WebhookEndpoint
from store.queue import Claim, Held
from tests.client import Api
from tests.operations import steps
from tests.patience import PATIENCE

pytestmark = pytest.mark.asyncio

CREATE = """
mutation ($input: CreateWebhookInput!) {
  createWebhook(input: $input) { webhook { id url events enabled } secret userErrors { code message field } }
}
"""
DELETE = """
mutation ($input: DeleteWebhookInput!) { deleteWebhook(input: $input) { webhook { id } userErrors { code field } } }
"""
RESEND = """
mutation ($input: ResendWebhookDeliveryInput!) {
  resendWebhookDelivery(input: $input) { delivery { id state attempts } userErrors { code field } }
}
"""
LIST = """
{ webhooks { nodes { id enabled disabledReason deliveries { nodes { id event state attempts lastStatus lastError } } } } }
"""


class Receiver:
    """Somebody's server: remembers what came, answers with the next of `answers`, then 204."""

    def __init__(self) -> None:
        self.came: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[Response] = []
        self.url = ""

    async def take(self, request: Request) -> Response:
        self.came.append((dict(request.headers), await request.body()))
        return self.answers.pop(0) if self.answers else Response(status_code=204)


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = Starlette(routes=[Route("/hooks", made.take, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None))
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]  # pytest's are pytest's
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 -- uvicorn tells it in no other way
        await asyncio.sleep(0.01)
    made.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/hooks"
    yield made
    server.should_exit = True
    await task


@pytest.fixture
def chore(db: Database) -> Delivering:
    return Delivering(db, ExecutorSettings(webhook_allow_private=True, webhook_timeout_seconds=30))


async def endpoint(db: Database, api: Api, url: str, *events: str) -> WebhookEndpoint:
    async with db.begin() as session:
        made = WebhookEndpoint(
            owner_id=api.viewer.user_id, url=url, secret="whsec_" + "QUJD" * 8, events=list(events)
        )
        session.add(made)
    return made


def claim_of(task: Task) -> Claim:
    """The task as a worker holds it."""
    return Claim(
        task_id=task.id,
        fence=1,
        job_id=None,
        variant_id=None,
        owner_id=task.owner_id,
        kind=task.kind,
        lane=task.lane,
        model_key=None,
        spec=task.spec,
        request_id=None,
        tries=0,
        deaths=0,
        latents=None,
        latents_step=None,
        waited=0.0,
        overtook=False,
    )


async def attempt(db: Database, chore: Delivering) -> int:
    """Do every DELIVER task that waits, whenever it is due; how many there were."""
    async with db.session() as session:
        tasks = (
            await session.scalars(select(Task).where(Task.kind == TaskKind.DELIVER).order_by(Task.id))
        ).all()
    for task in tasks:

        async def fenced(write: Any, held: Held = Held(task=task, job=None, variant=None)) -> None:  # noqa: B008 -- bound now
            async with db.begin() as session:
                await write(session, held)

        claim = claim_of(task)
        ending = await chore.do(claim, fenced)
        assert callable(ending)
        async with db.begin() as session:
            await ending(session, Held(task=task, job=None, variant=None))
            await session.execute(text("DELETE FROM tasks WHERE id = :id"), {"id": task.id})
    return len(tasks)


async def test_endpoint_is_made_and_its_secret_shown_once(api: Api, db: Database) -> None:
    asked = {
        "url": "https://example.com/hooks",
        "events": ["JOB_SUCCEEDED", "JOB_FAILED"],
        "idempotencyKey": "k",
    }

    first = await api.do(CREATE, **asked)
    again = await api.do(CREATE, **asked)

    assert first["webhook"]["events"] == ["JOB_FAILED", "JOB_SUCCEEDED"]
    assert first["secret"].startswith("whsec_")
    assert (again["webhook"]["id"], again["secret"]) == (first["webhook"]["id"], None)
    async with db.session() as session:
        assert await session.scalar(select(func.count()).select_from(WebhookEndpoint)) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "ftp://example.com",
        "https://u:p@example.com",
        "https://",
        "x",
        "https://example.com:8443/hooks",
        "https://127.0.0.1/",
        "https://10.1.2.3/",
        "https://[::1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://[64:ff9b::7f00:1]/",
        "https://localhost/",
        "https://intranet/",
        "https://2130706433/",
        "https://metadata.google.internal/",
    ],
)
async def test_address_that_cannot_be_delivered_to_is_refused(api: Api, db: Database, url: str) -> None:
    refused = await api.do(CREATE, url=url, events=["JOB_FAILED"])

    assert (refused["userErrors"][0]["code"], refused["userErrors"][0]["field"]) == ("INVALID_INPUT", ["url"])
    async with db.session() as session:
        assert await session.scalar(select(func.count()).select_from(WebhookEndpoint)) == 0


async def test_finished_job_and_approval_are_delivered_signed(
    api: Api, db: Database, receiver: Receiver, chore: Delivering
) -> None:
    made = await endpoint(db, api, receiver.url, "job.succeeded", "base_image.approved")
    await endpoint(db, api, receiver.url, "job.failed")
    mira = await steps.persona(api)
    job = await steps.generated(api, mira, count=1, steps=2)
    async with api.working():
        await api.ended(job["id"])
    await api.do(steps.APPROVE, subjectId=mira)

    assert await attempt(db, chore) == 2

    bodies = [Webhook(made.secret).verify(body, headers) for headers, body in receiver.came]
    assert [body["type"] for body in bodies] == ["job.succeeded", "base_image.approved"]
    assert bodies[1]["data"]["name"] == "Mira"
    listed = (await api.run(LIST)).data["webhooks"]["nodes"][1]["deliveries"]["nodes"]
    assert [(one["state"], one["attempts"], one["lastStatus"]) for one in listed] == [
        ("DELIVERED", 1, 204)
    ] * 2
    assert {headers["webhook-id"] for headers, _ in receiver.came} == await ids(db)


async def ids(db: Database) -> set[str]:
    async with db.session() as session:
        return {str(one) for one in await session.scalars(select(WebhookDelivery.id))}


async def message(db: Database, api: Api, url: str) -> None:
    """One message that waits."""
    await endpoint(db, api, url, "base_image.approved")
    mira = await steps.persona(api)
    await steps.drafts(api, mira)
    await api.do(steps.APPROVE, subjectId=mira)


@pytest.mark.parametrize("status", [500, 503, 302, 429, 404])
async def test_message_that_is_not_taken_is_tried_again_under_the_same_id(
    api: Api, db: Database, receiver: Receiver, chore: Delivering, status: int
) -> None:
    await message(db, api, receiver.url)
    receiver.answers = [Response(status_code=status, headers={"location": "/elsewhere"})]

    await attempt(db, chore)
    await attempt(db, chore)

    first, second = (headers["webhook-id"] for headers, _ in receiver.came)
    assert first == second
    assert receiver.came[0][1] == receiver.came[1][1]
    async with db.session() as session:
        delivery = (await session.scalars(select(WebhookDelivery))).one()
    assert (delivery.state.value, delivery.attempts) == ("DELIVERED", 2)


async def test_pauses_grow_and_retry_after_is_honoured(
    api: Api, db: Database, receiver: Receiver, chore: Delivering
) -> None:
    await message(db, api, receiver.url)
    receiver.answers = [Response(status_code=503), Response(status_code=503, headers={"retry-after": "7200"})]
    waits: list[tuple[float, float]] = []  # from the end of the attempt, and from its beginning
    for _ in range(2):
        async with db.session() as session:
            began = await session.scalar(select(func.clock()))
        await attempt(db, chore)
        async with db.session() as session:
            now, before = (
                func.extract("epoch", Task.not_before - moment) for moment in (func.clock(), began)
            )
            wait = select(now, before).where(Task.kind == TaskKind.DELIVER)
            shorter, longer = (await session.execute(wait)).one()
        waits.append((float(shorter), float(longer)))

    assert waits[0][0] <= 1.1 * PAUSES[0]
    assert waits[0][1] >= 0.9 * PAUSES[0]
    assert waits[1][0] <= 7200 <= waits[1][1]


async def test_gone_disables_the_endpoint(
    api: Api, db: Database, receiver: Receiver, chore: Delivering
) -> None:
    await message(db, api, receiver.url)
    receiver.answers = [Response(status_code=410)]

    await attempt(db, chore)

    node = (await api.run(LIST)).data["webhooks"]["nodes"][0]
    assert (node["enabled"], node["disabledReason"]) == (False, "It answered 410 Gone.")
    assert node["deliveries"]["nodes"][0]["state"] == "FAILED"
    assert await attempt(db, chore) == 0


async def test_message_given_up_after_all_pauses_can_be_sent_again(
    api: Api, db: Database, receiver: Receiver, chore: Delivering
) -> None:
    await message(db, api, receiver.url)
    receiver.answers = [Response(status_code=500) for _ in range(len(PAUSES) + 1)]
    while await attempt(db, chore):
        pass
    node = (await api.run(LIST)).data["webhooks"]["nodes"][0]
    [failed] = node["deliveries"]["nodes"]
    assert (failed["state"], failed["attempts"], node["enabled"]) == ("FAILED", len(PAUSES) + 1, False)

    again = await api.do(RESEND, deliveryId=failed["id"])
    await attempt(db, chore)

    assert again["delivery"] == {"id": failed["id"], "state": "PENDING", "attempts": 0}
    assert len({headers["webhook-id"] for headers, _ in receiver.came}) == 1
    assert (await api.run(LIST)).data["webhooks"]["nodes"][0]["deliveries"]["nodes"][0][
        "state"
    ] == "DELIVERED"


@contextlib.contextmanager
def canary() -> Iterator[socket.socket]:
    """Somebody on this machine who must never be called."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening
        with pytest.raises(BlockingIOError):
            listening.accept()


def port_of(listening: socket.socket) -> int:
    return int(listening.getsockname()[1])


async def last_error(db: Database) -> str:
    async with db.session() as session:
        delivery = (await session.scalars(select(WebhookDelivery))).one()
    assert delivery.state.value == "PENDING"
    return delivery.last_error or ""


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "localhost", "[::1]", "[::ffff:127.0.0.1]"]
)
async def test_private_address_is_never_connected_to_however_it_is_written(
    api: Api, db: Database, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    with canary() as listening:
        monkeypatch.setattr("generators.hosted.http._PORTS", frozenset({port_of(listening)}))
        await message(db, api, f"https://{host}:{port_of(listening)}/hooks")

        await attempt(db, Delivering(db, ExecutorSettings()))

    assert "is not on the public internet" in await last_error(db)


async def test_name_that_turns_private_between_two_attempts_is_not_connected_to(
    api: Api, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[list[str]] = [[], ["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["64:ff9b::7f00:1"]]

    async def rebinding(_host: str, _port: int) -> list[str]:
        return answers.pop(0)

    with canary() as listening:
        monkeypatch.setattr("generators.hosted.http._PORTS", frozenset({port_of(listening)}))
        await message(db, api, f"https://hooks.example:{port_of(listening)}/")
        chore = Delivering(db, ExecutorSettings(), find=rebinding)
        told = []
        for _ in range(4):
            await attempt(db, chore)
            told.append(await last_error(db))

    assert answers == []
    assert told == [
        "No answer: ConnectError.",
        *["Not sent: hooks.example is not on the public internet."] * 3,
    ]


async def test_redirect_is_a_failure_and_is_not_followed(
    api: Api, db: Database, receiver: Receiver, chore: Delivering
) -> None:
    with canary() as listening:
        await message(db, api, receiver.url)
        elsewhere = f"http://127.0.0.1:{port_of(listening)}/"
        receiver.answers = [Response(status_code=307, headers={"location": elsewhere})]

        await attempt(db, chore)

    assert await last_error(db) == "It answered 307."
    assert len(receiver.came) == 1


async def test_answer_without_end_is_not_read(
    api: Api, db: Database, receiver: Receiver, chore: Delivering
) -> None:
    async def forever() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65_536
            await asyncio.sleep(0)  # lets the server see that nobody reads

    await message(db, api, receiver.url)
    receiver.answers = [StreamingResponse(forever())]

    async with asyncio.timeout(20):
        await attempt(db, chore)

    listed = (await api.run(LIST)).data["webhooks"]["nodes"][0]["deliveries"]["nodes"]
    assert [(one["state"], one["lastStatus"]) for one in listed] == [("DELIVERED", 200)]


async def test_receiver_that_answers_letter_by_letter_is_given_up_in_time(api: Api, db: Database) -> None:
    hung_up = asyncio.Event()

    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"H")
                await writer.drain()
                await asyncio.sleep(0.02)  # its own pace, which is what is tested
        writer.close()
        hung_up.set()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    await message(db, api, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    settings = ExecutorSettings(webhook_allow_private=True, webhook_timeout_seconds=0.5)

    await attempt(db, Delivering(db, settings))

    assert (await last_error(db)).startswith("No answer")
    async with asyncio.timeout(PATIENCE):
        await hung_up.wait()
    server.close()
    await server.wait_closed()


async def test_foreign_endpoint_is_as_good_as_missing(api: Api, db: Database) -> None:
    made = await api.do(CREATE, url="https://example.com/hooks", events=["JOB_FAILED"])
    other = await api.another("somebody else")

    refused = await other.do(DELETE, webhookId=made["webhook"]["id"])

    assert refused["userErrors"] == [{"code": "NOT_FOUND", "field": ["webhookId"]}]
    async with db.session() as session:
        assert await session.scalar(select(func.count()).select_from(WebhookEndpoint)) == 1


async def test_deleted_endpoint_takes_its_messages_with_it(api: Api, db: Database, chore: Delivering) -> None:
    await message(db, api, "https://example.com/hooks")
    [node] = (await api.run(LIST)).data["webhooks"]["nodes"]

    deleted = await api.do(DELETE, webhookId=node["id"])

    assert deleted == {"webhook": {"id": node["id"]}, "userErrors": []}
    assert await ids(db) == set()
    await attempt(db, chore)
