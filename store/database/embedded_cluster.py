"""The files of the private PostgreSQL: where they are, who owns them, how they are made and locked.

Used by the supervisor process, so Python's standard library only. Knows no SQL and never starts the database.
"""

import contextlib
import dataclasses
import locale
import os
import pathlib
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

NOBODY = 65_534  # the uid that postgres runs as when we are root; initdb refuses a uid without a name
ROLE = DATABASE = "likeness"
LOG_BYTES = 8 << 20
SOCKET_FILE = ".s.PGSQL.5432"
PREFIX = "likeness-"
TEMPORARY = None if os.name == "nt" else "/tmp"  # noqa: S108 - mkdtemp's; TMPDIR may be long, or closed to NOBODY
SOCKET_BYTES = 100  # of a socket's whole path: the kernel's limit is 104 on macOS, 108 on Linux


class FailedStart(Exception):  # noqa: N818 - reads as the sentence that it carries
    """The database cannot start; carries the sentence for the user."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where one database lives. `uid` is set when we are root, which PostgreSQL refuses to run as."""

    folder: pathlib.Path
    programs: pathlib.Path
    uid: int | None

    @property
    def cluster(self) -> pathlib.Path:
        return self.folder / "cluster"

    @property
    def password(self) -> pathlib.Path:
        return self.folder / "password"

    @property
    def log(self) -> pathlib.Path:
        return self.folder / "log"

    def program(self, name: str) -> str:
        return str(self.programs / "bin" / (f"{name}.exe" if os.name == "nt" else name))

    def data_argument(self, cluster: pathlib.Path) -> str:
        """What to pass as `-D` to a program started inside `cluster`.

        As root the folders above may be closed to NOBODY (/root is), and PostgreSQL insists on an absolute path: this
        one leads to the same folder without passing them, so the data stays under DATA_DIR wherever that is.
        """
        return str(cluster) if self.uid is None else "/proc/self/cwd"

    def child_options(self, lock: int) -> dict[str, Any]:
        """Arguments of Popen for every program that touches the cluster.

        It runs as the cluster's owner and inherits the lock, so that the lock is held as long as any of them lives.
        It gets nothing of the server's environment: no PG* variable may redirect it, and its keys are not for it.
        """
        if os.name == "nt":
            return {}
        identity = {} if self.uid is None else {"user": self.uid, "group": self.uid, "extra_groups": []}
        return {"pass_fds": (lock,), "env": {"PATH": os.defpath}, **identity}

    def give(self, path: str | pathlib.Path) -> None:
        """Let the user that `postgres` runs as own `path`."""
        if self.uid is not None:
            os.chown(path, self.uid, self.uid)


def try_lock(descriptor: int) -> bool:
    """Take an exclusive lock on an open file without waiting; False when another process holds it.

    On POSIX the lock belongs to every process that inherits the open file and ends with the last of them.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # far behind the text, which must stay readable
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def postmaster_lines(cluster: pathlib.Path) -> list[str]:
    """`postmaster.pid`: pid, folder, start, port, socket folder, address, shared memory, status. Empty without it."""
    try:
        return (cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def is_ready(cluster: pathlib.Path, pid: int) -> bool:
    """Whether the `postgres` with this pid accepts connections."""
    lines = postmaster_lines(cluster)
    return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"  # noqa: PLR2004 - line 8: status


def remove_stale_pid(cluster: pathlib.Path) -> None:
    """Forget the pid of a database that was killed. Only with the lock held, which proves that it is gone.

    PostgreSQL would refuse to start as long as any process of its user has that pid; in a container some always has.
    """
    (cluster / "postmaster.pid").unlink(missing_ok=True)


def initialize(place: Place, lock: int) -> bool:
    """Make the cluster and its password unless they exist; True when made. Interrupted anywhere, it starts over."""
    if (place.cluster / "PG_VERSION").exists():
        _check_owner(place)
        return False
    growing = place.folder / "cluster.new"
    if growing.exists():
        shutil.rmtree(growing)
    growing.mkdir(mode=0o700)
    place.give(growing)
    password = secrets.token_urlsafe(24)
    with _passed(place, password) as readable:
        _initdb(place, growing, lock, readable)
    _make_database(place, growing, lock)
    _write_private(place.password, password)
    growing.rename(place.cluster)
    return True


def _check_owner(place: Place) -> None:
    """PostgreSQL's own words for this do not say what to do."""
    if os.name == "nt":
        return
    needed = os.geteuid() if place.uid is None else place.uid
    owner = place.cluster.stat().st_uid
    if owner != needed:
        raise FailedStart(
            f"{place.cluster} belongs to user {owner} and the database would run as user {needed}. Start the server "
            "as the user who made it (root runs it as 65534), or give the folder to the new one with chown -R."
        )


