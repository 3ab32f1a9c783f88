"""Publish into a folder of this machine that a web server (or this one) serves.

Knows the folder and the address it is served under. Knows no posts and no HTTP.
"""

import asyncio
import errno
import os
import tempfile
from pathlib import Path

from store.files.containers import MediaType
from store.files.targets import KeyTaken, Published, TargetError, checked_key, content_hash
from store.files.vault import sync_folder

_NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EMLINK}
_FILE_MODE = 0o644
_FOLDER_MODE = 0o755


class LocalFolder:
    """A public folder. `base_url` is what its files are served under, absolute or root-relative, such as "/public".

    Files appear whole or not at all; what is published stays until it is unpublished. Implements targets.Target.
    """

    name = "local"

    def __init__(self, folder: Path, base_url: str) -> None:
        self._folder = folder
        self._base_url = base_url.rstrip("/")

    async def upload(self, key: str, data: bytes, media_type: MediaType) -> Published:
        """See targets.Target."""
        handle = f"{checked_key(key)}.{media_type.extension}"
        sha256 = content_hash(data)
        await asyncio.to_thread(self._publish, handle, data)
        published = Published(
            key=key,
            handle=handle,
            url=f"{self._base_url}/{handle}",
            etag=sha256,
            size=len(data),
            sha256=sha256,
        )
        if not await self.verify(published):
            raise TargetError(f"{handle} does not read back as it was written", retryable=True)
        return published

    async def verify(self, published: Published) -> bool:
        """See targets.Target."""
        data = await asyncio.to_thread(self._read, checked_key(published.handle))
        return data is not None and len(data) == published.size and content_hash(data) == published.sha256

    async def unpublish(self, published: Published) -> bool:
        """See targets.Target."""
        return await asyncio.to_thread(self._remove, checked_key(published.handle))

    def _publish(self, handle: str, data: bytes) -> None:
        path = self._folder / handle
        try:
            path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            if not path.exists():
                self._write(path, data)
        except OSError as error:
            raise TargetError(f"{handle} cannot be written: {error.strerror}", retryable=True) from error
        if self._read(handle) != data:
            raise KeyTaken(handle)

    def _write(self, path: Path, data: bytes) -> None:
        """Make the file appear whole, unless another has taken its name by now."""
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".incoming-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(_FILE_MODE)
            _take(Path(name), path)
        finally:
            Path(name).unlink(missing_ok=True)
        sync_folder(path.parent)

    def _read(self, handle: str) -> bytes | None:
        try:
            return (self._folder / handle).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TargetError(f"{handle} cannot be read: {error.strerror}", retryable=True) from error

    def _remove(self, handle: str) -> bool:
        try:
            (self._folder / handle).unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise TargetError(f"{handle} cannot be removed: {error.strerror}", retryable=True) from error
        return True


def _take(temporary: Path, path: Path) -> None:
    try:
        path.hardlink_to(temporary)  # unlike a rename, this never replaces a file
    except FileExistsError:
        return
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        temporary.replace(
            path
        )  # some file systems know no links: there the last of two simultaneous writers wins
