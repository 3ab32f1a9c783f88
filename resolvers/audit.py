"""The audit log: one entry for each change that spends, publishes, approves or deletes."""

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


def note(context: Context, session: AsyncSession, action: str, thing: Owned, **details: Any) -> None:
    """Write down, in the same transaction, what the viewer did to that thing."""
    viewer = context.viewer
    session.add(
        AuditEntry(
            owner_id=thing.owner_id,
            actor=viewer.handle,
            action=action,
            object_id=thing.id,
            object_type=type(thing).__name__,
            request_id=context.request_id,
            details={"key": str(viewer.key_id) if viewer.key_id else None, **details},
        )
    )
