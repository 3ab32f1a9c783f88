"""The private store: bytes under the name of their own SHA-256, in a folder nobody else may read.

Equal bytes are kept once. Writing is all or nothing: a temporary file, flushed to the disk, then renamed, so a
crash leaves the whole file or none. No name that a user chose ever becomes part of a path. Knows no owners and no
rows: who may read a file, and when nothing refers to it any more, is decided above.

Layout: `<root>/ab/cd/<sha256>`, folders 0700 and files 0600; `<root>/incoming/` holds files being written.
"""

import asyncio
import hashlib
import os
import re
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_SHA256 = re.compile(r"[0-9a-f]{64}")
_INCOMING = "incoming"


@dataclass(frozen=True)
class StoredFile:
    """What is kept: the SHA-256 of the bytes as 64 hex digits, and how many bytes there are."""

    sha256: str
    size: int


class FileMissing(LookupError):  # noqa: N818 -- reads as what happened
    """The vault holds no file of this name."""


class Vault:
    """Content-addressed files under one folder. Every method blocks; the async names at the end use threads.

    Threads and several processes may share one folder. A sweeper must pass `unless_newer_than`: `put` renews the
    time of a file that exists already, so that a sweep begun earlier does not take it away under a new owner.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / _INCOMING
        self._renewal = threading.Lock()
        for folder in (root, self._incoming):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)

    def put(self, data: bytes) -> StoredFile:
        """Keep these bytes; when this returns they survive a power cut."""
        stored = StoredFile(hashlib.sha256(data).hexdigest(), len(data))
        if not self._renew(stored):
            self._write(data, self._path(stored.sha256))
        return stored

    def path(self, sha256: str) -> Path:
        """Where the file lies, for servers that send it by path.

        Raises:
            FileMissing: it is not here, or `sha256` is no such name.
        """
        path = self._path(sha256)
        if not path.is_file():
            raise FileMissing(sha256)
        return path

    def open(self, sha256: str) -> BinaryIO:
        """The file opened for reading.

        Raises:
            FileMissing: it is not here.
        """
        try:
            return self._path(sha256).open("rb")
        except FileNotFoundError as error:
            raise FileMissing(sha256) from error

    def read(self, sha256: str) -> bytes:
        """All bytes of the file.

        Raises:
            FileMissing: it is not here.
        """
        with self.open(sha256) as file:
            return file.read()

    def exists(self, sha256: str) -> bool:
        """Whether the file is here; False for what is no SHA-256."""
        return _SHA256.fullmatch(sha256) is not None and self._path(sha256).is_file()

    def is_sound(self, sha256: str) -> bool:
        """Whether the file is here and its bytes still have this hash."""
        if not self.exists(sha256):
            return False
        with self._path(sha256).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256

    def delete(self, sha256: str, *, unless_newer_than: float | None = None) -> bool:
        """Remove the file; whether it went. One put at or after `unless_newer_than` (seconds since 1970) stays."""
        path = self._path(sha256)
        with self._renewal:
            try:
                if unless_newer_than is not None and path.stat().st_mtime >= unless_newer_than:
                    return False
                path.unlink()
            except FileNotFoundError:
                return False
        return True

    def stored(self) -> Iterator[StoredFile]:
        """Every file, in order of its hash; for comparing with the rows that refer to them."""
        for path in sorted(self._root.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*")):
            if _SHA256.fullmatch(path.name):
                try:
                    yield StoredFile(path.name, path.stat().st_size)
                except FileNotFoundError:  # deleted while we walked
                    continue

    def drop_unfinished(self, *, older_than: float) -> int:
        """Remove what crashes left half-written before `older_than` (seconds since 1970); how many files went."""
        gone = 0
        for path in self._incoming.iterdir():
            try:
                if path.stat().st_mtime < older_than:
                    path.unlink()
                    gone += 1
            except FileNotFoundError:  # finished, or dropped by a neighbour
                continue
        return gone

    async def put_async(self, data: bytes) -> StoredFile:
        """`put` in a thread."""
        return await asyncio.to_thread(self.put, data)

    async def read_async(self, sha256: str) -> bytes:
        """`read` in a thread."""
        return await asyncio.to_thread(self.read, sha256)

    async def delete_async(self, sha256: str, *, unless_newer_than: float | None = None) -> bool:
        """`delete` in a thread."""
        return await asyncio.to_thread(self.delete, sha256, unless_newer_than=unless_newer_than)

    def _path(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise FileMissing(sha256)
        return self._root / sha256[:2] / sha256[2:4] / sha256

    def _renew(self, stored: StoredFile) -> bool:
        """Whether the file is here already, whole; its time is now, so sweeps begun earlier spare it."""
        path = self._path(stored.sha256)
        with self._renewal:
            try:
                if path.stat().st_size != stored.size:
                    return False
                os.utime(path)
            except FileNotFoundError:
                return False
        return True

    def _write(self, data: bytes, path: Path) -> None:
        descriptor, name = tempfile.mkstemp(dir=self._incoming)  # 0600 from the first moment
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            for folder in (path.parent.parent, path.parent):
                folder.mkdir(mode=0o700, exist_ok=True)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        for folder in (path.parent, path.parent.parent, self._root):
            sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk, so that a renamed file is still there after a power cut."""
    if os.name == "nt":
        return  # Windows opens no folders; NTFS journals the rename
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