def _initdb(place: Place, cluster: pathlib.Path, lock: int, password_file: str) -> None:
    """C.UTF-8 from PostgreSQL itself, so order and case are equal on every system; scram for local users as well.

    Files are not synced here, which takes seconds: `sync_later` does it once the database is ready.
    """
    command = [
        place.program("initdb"),
        "-D",
        place.data_argument(cluster),
        "-U",
        ROLE,
        f"--pwfile={password_file}",
    ]
    command += ["--auth=scram-sha-256", "--encoding=UTF8", "--no-sync", "--no-instructions"]
    command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", f"--locale={_system_locale()}"]
    ended = subprocess.run(  # noqa: S603 - our own program, no shell
        command,
        cwd=cluster,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **place.child_options(lock),
    )
    if ended.returncode != 0:
        raise FailedStart(
            f"PostgreSQL could not make its files under {place.folder}: {last_words(ended.stdout)}"
        )


def _make_database(place: Place, cluster: pathlib.Path, lock: int) -> None:
    """Make our database while nobody waits for it. Where this fails the server does it over its first connection."""
    subprocess.run(  # noqa: S603 - our own program, no shell
        [place.program("postgres"), "--single", "-F", "-D", place.data_argument(cluster), "postgres"],
        cwd=cluster,
        input=f"CREATE DATABASE {DATABASE}\n".encode(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
        **place.child_options(lock),
    )


def sync_later(place: Place, lock: int) -> "subprocess.Popen[bytes]":
    """Write a new cluster's files to the disk, beside the running database."""
    return subprocess.Popen(  # noqa: S603 - our own program, no shell
        [place.program("initdb"), "--sync-only", "-D", place.data_argument(place.cluster)],
        cwd=place.cluster,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **place.child_options(lock),
    )


def last_words(text: str) -> str:
    """The last lines of a program's output, as one sentence's end."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-3:]) or "it said nothing."


def last_words_of(log: pathlib.Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4096))
        return last_words(file.read().decode(errors="replace"))


def rotate(log: pathlib.Path) -> None:
    """Keep at most one older log."""
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))


@contextlib.contextmanager
def socket_folder(place: Place) -> Iterator[pathlib.Path]:
    """A folder of mode 0700 for the socket: `run` beside the cluster, or a short temporary one that `run` links to.

    Temporary when the path is too long for a socket, when it has a character that has a meaning in PostgreSQL's list
    of folders or in a connection URL, or as root, because the folders above may be closed to NOBODY.
    """
    run = place.folder / "run"
    _remove_linked(run)  # of a supervisor that was killed; we hold the lock
    fits = len(os.fsencode(run / SOCKET_FILE)) <= SOCKET_BYTES and not set(str(run)) & set("\"',:\\")
    if os.name == "nt" or (fits and place.uid is None):
        run.mkdir(mode=0o700, exist_ok=True)
        run.chmod(0o700)
        for left in run.glob(f"{SOCKET_FILE}*"):
            left.unlink()
        yield run
        return
    temporary = pathlib.Path(tempfile.mkdtemp(prefix=PREFIX, dir=TEMPORARY))
    try:
        place.give(temporary)
        run.symlink_to(temporary)
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        _remove_linked(run)


def _remove_linked(run: pathlib.Path) -> None:
    if run.is_symlink():
        if run.readlink().match(f"{TEMPORARY}/{PREFIX}*"):
            shutil.rmtree(run.readlink(), ignore_errors=True)
        run.unlink()


@contextlib.contextmanager
def _passed(place: Place, password: str) -> Iterator[str]:
    """A file with the password that initdb may read, gone afterwards; arguments are visible to everybody."""
    descriptor, path = tempfile.mkstemp(prefix=PREFIX, dir=TEMPORARY)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{password}\n")
        place.give(path)
        yield path
    finally:
        pathlib.Path(path).unlink()


def _system_locale() -> str:
    """The C library's C.UTF-8 where it has one; else C, on which the built-in locale does not depend."""
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return "C"
    return "C.UTF-8"


def _write_private(path: pathlib.Path, text: str) -> None:
    """Write a file that only its owner may read; an older one is replaced wholly or not at all."""
    partial = path.with_name(f"{path.name}.new")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
