"""The process between the server and its private PostgreSQL: holds the lock, starts `postgres`, ends it with the server.

Started by `store.database.embedded` in a session of its own. Standard library only, so that it is up in 0.05 s.
It knows nothing of Likeness, SQL or asyncio.

Standard input: one line of JSON, the `Order`; then nothing. **Its end is the only stop signal**: the kernel sends it
however the server ends. SIGTERM, SIGINT and SIGHUP are ignored, because a terminal or an init system that signals
everybody must not take the database away from a server that is still finishing its work.
Standard output: one line of JSON, `{"socket": folder, "port": number, "pid": number}` or `{"failed": sentence}`.

`postgres` and its children inherit the lock. To hold it is therefore proof that no process of an earlier run is left,
even when this process was killed.
"""

import dataclasses
import functools
import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from store.database.embedded_cluster import (
    FailedStart,
    Place,
    initialize,
    is_ready,
    last_words_of,
    postmaster_lines,
    remove_stale_pid,
    rotate,
    socket_folder,
    sync_later,
    try_lock,
)

WINDOWS = os.name == "nt"
POLL_S = 0.005
WATCH_S = 0.25  # how soon a `postgres` that died by itself is noticed; the server's end is noticed at once
FAST_STOP_S = 60.0  # a fast shutdown writes a checkpoint
IMMEDIATE_STOP_S = 10.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 10.0  # before a restart; doubled until one lived for CALM_S
CALM_S = 60.0

# What a small machine and one application need. On the command line, so that a new release changes them at once.
TUNING = {
    "autovacuum": "on",
    "io_method": "sync",
    "jit": "off",
    "log_timezone": "UTC",
    "max_connections": "250",
    "max_logical_replication_workers": "0",
    "max_wal_senders": "0",
    "max_wal_size": "512MB",
    "min_wal_size": "32MB",
    "password_encryption": "scram-sha-256",
    "random_page_cost": "1.1",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "unix_socket_permissions": "0700",
    "wal_level": "minimal",
    "work_mem": "8MB",
}


@dataclasses.dataclass(frozen=True)
class Order:
    """What the server asks for: absolute paths, seconds, and settings that win over TUNING."""

    folder: str
    programs: str
    uid: int | None
    lock_timeout_s: float
    start_timeout_s: float
    settings: dict[str, str]

    def place(self) -> Place:
        return Place(pathlib.Path(self.folder), pathlib.Path(self.programs), self.uid)


def main() -> None:
    """Serve one order to the server's end. Exit status 0 after a clean stop, 1 otherwise."""
    for name in {"SIGTERM", "SIGINT", "SIGHUP"} & set(dir(signal)):
        # Caught rather than ignored: that would be inherited, and a young `postgres` would not hear our SIGINT.
        signal.signal(getattr(signal, name), lambda *_: None)
    order = Order(**json.loads(_first_line()))
    try:
        supervise(order)
    except FailedStart as failed:
        report({"failed": str(failed)})
        sys.exit(1)
    except (OSError, subprocess.SubprocessError) as failed:
        report({"failed": f"The database under {order.folder} cannot start: {failed}."})
        sys.exit(1)


def supervise(order: Order) -> None:
    """Lock, make, start, report, wait for the server's end, stop."""
    place = order.place()
    lock = _locked(place, order.lock_timeout_s)
    made = initialize(place, lock)
    remove_stale_pid(place.cluster)
    rotate(place.log)
    with socket_folder(place) as folder:
        port = _free_port() if WINDOWS else 5432
        postgres = Postgres(place, _command(place, folder, port, order.settings), lock)
        syncing = None
        try:
            postgres.wait_ready(order.start_timeout_s)
            report({"socket": str(folder), "port": port, "pid": postgres.process.pid})
            if made and order.settings.get("fsync") != "off":
                syncing = sync_later(place, lock)
            postgres.keep_running()
        finally:
            if syncing is not None:  # the kernel writes the rest
                syncing.kill()
                syncing.wait()
            postgres.stop()


