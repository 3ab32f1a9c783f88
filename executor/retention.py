"""What goes when nobody decided: undecided pictures of posts and scenes, some days after they were finished.

Never touched: base images, approved and published pictures, kept ones, those attached to a post or being published.
Every pass may be done by several servers at once and again after a crash.
"""

import asyncio
import dataclasses
import datetime
import uuid
from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import ColumnElement, and_, delete, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from store import removal
from store.database.sessions import Database
from store.database.tables import (
    FINAL,
    AuditEntry,
    File,
    Job,
    Post,
    PostImage,
    Publication,
    Variant,
    VariantPurpose,
    VariantStatus,
)
from store.files.copies import NamedCopies
from store.files.vault import Vault
from store.naming import traceable_name

log = structlog.get_logger(__name__)
BATCH = 200
ACTOR = "retention"
PAUSE_SECONDS = 3600.0
FIRST_SECONDS = 60.0  # after the start


@dataclasses.dataclass(frozen=True, kw_only=True)
class Due:
    """One picture that would go; `size` in bytes."""

    variant_id: uuid.UUID
    owner_id: uuid.UUID
    name: str
    finished_at: datetime.datetime
    size: int


class Retention:
    """Finds and removes what is due. `days` 0 = nothing ever is."""

    def __init__(self, db: Database, vault: Vault, copies: NamedCopies, days: float) -> None:
        self._db = db
        self._vault = vault
        self._copies = copies
        self._days = days

    async def due(self) -> list[Due]:
        """Everything that would go now, oldest first; removes nothing."""
        if not self._days:
            return []
        found: Any = (
            select(Variant, File)
            .join(File, File.id == Variant.file_id)
            .where(self._condition())
            .order_by(Variant.finished_at, Variant.id)
        )
        async with self._db.session() as session:
            rows = (await session.execute(found)).all()
        return [
            Due(
                variant_id=variant.id,
                owner_id=variant.owner_id,
                name=traceable_name(variant, file.media_type),
                finished_at=variant.finished_at,
                size=file.size,
            )
            for variant, file in rows
        ]

    async def sweep(self) -> int:
        """Remove what is due; how many pictures went."""
        gone = 0
        while self._days:
            removed = await self._batch()
            gone += removed
            if removed < BATCH:
                break
        if gone:
            log.info("undecided pictures removed", count=gone, older_than_days=self._days)
        return gone

    async def work(self) -> None:
        """Sweep now and then, for good. A sweep that fails is logged; the next one tries again."""
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            try:
                await self.sweep()
            except Exception:
                log.exception("retention could not sweep")
            await asyncio.sleep(PAUSE_SECONDS)

    async def _batch(self) -> int:
        async with self._db.begin() as session:
            ids = await self._locked(session)
            if not ids:
                return 0
            going = await removal.going(session, Variant.id.in_(ids))
            session.add_all(await self._entries(session, ids))
            await session.execute(delete(Variant).where(Variant.id.in_(ids)))
            hashes = await removal.unneeded(session, going.file_ids)
        await removal.finish(self._db, self._vault, self._copies, going, hashes)
        return len(ids)

    async def _entries(self, session: AsyncSession, ids: Sequence[uuid.UUID]) -> list[AuditEntry]:
        """What the audit log keeps of pictures that go; flushed with the statement that removes them."""
        rows = await session.execute(
            select(Variant.id, Variant.owner_id, Variant.version_number).where(Variant.id.in_(ids))
        )
        return [
            AuditEntry(
                owner_id=row.owner_id,
                actor=ACTOR,
                action="variant.deleted",
                object_id=row.id,
                object_type="Variant",
                details={"version": row.version_number, "undecidedForDays": self._days},
            )
            for row in rows.all()
        ]

    async def _locked(self, session: AsyncSession) -> Sequence[uuid.UUID]:
        due = (
            select(Variant.id)
            .where(self._condition())
            .order_by(Variant.finished_at, Variant.id)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        )
        return (await session.scalars(due)).all()

    def _condition(self) -> ColumnElement[bool]:
        publishing = (
            select(Publication.id)
            .join(Job, Job.id == Publication.job_id)
            .where(Publication.variant_id == Variant.id, Job.status.not_in(FINAL))
        )
        return and_(
            Variant.status == VariantStatus.DRAFT,
            Variant.purpose != VariantPurpose.BASE_IMAGE,
            ~Variant.keep,
            Variant.finished_at < func.clock() - datetime.timedelta(days=self._days),
            ~exists().where(PostImage.variant_id == Variant.id),
            ~exists().where(Post.featured_image_id == Variant.id),
            ~publishing.exists(),
        )
