"""Outward: what left the house (publications, webhook deliveries), and who is told what changed."""

import uuid
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from store.database.tables.declarative import Big, Created, Instant, Key, Table, choice
from store.database.tables.words import DeliveryState, PublicationState


class Publication(Table):
    """One picture on one target, exactly once: `key` names the object there and never changes.

    `job_id` = the job that was asked last to publish it. `remote` = what verifying and withdrawing need.
    """

    __tablename__ = "publications"
    __table_args__ = (UniqueConstraint("variant_id", "target"),)

    id: Mapped[Key]
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    variant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("variants.id", ondelete="CASCADE"))
    post_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("posts.id", ondelete="SET NULL"), index=True)
    job_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"), index=True)
    target: Mapped[str] = mapped_column(String(32))
    key: Mapped[str] = mapped_column(String(400))
    state: Mapped[PublicationState] = mapped_column(
        choice(PublicationState), server_default=PublicationState.INTENDED.value
    )
    url: Mapped[str | None] = mapped_column(Text)
    etag: Mapped[str | None] = mapped_column(Text)
    remote: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    created_at: Mapped[Created]
    published_at: Mapped[Instant | None]


class WebhookEndpoint(Table):
    """Where a user wants to be told. `secret` signs (Standard Webhooks, `whsec_…`) and is shown once."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (Index(None, "owner_id", "created_at", "id"),)

    id: Mapped[Key]
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    url: Mapped[str] = mapped_column(Text)
    secret: Mapped[str] = mapped_column(String(120))
    events: Mapped[list[str]] = mapped_column(ARRAY(String(64)))
    enabled: Mapped[bool] = mapped_column(server_default=true())
    disabled_reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[Created]


class WebhookDelivery(Table):
    """One message to one endpoint; its id is the `webhook-id` and stays the same over retries."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("endpoint_id", "event_key"),
        Index(None, "endpoint_id", "created_at", "id"),
        Index(None, "created_at", postgresql_using="brin"),
    )

    id: Mapped[Key]
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    endpoint_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("webhook_endpoints.id", ondelete="CASCADE"))
    event: Mapped[str] = mapped_column(String(64))
    event_key: Mapped[str] = mapped_column(String(120))
    payload: Mapped[dict[str, Any]]
    state: Mapped[DeliveryState] = mapped_column(
        choice(DeliveryState), server_default=DeliveryState.PENDING.value
    )
    attempts: Mapped[int] = mapped_column(server_default="0")
    last_status: Mapped[int | None]
    last_error: Mapped[str | None] = mapped_column(Text)
    next_attempt_at: Mapped[Instant | None]
    created_at: Mapped[Created]
    delivered_at: Mapped[Instant | None]


class ActivityEntry(Table):
    """One change of state of something of a user's. `sequence` has no gaps: it is taken last in a transaction,
    under the lock of the user's `activity_heads` row, by triggers that run at commit.
    """

    __tablename__ = "activity_entries"
    __table_args__ = (Index(None, "created_at", postgresql_using="brin"),)

    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    sequence: Mapped[Big] = mapped_column(primary_key=True, autoincrement=False)
    node_type: Mapped[str] = mapped_column(String(32))
    node_id: Mapped[uuid.UUID]
    created_at: Mapped[Created]


class ActivityHead(Table):
    """How far a user's activity has come."""

    __tablename__ = "activity_heads"

    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    sequence: Mapped[Big] = mapped_column(server_default="0")


class StockSearch(Table):
    """A search at a stock provider that was answered lately, so that it is not asked twice."""

    __tablename__ = "stock_searches"

    provider: Mapped[str] = mapped_column(String(32), primary_key=True)
    asked: Mapped[str] = mapped_column(String(400), primary_key=True)
    answer: Mapped[list[Any]]
    created_at: Mapped[Created] = mapped_column(index=True)
