"""The audit log: one entry for each change that spends, publishes, approves or deletes."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from resolvers.context import Context
from store.database.tables import AuditEntry, Job, Subject, Variant


def note(
    context: Context, session: AsyncSession, action: str, thing: Subject | Job | Variant, **details: Any
) -> None:
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
