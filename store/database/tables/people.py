"""Who: users, their keys, what they did and what they must not do twice."""

import uuid
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from store.database.tables.declarative import Created, Instant, Key, Table, choice
from store.database.tables.words import Role


class User(Table):
    """One account; everything belongs to a user."""

    __tablename__ = "users"

    id: Mapped[Key]
    handle: Mapped[str] = mapped_column(String(200), unique=True)
    email: Mapped[str | None] = mapped_column(String(320))
    role: Mapped[Role] = mapped_column(choice(Role), server_default=Role.OWNER.value)
    created_at: Mapped[Created]


class ApiKey(Table):
    """A bearer key: only its HMAC is kept. `prefix` is shown so that people can tell keys apart."""

    __tablename__ = "api_keys"

    id: Mapped[Key]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    prefix: Mapped[str] = mapped_column(String(16))
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String(32)))
    last_used_at: Mapped[Instant | None]
    expires_at: Mapped[Instant | None]
    revoked_at: Mapped[Instant | None]
    created_at: Mapped[Created]


class IdempotencyKey(Table):
    """What a (user, mutation, key) created, so that a replay finds it again; kept 48 hours."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (UniqueConstraint("user_id", "mutation", "key"),)

    id: Mapped[Key]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    mutation: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(String(255))
    input_digest: Mapped[bytes] = mapped_column(LargeBinary)
    created_ids: Mapped[dict[str, Any]]
    created_at: Mapped[Created] = mapped_column(index=True)


class AuditEntry(Table):
    """One change that spends, publishes, approves or deletes."""

    __tablename__ = "audit_entries"
    __table_args__ = (Index(None, "owner_id", "created_at", "id"),)

    id: Mapped[Key]
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(64))
    object_id: Mapped[uuid.UUID | None]
    object_type: Mapped[str | None] = mapped_column(String(32))
    request_id: Mapped[str | None] = mapped_column(String(64))
    details: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    created_at: Mapped[Created]


class Secret(Table):
    """A key the server made for itself (signing addresses, hashing API keys); never leaves the server."""

    __tablename__ = "secrets"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[Created]
