"""A picture on its way into the store, first its bytes, then its row; and on its way out, in the other order.

Joins the vault (bytes by content) with the table `files` (who owns them). Knows no subject and no variant.

Equal bytes may be kept by one transaction while another has just deleted the last row that needed them. An
advisory lock on the hash decides: shared from `keep_picture` to its commit, exclusive in `drop_bytes`.
"""

import asyncio
import dataclasses
import uuid
from collections.abc import Awaitable, Iterable, Mapping

from sqlalchemy import Text, cast, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from store.database.ids import new_id
from store.database.sessions import Database
from store.database.tables import FINAL, File, Task, Upload, Variant
from store.files.containers import MediaType
from store.files.quick_looks import Renditions
from store.files.vault import StoredFile, Vault

SMALL_SIDE, LARGE_SIDE = 256, 512


class BytesGone(LookupError):  # noqa: N818 -- reads as what happened
    """The bytes were deleted between `store_bytes` and `keep_picture`: store them anew and try again."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture whose bytes, and those of its thumbnails, lie in the vault. `thumbnails`: side in pixels → SHA-256."""

    stored: StoredFile
    media_type: MediaType
    width: int
    height: int
    placeholder: str
    perceptual_hash: str
    thumbnails: Mapping[int, str]
    vault: Vault = dataclasses.field(repr=False)

    @property
    def hashes(self) -> set[str]:
        """Everything of it that lies in the vault."""
        return {self.stored.sha256, *self.thumbnails.values()}


async def store_bytes(vault: Vault, data: bytes, media_type: MediaType, quick: Renditions) -> Picture:
    """Put a picture and its quick looks into the vault. Safe to repeat: equal bytes are kept once."""
    stored = await vault.put_async(data)
    return await _with_looks(vault, stored, media_type, quick)


async def store_while_looking(
    vault: Vault, data: bytes, media_type: MediaType, looking: Awaitable[Renditions]
) -> Picture:
    """As `store_bytes`, the picture itself while its quick looks are still being made.

    Where those fail its bytes have no row, as after a crash, and are swept.
    """
    stored, quick = await asyncio.gather(vault.put_async(data), looking)
    return await _with_looks(vault, stored, media_type, quick)


async def _with_looks(vault: Vault, stored: StoredFile, media_type: MediaType, quick: Renditions) -> Picture:
    def put_all() -> dict[int, str]:
        return {side: vault.put(small).sha256 for side, small in quick.thumbnails.items()}

    return Picture(
        stored=stored,
        media_type=media_type,
        width=quick.width,
        height=quick.height,
        placeholder=quick.placeholder,
        perceptual_hash=quick.perceptual_hash,
        thumbnails=await asyncio.to_thread(put_all),
        vault=vault,
    )


async def keep_picture(session: AsyncSession, owner_id: uuid.UUID, picture: Picture) -> File:
    """The owner's row for these bytes: a new one, or the one that is there, locked until the transaction ends.

    Two transactions that keep equal bytes at the same instant both succeed, on one row.

    Raises:
        BytesGone: the bytes are not in the vault any more.
    """
    locks = (func.pg_advisory_xact_lock_shared(func.hashtextextended(name, 0)) for name in picture.hashes)
    await session.execute(select(*locks))
    if not all(picture.vault.exists(name) for name in picture.hashes):
        raise BytesGone(picture.stored.sha256)
    row = insert(File).values(
        id=new_id(),
        owner_id=owner_id,
        sha256=picture.stored.sha256,
        size=picture.stored.size,
        media_type=picture.media_type.value,
        width=picture.width,
        height=picture.height,
        thumbnail_256=picture.thumbnails[SMALL_SIDE],
        thumbnail_512=picture.thumbnails[LARGE_SIDE],
        placeholder=picture.placeholder,
        perceptual_hash=picture.perceptual_hash,
    )
    kept = row.on_conflict_do_update(
        index_elements=[File.owner_id, File.sha256], set_={"size": row.excluded.size}
    ).returning(File)
    found = await session.scalars(kept, execution_options={"populate_existing": True})
    return found.one()


async def drop_bytes(db: Database, vault: Vault, hashes: Iterable[str]) -> None:
    """Remove those bytes unless a row of any owner refers to them; after the commit that made them unneeded.

    What a crash leaves behind is swept later.
    """
    for name in sorted(set(hashes)):
        held = select(File.id).where(
            or_(File.sha256 == name, File.thumbnail_256 == name, File.thumbnail_512 == name)
        )
        async with db.begin() as session:
            await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))
            if await session.scalar(held.limit(1)) is None:
                await vault.delete_async(name)


async def preview_over(session: AsyncSession, file_id: uuid.UUID) -> bool:
    """Whether a file is only shown as published: its private address is refused then.

    An unpublished picture of the same bytes, or an upload, keeps the address alive.
    """
    variants = select(Variant.id).where(Variant.file_id == file_id)
    published, waiting = (
        variants.where(Variant.cdn_url.is_not(None)),
        variants.where(Variant.cdn_url.is_(None)),
    )
    uploads = select(Upload.id).where(Upload.file_id == file_id)
    answer = await session.execute(select(published.exists(), waiting.exists() | uploads.exists()))
    public, private = answer.one()
    return public and not private


async def drop_original(db: Database, vault: Vault, file_id: uuid.UUID) -> bool:
    """Remove the original of a published picture, unless anything else needs its bytes; whether it went.

    Needed are those of another file row, of a picture that is not published, of an upload and of work that waits.
    The row stays, and with it the hash and the thumbnails; who keeps equal bytes again stores them anew.
    """
    async with db.begin() as session:
        file = await session.get(File, file_id)
        if file is None:
            return False
        name = file.sha256
        await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))
        same = or_(File.sha256 == name, File.thumbnail_256 == name, File.thumbnail_512 == name)
        needed = (
            select(File.id).where(same, File.id != file_id),
            select(Variant.id).where(Variant.file_id == file_id, Variant.cdn_url.is_(None)),
            select(Upload.id).where(Upload.file_id == file_id),
            select(Task.id).where(Task.state.not_in(FINAL), cast(Task.spec, Text).contains(name)),
        )
        for statement in needed:
            if await session.scalar(statement.limit(1)) is not None:
                return False
        return await vault.delete_async(name)
