"""Accounts: what a user may spend and has spent, presets, and how a likeness was learned or measured."""

import datetime
import uuid
from typing import Any

from pgvector.sqlalchemy import Vector
from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from store.database.tables.declarative import Created, Key, Money, Sha256, Table, choice
from store.database.tables.words import LedgerKind


class Limits(Table):
    """What one user may do; a missing limit is no limit."""

    __tablename__ = "limits"

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    daily_images: Mapped[int | None]
    monthly_images: Mapped[int | None]
    monthly_budget_usd: Mapped[Money | None]


class Usage(Table):
    """What one user has used in one month (UTC, `month` = its first day), under one row lock.

    `images` counts pictures made, `held_images` those in the making; `days` maps a day of the month to the number
    of both. Money: `held_usd` is promised, `spent_usd` is billed. Written by `store.ledger` alone.
    """

    __tablename__ = "usage"
    __table_args__ = (CheckConstraint("held_usd >= 0 AND held_images >= 0", name="holds_are_real"),)

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    month: Mapped[datetime.date] = mapped_column(Date, primary_key=True)
    images: Mapped[int] = mapped_column(server_default="0")
    held_images: Mapped[int] = mapped_column(server_default="0")
    days: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    spent_usd: Mapped[Money] = mapped_column(server_default="0")
    held_usd: Mapped[Money] = mapped_column(server_default="0")


class LedgerEntry(Table):
    """One movement of money or of a picture allowance; the sums over a month equal its `usage` row."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        Index(None, "user_id", "month", "id"),
        Index(None, "task_id"),
    )

    id: Mapped[Key]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    month: Mapped[datetime.date] = mapped_column(Date)
    day: Mapped[datetime.date] = mapped_column(Date)
    task_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("tasks.id", ondelete="SET NULL"))
    kind: Mapped[LedgerKind] = mapped_column(choice(LedgerKind))
    usd: Mapped[Money]
    images: Mapped[int] = mapped_column(server_default="0")
    estimated: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[Created]


class Preset(Table):
    """A user's own way of asking; built-in ones are code. `key` is unique among the user's."""

    __tablename__ = "presets"
    __table_args__ = (Index("uq_presets_owner_id_key", "owner_id", "key", unique=True),)

    id: Mapped[Key]
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    model_key: Mapped[str] = mapped_column(String(200))
    parameters: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    batch_count: Mapped[int] = mapped_column(server_default="1")
    smart_prompt: Mapped[bool] = mapped_column(server_default=false())
    use_case: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[Created]


class Adapter(Table):
    """A trained LoRA of a subject, by content in the private store (or a version at a provider)."""

    __tablename__ = "adapters"
    __table_args__ = (Index(None, "subject_id", "created_at", "id"),)

    id: Mapped[Key]
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    subject_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("subjects.id", ondelete="CASCADE"))
    job_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"), index=True)
    kind: Mapped[str] = mapped_column(String(32), server_default="LORA")
    base_model_key: Mapped[str] = mapped_column(String(200))
    provider: Mapped[str] = mapped_column(String(32))
    provider_version: Mapped[str | None] = mapped_column(Text)
    sha256: Mapped[Sha256 | None] = mapped_column(index=True)
    size: Mapped[int | None]
    rank: Mapped[int]
    trigger: Mapped[str] = mapped_column(String(64))
    training_images: Mapped[int]
    parameters: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    created_at: Mapped[Created]


class Embedding(Table):
    """Where an image encoder puts a picture, a unit vector; compared only with the same encoder's."""

    __tablename__ = "embeddings"
    __table_args__ = (Index(None, "encoder", "owner_id"),)

    variant_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("variants.id", ondelete="CASCADE"), primary_key=True
    )
    encoder: Mapped[str] = mapped_column(String(200), primary_key=True)
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    vector: Mapped[Any] = mapped_column(Vector())
    created_at: Mapped[Created]
