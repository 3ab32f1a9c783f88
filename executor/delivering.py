"""Delivers webhook messages: signed, at least once, with patience; never to a private address.

Standard Webhooks 1.0.0: headers `webhook-id` (the same over retries), `webhook-timestamp` (of this attempt) and
`webhook-signature` (v1, HMAC-SHA256 of "id.timestamp.body"). 2xx delivers, 410 disables the endpoint, everything
else (a redirect too) is tried again after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h, each a little
noisy; a longer Retry-After is honoured. After the last attempt the message has failed and the endpoint is disabled.
"""

import asyncio
import dataclasses
import datetime
import random
import uuid
from typing import Any

import httpx2
import orjson
from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncSession
from standardwebhooks.webhooks import Webhook

from executor.chores import Fenced, Write
from executor.settings import ExecutorSettings
from generators.events import Failed
from generators.hosted.clients import tls
from generators.hosted.http import ForbiddenAddress, PinnedTransport, Resolve, resolve
from store.database.sessions import Database
from store.database.tables import DeliveryState, WebhookDelivery, WebhookEndpoint
from store.outbox import send
from store.queue import Claim, Held

MINUTE, HOUR = 60.0, 3600.0
PAUSES = (5.0, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
LONGEST_PAUSE = 24 * HOUR
GONE = 410
WORDS_KEPT = 500


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one attempt. `status` None = no answer; `words` say why it was not taken."""

    status: int | None
    words: str | None = None
    retry_after: float | None = None

    @property
    def delivered(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 -- HTTP's 2xx


class Delivering:
    """The chore behind TaskKind.DELIVER: one attempt a task."""

    def __init__(
        self,
        db: Database,
        settings: ExecutorSettings,
        randomness: random.Random | None = None,
        *,
        find: Resolve = resolve,
    ) -> None:
        self._db = db
        self._settings = settings
        self._find = find
        self._randomness = randomness or random.SystemRandom()

    async def do(self, claim: Claim, fenced: Fenced) -> Write | Failed:
        """Count the attempt, make it, and return what to write about it."""
        delivery_id = uuid.UUID(claim.spec["delivery"])
        async with self._db.session() as session:
            delivery = await session.get(WebhookDelivery, delivery_id)
            endpoint = await session.get(WebhookEndpoint, delivery.endpoint_id) if delivery else None
        if delivery is None or endpoint is None or delivery.state is DeliveryState.DELIVERED:
            return _nothing
        if not endpoint.enabled:
            return _ended(
                delivery_id, DeliveryState.FAILED, Outcome(status=None, words="The endpoint is disabled.")
            )

        async def count(session: AsyncSession, _held: Held) -> None:
            counted = update(WebhookDelivery).where(WebhookDelivery.id == delivery_id)
            await session.execute(counted.values(attempts=delivery.attempts + 1))

        await fenced(count)
        outcome = await self._send(delivery, endpoint)
        return self._what_follows(delivery, endpoint, outcome)

    def _what_follows(self, delivery: WebhookDelivery, endpoint: WebhookEndpoint, outcome: Outcome) -> Write:
        if outcome.delivered:
            return _ended(delivery.id, DeliveryState.DELIVERED, outcome)
        if outcome.status == GONE:
            return _ended(
                delivery.id, DeliveryState.FAILED, outcome, disable=(endpoint.id, "It answered 410 Gone.")
            )
        if delivery.attempts >= len(PAUSES):
            words = f"It took no message in {len(PAUSES) + 1} attempts over three days."
            return _ended(delivery.id, DeliveryState.FAILED, outcome, disable=(endpoint.id, words))
        pause = PAUSES[delivery.attempts] * self._randomness.uniform(0.9, 1.1)
        return _again(delivery, outcome, max(pause, min(outcome.retry_after or 0.0, LONGEST_PAUSE)))

    async def _send(self, delivery: WebhookDelivery, endpoint: WebhookEndpoint) -> Outcome:
        body = message(delivery)
        headers = signed(endpoint.secret, str(delivery.id), body, datetime.datetime.now(datetime.UTC))
        timeout = self._settings.webhook_timeout_seconds
        try:
            async with asyncio.timeout(timeout):
                return await self._post(endpoint.url, body, headers)
        except ForbiddenAddress as error:
            return Outcome(status=None, words=f"Not sent: {error}."[:WORDS_KEPT])
        except TimeoutError:
            return Outcome(status=None, words=f"No answer in {timeout:g} seconds.")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            return Outcome(status=None, words=f"No answer: {type(error).__name__}.")

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> Outcome:
        """The head of the answer; its body is never read, however long it is."""
        transport = PinnedTransport(tls(), self._find, allow_private=self._settings.webhook_allow_private)
        async with (
            httpx2.AsyncClient(
                transport=transport,
                timeout=self._settings.webhook_timeout_seconds,
                follow_redirects=False,
                trust_env=False,
            ) as client,
            client.stream("POST", url, content=body, headers=headers) as response,
        ):
            if response.is_success:
                return Outcome(status=response.status_code)
            words = f"It answered {response.status_code}."
            return Outcome(status=response.status_code, words=words, retry_after=_seconds(response))


def message(delivery: WebhookDelivery) -> bytes:
    """The exact bytes that are signed and sent; the same in every attempt."""
    content: dict[str, Any] = {
        "type": delivery.event,
        "timestamp": delivery.created_at.astimezone(datetime.UTC).isoformat(),
        "data": delivery.payload,
    }
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def signed(secret: str, message_id: str, body: bytes, now: datetime.datetime) -> dict[str, str]:
    """The headers of one attempt."""
    return {
        "content-type": "application/json",
        "user-agent": "Likeness-Webhooks/1",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, now, body.decode()),
    }


async def _nothing(_session: AsyncSession, _held: Held) -> None:
    """The message is gone, or was delivered before this task died."""


def _ended(
    delivery_id: uuid.UUID,
    state: DeliveryState,
    outcome: Outcome,
    disable: tuple[uuid.UUID, str] | None = None,
) -> Write:
    async def write(session: AsyncSession, _held: Held) -> None:
        delivered_at = func.clock() if state is DeliveryState.DELIVERED else None
        values = {"state": state, "delivered_at": delivered_at, "next_attempt_at": None, **_seen(outcome)}
        await session.execute(update(WebhookDelivery).where(WebhookDelivery.id == delivery_id).values(values))
        if disable is not None:
            endpoint_id, words = disable
            off = update(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id)
            await session.execute(off.values(enabled=False, disabled_reason=words))

    return write


def _again(delivery: WebhookDelivery, outcome: Outcome, pause: float) -> Write:
    async def write(session: AsyncSession, _held: Held) -> None:
        due = func.clock() + func.make_interval(0, 0, 0, 0, 0, 0, pause)
        values = {"next_attempt_at": due, **_seen(outcome)}
        await session.execute(update(WebhookDelivery).where(WebhookDelivery.id == delivery.id).values(values))
        send(session, delivery.owner_id, delivery.id, after_seconds=pause)

    return write


def _seen(outcome: Outcome) -> dict[str, Any]:
    return {"last_status": outcome.status, "last_error": outcome.words}


def _seconds(response: httpx2.Response) -> float | None:
    value = response.headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() else None
