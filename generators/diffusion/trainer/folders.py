"""A folder for each run, gone with it; what killed servers have left is told by its lock, which died with them."""

import contextlib
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

ALIVE = "alive"


@contextlib.contextmanager
def own_folder(parent: Path, fence: int) -> Iterator[Path]:
    """A new folder under a name that no other run has, with its fence; removed at the end, with all that is in it."""
    folder = parent / f"run-{fence}-{secrets.token_hex(8)}"
    folder.mkdir(parents=True)
    try:
        with (folder / ALIVE).open("w") as file:
            _locked(file)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(parent: Path) -> int:
    """Remove the folders of runs that are dead; how many went."""
    gone = 0
    for alive in parent.glob(f"run-*/{ALIVE}"):
        with contextlib.suppress(OSError), alive.open("w") as file:
            if _locked(file):
                shutil.rmtree(alive.parent, ignore_errors=True)
                gone += 1
    return gone


def _locked(file: IO[str]) -> bool:
    try:
        import fcntl
    except ImportError:  # not on Windows: there nothing is swept
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
