"""A picture on its way into the store: first its bytes, then its row.

Joins the vault (bytes by content) with the table `files` (who owns them). Knows no subject and no variant.
"""

import dataclasses
import uuid
from collections.abc import Mapping

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from store.database.ids import new_id
from store.database.tables import File
from store.files.containers import MediaType
from store.files.renditions import Renditions
from store.files.vault import StoredFile, Vault

SMALL_SIDE, LARGE_SIDE = 256, 512


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


async def store_bytes(vault: Vault, data: bytes, media_type: MediaType, quick: Renditions) -> Picture:
    """Put a picture and its quick looks into the vault. Safe to repeat: equal bytes are kept once."""
    stored = await vault.put_async(data)
    thumbnails = {side: (await vault.put_async(small)).sha256 for side, small in quick.thumbnails.items()}
    return Picture(
        stored=stored,
        media_type=media_type,
        width=quick.width,
        height=quick.height,
        placeholder=quick.placeholder,
        perceptual_hash=quick.perceptual_hash,
        thumbnails=thumbnails,
    )


async def keep_picture(session: AsyncSession, owner_id: uuid.UUID, picture: Picture) -> File:
    """The owner's row for these bytes: a new one, or the one that is there, locked until the transaction ends.

    Two transactions that keep equal bytes at the same instant both succeed, on one row.
    """
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
