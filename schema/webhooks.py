"""Views of webhooks, and what can be done with them."""

import datetime

import strawberry

import resolvers.webhooks
from schema.connections import connection
from schema.mutations import mutation
from schema.nodes import Node
from schema.publish import publishes, related, shown
from store.database import tables
from store.outbox import WebhookEvent


@publishes(tables.WebhookDelivery)
class WebhookDelivery(Node):
    """One message to one endpoint. Its UUID is the `webhook-id`, the same in every attempt."""

    event: str = shown("What it tells, such as `job.succeeded`.")
    state: tables.DeliveryState = shown("Where it stands.")
    attempts: int = shown("How often it was tried.")
    last_status: int | None = shown("The HTTP status of the last attempt; null when there was no answer.")
    last_error: str | None = shown("Why the last attempt did not deliver it.")
    next_attempt_at: datetime.datetime | None = shown("When it is tried again.")
    created_at: datetime.datetime = shown("When it happened.")
    delivered_at: datetime.datetime | None = shown("When the receiver took it.")


@publishes(tables.WebhookEndpoint)
class WebhookEndpoint(Node):
    """An address that is told what happens, signed by Standard Webhooks."""

    url: str = shown("Where messages are sent.")
    events = related(resolvers.webhooks.events_of, list[WebhookEvent], "What it is told of.")
    enabled: bool = shown(
        "Whether messages are sent; off after 410 Gone, or after three days without success."
    )
    disabled_reason: str | None = shown("Why nothing is sent any more.")
    deliveries = connection(resolvers.webhooks.deliveries, WebhookDelivery, "Its messages, newest first.")
    created_at: datetime.datetime = shown("When it was made.")


WEBHOOK = (WebhookEndpoint, "The endpoint.")


@strawberry.type(description="Being told what happens.")
class WebhookMutations:
    """One line a field; a part of `Mutation`."""

    create_webhook = mutation(
        resolvers.webhooks.create_webhook,
        "Be told at an address of your own. The secret is shown once.",
        webhook=WEBHOOK,
        secret=(str, "Signs every message: `whsec_…`, shown once."),
    )
    delete_webhook = mutation(
        resolvers.webhooks.delete_webhook,
        "Forget an endpoint; messages on their way to it are dropped.",
        webhook=(WebhookEndpoint, "The endpoint as it was."),
    )
    resend_webhook_delivery = mutation(
        resolvers.webhooks.resend_webhook_delivery,
        "Send a message once more, at once. An endpoint that was disabled is enabled again.",
        delivery=(WebhookDelivery, "The message."),
    )
