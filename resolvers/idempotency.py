"""Doing a thing once: what (user, mutation, key) created is found again instead of made again.

The key's row is written in the transaction that creates, so it exists if and only if something was created.
A call that comes while another with the same key is still at work waits two seconds for it.
"""

import dataclasses
import datetime
import enum
import hashlib
import json
import uuid
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from resolvers.identity import Viewer
from resolvers.refused import Refused, UserErrorCode
from store.database.ids import new_id
from store.database.tables import IdempotencyKey

FIELD = ("idempotencyKey",)
KEPT = datetime.timedelta(hours=48)
PATIENCE = "2s"
LOCK_NOT_AVAILABLE = "55P03"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """One call that may be sent twice. `digest` is of the rest of its input."""

    mutation: str
    key: str | None
    digest: bytes

    @classmethod
    def of(cls, mutation: str, sent: Any, **stands_for: str) -> "Asked":
        """From an input; `stands_for` replaces what cannot be compared as it is (a file by its hash)."""
        plain = {field.name: getattr(sent, field.name) for field in dataclasses.fields(sent)} | stands_for
        key = plain.pop("idempotency_key")
        canonical = json.dumps(plain, sort_keys=True, default=_plain)
        return cls(mutation=mutation, key=key, digest=hashlib.sha256(canonical.encode()).digest())


async def earlier(session: AsyncSession, viewer: Viewer, asked: Asked) -> dict[str, uuid.UUID] | None:
    """What this call created before; None = it is new, and its row is held until the transaction ends.

    Raises:
        Refused: the key was used with another input, or another call with it is still at work after 2 s.
    """
    if asked.key is None:
        return None
    await session.execute(text("SELECT set_config('lock_timeout', :patience, true)"), {"patience": PATIENCE})
    try:
        fresh = (await session.execute(_claim(viewer, asked))).one_or_none()
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        raise Refused(
            UserErrorCode.IDEMPOTENCY_CONCURRENT,
            "Another call with this idempotencyKey is still at work. Send it again in a moment.",
            FIELD,
        ) from error
    await session.execute(text("SELECT set_config('lock_timeout', '0', true)"))
    return None if fresh else await _found(session, viewer, asked)


async def keep(session: AsyncSession, viewer: Viewer, asked: Asked, **created: uuid.UUID) -> None:
    """Remember what the call created, for replays; call it last."""
    if asked.key is None:
        return
    row = (await session.scalars(_row(viewer, asked))).one()
    row.created_ids = {name: str(key) for name, key in created.items()}


async def _found(session: AsyncSession, viewer: Viewer, asked: Asked) -> dict[str, uuid.UUID]:
    row = (await session.scalars(_row(viewer, asked))).one()
    if row.input_digest != asked.digest:
        raise Refused(
            UserErrorCode.IDEMPOTENCY_MISMATCH,
            "This idempotencyKey was used with another input. Use a new key.",
            FIELD,
        )
    return {name: uuid.UUID(key) for name, key in row.created_ids.items()}


def _row(viewer: Viewer, asked: Asked) -> Any:
    return select(IdempotencyKey).where(
        IdempotencyKey.user_id == viewer.user_id,
        IdempotencyKey.mutation == asked.mutation,
        IdempotencyKey.key == asked.key,
    )


def _claim(viewer: Viewer, asked: Asked) -> Any:
    """Insert the row, or take over one that is too old to count."""
    made = insert(IdempotencyKey).values(
        id=new_id(),
        user_id=viewer.user_id,
        mutation=asked.mutation,
        key=asked.key,
        input_digest=asked.digest,
        created_ids={},
    )
    return made.on_conflict_do_update(
        index_elements=[IdempotencyKey.user_id, IdempotencyKey.mutation, IdempotencyKey.key],
        set_={"input_digest": asked.digest, "created_ids": {}, "created_at": func.clock()},
        where=IdempotencyKey.created_at < func.clock() - KEPT,
    ).returning(IdempotencyKey.id)


def _plain(value: object) -> str:
    """UUIDs and enums as text; anything else in an input is JSON already."""
    return str(value.value) if isinstance(value, enum.Enum) else str(value)
