"""What the tests of the private PostgreSQL share: starting it, servers in their own process, and who belongs to it."""

import contextlib
import os
import pathlib
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import psutil

from store.database.embedded import Embedded, EmbeddedOptions
from tests.postgres import connected

REPOSITORY = pathlib.Path(__file__).parents[2]
QUICK = EmbeddedOptions(fsync=False)
ROOT = os.geteuid() == 0
Start = Callable[..., Awaitable[Embedded]]


@contextlib.contextmanager
def server(data_dir: pathlib.Path, **options: Any) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """`embedded_server.py` in a process of its own, and its first line."""
    command = [sys.executable, "-m", "tests.store.embedded_server", str(data_dir)]
    process = subprocess.Popen(
        options.pop("command", command), cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, **options
    )
    assert process.stdout
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def family(data_dir: pathlib.Path) -> list[psutil.Process]:
    """The supervisor, `postgres`, and its children."""
    postgres = psutil.Process(int((data_dir / "postgres/cluster/postmaster.pid").read_text().split()[0]))
    supervisor = postgres.parent()
    assert supervisor is not None
    return [supervisor, postgres, *postgres.children(recursive=True)]


def end(processes: list[psutil.Process], within_s: float = 10) -> bool:
    """Wait for them to end by themselves; zombies are ended."""
    _, alive = psutil.wait_procs(processes, timeout=within_s)
    return all(one.status() == psutil.STATUS_ZOMBIE for one in alive)


async def answer(url: str, query: str = "SELECT current_database()") -> Any:
    async with connected(url) as connection:
        return await connection.fetchval(query)


def text_of(path: pathlib.Path) -> str:
    return path.read_text()


def there(path: pathlib.Path) -> bool:
    return path.exists()


def mode(path: pathlib.Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
