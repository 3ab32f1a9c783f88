"""Pictures that go for good: their rows, the files that only they referred to, then the bytes and the named copies.

`going` looks before the rows are deleted, `unneeded` deletes file rows after it, `finish` removes what lies on disks
once that is committed; what a crash leaves there is swept later. Knows no viewer.
"""

import dataclasses
import uuid
from collections.abc import Collection

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from store import publications
from store.database.sessions import Database
from store.database.tables import (
    File,
    Post,
    Publication,
    PublicationState,
    Task,
    TaskKind,
    Upload,
    Variant,
    VariantPurpose,
)
from store.events import Change, changed
from store.files.copies import NamedCopies
from store.files.vault import Vault
from store.naming import traceable_name
from store.pictures import drop_bytes
from store.publications import as_json

PUBLIC = (PublicationState.UPLOADED, PublicationState.PUBLISHED)


@dataclasses.dataclass(frozen=True)
class Going:
    """What pictures leave behind. `copies`: name, and whether it is a base image's."""

    file_ids: frozenset[uuid.UUID]
    copies: tuple[tuple[str, bool], ...]


async def going(session: AsyncSession, which: ColumnElement[bool]) -> Going:
    """What hangs on the pictures for which that holds; call it before they are deleted.

    Their public objects are taken back by tasks of their own, except those that a post still shows.
    """
    await _withdraw(session, which)
    rows = await session.execute(
        select(Variant, File.media_type).join(File, File.id == Variant.file_id).where(which)
    )
    found = rows.all()
    return Going(
        file_ids=frozenset(variant.file_id for variant, _ in found if variant.file_id is not None),
        copies=tuple(
            (traceable_name(variant, media_type), variant.purpose is VariantPurpose.BASE_IMAGE)
            for variant, media_type in found
        ),
    )


async def _withdraw(session: AsyncSession, which: ColumnElement[bool]) -> None:
    shown = exists().where(Post.featured_image_url == Publication.url)
    rows = await session.scalars(
        select(Publication)
        .join(Variant, Variant.id == Publication.variant_id)
        .where(which, Publication.url.is_not(None), Publication.state.in_(PUBLIC), ~shown)
    )
    for publication in rows.all():
        spec = {"withdraw": {"target": publication.target, **as_json(publication)}}
        session.add(
            Task(
                owner_id=publication.owner_id,
                kind=TaskKind.PUBLISH,
                lane=publications.LANE,
                spec=spec,
            )
        )
        changed(session, Change(job_id=None, queued=True))


async def unneeded(session: AsyncSession, file_ids: Collection[uuid.UUID]) -> list[str]:
    """Delete those file rows that nothing refers to any more; the hashes of their bytes."""
    used = exists().where(Variant.file_id == File.id)
    uploaded = exists().where(Upload.file_id == File.id)
    gone = await session.execute(
        delete(File)
        .where(File.id.in_(file_ids), ~used, ~uploaded)
        .returning(File.sha256, File.thumbnail_256, File.thumbnail_512)
    )
    return [sha256 for row in gone.all() for sha256 in row]


async def finish(db: Database, vault: Vault, copies: NamedCopies, gone: Going, hashes: list[str]) -> None:
    """After the commit: the bytes that no row of any owner refers to, and the copies."""
    await drop_bytes(db, vault, hashes)
    for name, base_image in gone.copies:
        await copies.drop(name, base_image=base_image)
