"""What a resolver may do with files: keep bytes, clean uploads, sign addresses."""

import dataclasses
import time
import urllib.parse
import uuid
from collections.abc import Callable

from store.files import signing
from store.files.copies import NamedCopies
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
    copies: NamedCopies = dataclasses.field(default_factory=NamedCopies)
