"""What callers send about webhooks."""

import dataclasses

from resolvers.fields import given, retry_key
from resolvers.ids import DeliveryId, WebhookId
from store.outbox import WebhookEvent

URL = 2_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class CreateWebhookInput:
    """Where to be told, and of what."""

    url: str = given("An https address; it must be on the public internet.", most=URL)
    events: list[WebhookEvent] = given("What to be told of; at least one.")
    idempotency_key: str | None = retry_key()


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeleteWebhookInput:
    """Which endpoint to forget."""

    webhook_id: WebhookId = given("The endpoint.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ResendWebhookDeliveryInput:
    """Which message to send again."""

    delivery_id: DeliveryId = given("The message; its `webhook-id` stays the same.")