class Postgres:
    """One `postgres` in the foreground, started on construction."""

    def __init__(self, place: Place, command: list[str], lock: int) -> None:
        self.place, self.command, self.lock = place, command, lock
        self.process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        """On Linux it ends when this process is killed."""
        with os.fdopen(os.open(self.place.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own program, no shell
                self.command,
                cwd=self.place.cluster,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_ending_with_parent(),  # noqa: PLW1509 - this process has no threads
                **self.place.child_options(self.lock),
            )

    def wait_ready(self, timeout_s: float) -> None:
        """Until it accepts connections. Raises FailedStart with the log's last words when it does not."""
        ready = _wait_until(
            lambda: self.process.poll() is not None or is_ready(self.place.cluster, self.process.pid),
            timeout_s,
        )
        if self.process.returncode is not None:
            raise FailedStart(
                f"PostgreSQL ended at once. {self.place.log} says: {last_words_of(self.place.log)}"
            )
        if not ready:
            raise FailedStart(f"PostgreSQL was not ready within {timeout_s:g} s; read {self.place.log}.")

    def keep_running(self) -> None:
        """Until the server's end; starts `postgres` again when it died by itself (out of memory, disk full).

        `postmaster.pid` stays where it is then: PostgreSQL refuses to start until the dead one's children are gone,
        hence the growing pause.
        """
        pause_s = FIRST_PAUSE_S
        started = time.monotonic()
        while not server_gone(WATCH_S):
            if self.process.poll() is None:
                continue
            pause_s = (
                FIRST_PAUSE_S if time.monotonic() - started > CALM_S else min(2 * pause_s, LONGEST_PAUSE_S)
            )
            if server_gone(pause_s):
                return
            self.process, started = self._start(), time.monotonic()

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, everything committed is on the disk."""
        for name, patience_s in (
            ("INT", FAST_STOP_S),
            ("QUIT", IMMEDIATE_STOP_S),
            ("KILL", IMMEDIATE_STOP_S),
        ):
            if self.process.poll() is not None:
                return
            if WINDOWS:
                pg_ctl = self.place.program("pg_ctl")
                subprocess.run([pg_ctl, "kill", name, str(self.process.pid)], check=False)  # noqa: S603 - our own
            else:
                self.process.send_signal(getattr(signal, f"SIG{name}"))
            try:
                self.process.wait(patience_s)
            except subprocess.TimeoutExpired:
                continue


def report(message: dict[str, Any]) -> None:
    """One line for the server, which may be gone."""
    try:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python complains once more at exit


def server_gone(timeout_s: float) -> bool:
    """Wait at most `timeout_s` seconds for the end of standard input, which is the end of the server."""
    if WINDOWS:  # cannot select a pipe
        return bool(_watching_thread().wait(timeout_s))
    readable, _, _ = select.select([0], [], [], timeout_s)
    return bool(readable) and os.read(0, 4096) == b""


@functools.cache
def _watching_thread() -> Any:
    import threading

    gone = threading.Event()

    def watch() -> None:
        while os.read(0, 4096):
            pass
        gone.set()

    threading.Thread(target=watch, daemon=True).start()
    return gone


def _first_line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            sys.exit(1)  # the server ended before it had asked for anything
        line += byte
    return line


def _wait_until(happened: Callable[[], bool], timeout_s: float) -> bool:
    """Poll until `happened`; False after `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while not happened():
        if time.monotonic() > deadline:
            return False
        if server_gone(POLL_S):
            raise FailedStart("The server ended before its database was ready.")
    return True


def _locked(place: Place, timeout_s: float) -> int:
    """`postgres/lock`, held; waits for an earlier database that is still shutting down."""
    descriptor = os.open(place.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    if not _wait_until(lambda: try_lock(descriptor), timeout_s):
        pid = next(iter(postmaster_lines(place.cluster)), "unknown")
        raise FailedStart(
            f"The database under {place.folder} still belongs to an earlier run (PostgreSQL process {pid}), "
            f"which did not end within {timeout_s:g} s. End it with `kill -INT {pid}` and start again."
        )
    return descriptor


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(place: Place, folder: pathlib.Path, port: int, settings: dict[str, str]) -> list[str]:
    """No network: a socket only. Windows has none that PostgreSQL's clients speak, hence loopback there."""
    address = {"listen_addresses": "127.0.0.1" if WINDOWS else "", "port": str(port)}
    if not WINDOWS:
        address["unix_socket_directories"] = str(folder)
    options = [f"--{name}={value}" for name, value in (TUNING | settings | address).items()]
    return [place.program("postgres"), "-D", place.data_argument(place.cluster), *options]


def _ending_with_parent() -> Callable[[], None] | None:
    """What a child runs between fork and exec, so that Linux sends it SIGINT (fast shutdown) when its parent dies.

    All imports happen here: the child is another user already, who may not be allowed to read Python's own files.
    """
    if sys.platform != "linux":
        return None
    import ctypes

    prctl, death_signal = ctypes.CDLL(None).prctl, 1  # PR_SET_PDEATHSIG of <sys/prctl.h>
    return functools.partial(prctl, death_signal, int(signal.SIGINT))
