"""Copies under names for people: base images in one folder, other pictures that are not published yet in another.

A copy is a convenience and may lie in a Downloads folder: it is never read, never searched for, and its loss is no
error. The vault keeps the truth. Knows folders and names; knows no rows.
"""

import asyncio
import errno
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)
_FILE_MODE = 0o644


@dataclass(frozen=True)
class NamedCopies:
    """The two folders; None = no copies are kept there. Nothing here ever raises: what cannot be done is logged."""

    base_images: Path | None = None
    previews: Path | None = None

    async def keep(self, source: Path, name: str, *, base_image: bool) -> Path | None:
        """Put a copy there under that name, whole or not at all; where it lies, None when there is none."""
        folder = self._folder(base_image=base_image)
        if folder is None:
            return None
        try:
            return await asyncio.to_thread(_copy, source, folder / _plain(name))
        except OSError as error:
            log.warning("a named copy could not be written", folder=str(folder), reason=error.strerror)
            return None

    async def drop(self, name: str, *, base_image: bool) -> bool:
        """Remove the copy of that name; whether there was one."""
        folder = self._folder(base_image=base_image)
        if folder is None:
            return False
        try:
            await asyncio.to_thread((folder / _plain(name)).unlink)
        except OSError as error:
            if error.errno != errno.ENOENT:
                log.warning("a named copy could not be removed", folder=str(folder), reason=error.strerror)
            return False
        return True

    def _folder(self, *, base_image: bool) -> Path | None:
        return self.base_images if base_image else self.previews


def _plain(name: str) -> str:
    """The name, if it is a name and no way out of the folder."""
    if not name or Path(name).name != name or name.startswith("."):
        raise ValueError(f"{name!r} is no plain file name")
    return name


def _copy(source: Path, path: Path) -> Path:
    """A copy, not a link: whoever edits it must not change what the vault keeps."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".incoming-")
    os.close(descriptor)
    try:
        shutil.copyfile(source, temporary)
        Path(temporary).chmod(_FILE_MODE)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path
