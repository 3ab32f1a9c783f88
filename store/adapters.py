"""The weights of adapters, by content in the private store: when they may go. Knows no viewer."""

import uuid
from collections.abc import Iterable

from sqlalchemy import Text, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from store.database.sessions import Database
from store.database.tables import FINAL, Adapter, Task
from store.files.vault import Vault


async def weights_of(session: AsyncSession, subject_id: uuid.UUID) -> list[str]:
    """The hashes of a subject's adapters; call it before they are deleted."""
    hashes = await session.scalars(
        select(Adapter.sha256).where(Adapter.subject_id == subject_id, Adapter.sha256.is_not(None))
    )
    return [each for each in hashes if each is not None]


async def drop_weights(db: Database, vault: Vault, hashes: Iterable[str]) -> None:
    """Remove those bytes, unless another adapter has them or a picture that waits is to be made with them.

    After the commit that deleted the rows; what is left for a picture that waits is swept later.
    """
    for name in sorted(set(hashes)):
        needed = (
            select(Adapter.id).where(Adapter.sha256 == name),
            select(Task.id).where(Task.state.not_in(FINAL), cast(Task.spec, Text).contains(name)),
        )
        async with db.begin() as session:
            await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))
            used = [await session.scalar(statement.limit(1)) for statement in needed]
            if all(each is None for each in used):
                await vault.delete_async(name)
