"""Where published pictures go: the Protocol of a target, its words and its errors.

Targets are local.py (a public folder), s3.py and cloudinary.py. The original always stays in the vault. Knows no
posts, rows or settings.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Protocol

from store.files.containers import MediaType

KEY_MAX = 255
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")


@dataclass(frozen=True, kw_only=True)
class Published:
    """One published picture, as it is written into rows.

    `key` is what was asked for, `handle` the target's own name for the object (enough to verify and unpublish it
    later), `url` the public address, `etag` the target's word for the content, `size` in bytes, `sha256` of the bytes.
    """

    key: str
    handle: str
    url: str
    etag: str
    size: int
    sha256: str


class TargetError(Exception):
    """The target did not do what was asked. `retryable` tells whether asking again may help."""

    def __init__(self, words: str, *, retryable: bool) -> None:
        self.retryable = retryable
        super().__init__(words)


class KeyTaken(TargetError):  # noqa: N818 -- reads as what happened
    """Other bytes are published under this key already; they were left as they are."""

    def __init__(self, key: str) -> None:
        super().__init__(f"another picture is already published as {key}", retryable=False)


class Target(Protocol):
    """A place that serves published pictures. Safe to call again after a crash at any point.

    Keys have no ending; they match `checked_key`. All methods raise TargetError when the target fails.
    """

    @property
    def name(self) -> str:
        """The target's word in settings and rows: "local", "s3" or "cloudinary"."""
        ...

    async def upload(self, key: str, data: bytes, media_type: MediaType) -> Published:
        """Publish these bytes and check that the target holds them. The same key and bytes again changes nothing.

        Raises:
            KeyTaken: the key holds other bytes.
            ValueError: `key` is no key.
        """
        ...

    async def verify(self, published: Published) -> bool:
        """Whether the target still holds exactly these bytes."""
        ...

    async def unpublish(self, published: Published) -> bool:
        """Remove the object; whether there was one. Nothing happens when it is gone already."""
        ...


def checked_key(key: str) -> str:
    """The key itself when it is one: parts of A-Z a-z 0-9 . _ - that begin with a letter or digit, joined by "/".

    Raises:
        ValueError: it is not, or is longer than KEY_MAX.
    """
    if len(key) > KEY_MAX or not _KEY.fullmatch(key):
        raise ValueError(f"no picture can be published as {key!r}")
    return key


def content_hash(data: bytes) -> str:
    """SHA-256 of the bytes as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()
