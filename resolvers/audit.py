"""The audit log: one entry for each change that spends, publishes, approves or deletes."""

import dataclasses
import uuid
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from resolvers.context import Context
from store.database.tables import AuditEntry


class Owned(Protocol):
    """A row that belongs to somebody."""

    @property
    def id(self) -> uuid.UUID:
        """Its id."""
        ...

    @property
    def owner_id(self) -> uuid.UUID:
        """Whose it is."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class OfUser:
    """An account or a key as the audit log sees it: `kind` is its name in the contract."""

    id: uuid.UUID
    owner_id: uuid.UUID
    kind: str


def note(context: Context, session: AsyncSession, action: str, thing: Owned, **details: Any) -> None:
    """Write down, in the same transaction, what the viewer did to that thing: in the log of its owner, and in the
    viewer's own when they are somebody else (a reviewer, an owner who changes an account).
    """
    viewer = context.viewer
    for whose in dict.fromkeys((thing.owner_id, viewer.user_id)):
        session.add(
            AuditEntry(
                owner_id=whose,
                actor=viewer.handle,
                action=action,
                object_id=thing.id,
                object_type=thing.kind if isinstance(thing, OfUser) else type(thing).__name__,
                request_id=context.request_id,
                details={"key": str(viewer.key_id) if viewer.key_id else None, **details},
            )
        )
