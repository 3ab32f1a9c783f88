"""Webhook endpoints and their messages."""

import base64
import dataclasses
import ipaddress
import secrets
import urllib.parse
import uuid

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from generators.hosted.http import is_public
from resolvers import audit, idempotency
from resolvers.context import Context, Info, Parent
from resolvers.idempotency import Asked
from resolvers.paging import Listing, Order
from resolvers.refused import Refused, UserErrorCode
from resolvers.visible import one, visible
from resolvers.webhook_inputs import CreateWebhookInput, DeleteWebhookInput, ResendWebhookDeliveryInput
from store.database.tables import DeliveryState, WebhookDelivery, WebhookEndpoint
from store.outbox import WebhookEvent, send

SECRET_BYTES, HTTPS = 32, 443


@dataclasses.dataclass(frozen=True)
class CreatedWebhook:
    """Both nouns of the payload. `secret` is None when the call was a replay: it is shown once."""

    webhook: WebhookEndpoint
    secret: str | None


def webhooks(info: Info) -> Listing[WebhookEndpoint]:
    """The viewer's endpoints, newest first."""
    statement = select(WebhookEndpoint).where(visible(info.context.viewer, WebhookEndpoint))
    order = Order(key=WebhookEndpoint.created_at, id=WebhookEndpoint.id, descending=True)
    return Listing(statement=statement, order=order)


def deliveries(webhook: Parent[WebhookEndpoint], info: Info) -> Listing[WebhookDelivery]:
    """The messages for one endpoint, newest first."""
    del info  # the endpoint was found for the viewer
    statement = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == webhook.id)
    order = Order(key=WebhookDelivery.created_at, id=WebhookDelivery.id, descending=True)
    return Listing(statement=statement, order=order)


def events_of(webhook: Parent[WebhookEndpoint]) -> list[WebhookEvent]:
    """What it is told of."""
    return [WebhookEvent(event) for event in webhook.events]


async def create_webhook(info: Info, asked: CreateWebhookInput) -> CreatedWebhook:
    """Make an endpoint; its secret is shown once."""
    context = info.context
    url = _checked_url(context, asked.url)
    if not asked.events:
        raise Refused(UserErrorCode.INVALID_INPUT, "Name at least one event.", ("events",))
    once = Asked.of("createWebhook", asked)
    async with context.writing() as session:
        made = await idempotency.earlier(session, context.viewer, once)
        if made is not None:
            return CreatedWebhook(await _webhook(session, context, made["webhook"]), None)
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
        webhook = WebhookEndpoint(
            owner_id=context.viewer.user_id,
            url=url,
            secret=secret,
            events=sorted({event.value for event in asked.events}),
        )
        session.add(webhook)
        await session.flush()
        audit.note(context, session, "webhook.created", webhook, url=url)
        await idempotency.keep(session, context.viewer, once, webhook=webhook.id)
    return CreatedWebhook(webhook, secret)


async def delete_webhook(info: Info, asked: DeleteWebhookInput) -> WebhookEndpoint:
    """Forget an endpoint; messages on their way are dropped."""
    context = info.context
    async with context.writing() as session:
        webhook = await _webhook(session, context, asked.webhook_id)
        audit.note(context, session, "webhook.deleted", webhook, url=webhook.url)
        await session.delete(webhook)
    return webhook


async def resend_webhook_delivery(info: Info, asked: ResendWebhookDeliveryInput) -> WebhookDelivery:
    """Send a message once more, at once; the endpoint is enabled again for it."""
    context = info.context
    async with context.writing() as session:
        statement = one(context.viewer, WebhookDelivery, asked.delivery_id).with_for_update()
        delivery = await session.scalar(statement)
        if delivery is None:
            raise Refused(UserErrorCode.NOT_FOUND, "There is no message with this id.", ("deliveryId",))
        if delivery.state is DeliveryState.PENDING:
            words = "This message is on its way already; it is tried again by itself."
            raise Refused(UserErrorCode.INVALID_STATE, words, ("deliveryId",))
        webhook = await session.get_one(WebhookEndpoint, delivery.endpoint_id)
        webhook.enabled, webhook.disabled_reason = True, None
        delivery.state, delivery.attempts = DeliveryState.PENDING, 0
        send(session, delivery.owner_id, delivery.id)
    return delivery


async def _webhook(session: AsyncSession, context: Context, key: uuid.UUID) -> WebhookEndpoint:
    webhook = await session.scalar(one(context.viewer, WebhookEndpoint, key).with_for_update())
    if webhook is None:
        raise Refused(UserErrorCode.NOT_FOUND, "There is no webhook with this id.", ("webhookId",))
    return webhook


def _checked_url(context: Context, url: str) -> str:
    """Raise Refused for what can never be delivered to; names are looked up at each delivery, and checked then."""
    try:
        parts = urllib.parse.urlsplit(url)
        usable = bool(parts.hostname) and not parts.username and parts.port != 0
    except ValueError:
        raise Refused(UserErrorCode.INVALID_INPUT, "This is no address.", ("url",)) from None
    schemes = {"https", "http"} if context.plain_webhooks else {"https"}
    if not usable or parts.scheme not in schemes:
        words = "A webhook needs an https address without a user name, such as https://example.com/hooks."
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("url",))
    if not context.plain_webhooks:
        _require_public(parts)
    return url


def _require_public(parts: urllib.parse.SplitResult) -> None:
    """Raise Refused for another port, and for an address that is written out and is not public."""
    if (parts.port or HTTPS) != HTTPS:
        words = f"A webhook is delivered to port {HTTPS} only; this address names port {parts.port}."
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("url",))
    host = (parts.hostname or "").rstrip(".")
    try:
        public = is_public(ipaddress.ip_address(host))
    except ValueError:  # a name
        public = "." in host and not host.endswith((".localhost", ".local", ".internal"))
    if not public:
        words = f"{host} is not on the public internet, so nothing can be delivered there."
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("url",))
