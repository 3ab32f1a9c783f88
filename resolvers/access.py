"""What a resolver may do with files: keep bytes, clean uploads, sign addresses, drop what nobody needs."""

import dataclasses
import time
import urllib.parse
import uuid
from collections.abc import Callable, Iterable

from sqlalchemy import or_, select

from store.database.sessions import Database
from store.database.tables import File
from store.files import signing
from store.files.decoder import Decoder
from store.files.refusals import MIB
from store.files.vault import Vault


class Signer:
    """Makes the addresses of pictures that are not published. `public_url` "" = root-relative ones."""

    def __init__(self, secret: bytes, public_url: str = "", clock: Callable[[], float] = time.time) -> None:
        self.secret = secret
        self._public_url = public_url.rstrip("/")
        self._clock = clock
        self._hour: signing.SigningHour | None = None

    def address(self, file_id: uuid.UUID, rendition: str) -> str:
        """Where one rendition ("original", "256", "512") can be had for one to two hours."""
        now = self._clock()
        if self._hour is None or self._hour.expires != signing.expiry(now):
            self._hour = signing.signing_hour(self.secret, now)
        return self._public_url + signing.address(self._hour, file_id, rendition)

    def download(self, file_id: uuid.UUID, name: str) -> str:
        """As `address` of the original, to be saved under that name."""
        return f"{self.address(file_id, 'original')}&download={urllib.parse.quote(name)}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class FileAccess:
    """The parts of the file store. `max_upload_bytes` = the largest file that is read at all."""

    vault: Vault
    decoder: Decoder
    signer: Signer
    max_upload_bytes: int = 10 * MIB

    async def discard(self, db: Database, hashes: Iterable[str]) -> None:
        """Remove those bytes unless a row of any owner refers to them, or somebody put them anew meanwhile.

        After the commit that made them unneeded; what a crash leaves behind is swept later.
        """
        begun = time.time()
        for sha256 in sorted(set(hashes)):
            holds = or_(File.sha256 == sha256, File.thumbnail_256 == sha256, File.thumbnail_512 == sha256)
            async with db.session() as session:
                needed = await session.scalar(select(File.id).where(holds).limit(1))
            if needed is None:
                await self.vault.delete_async(sha256, unless_newer_than=begun - 60)
