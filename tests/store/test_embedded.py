"""The life of the private PostgreSQL: first start, restart, and every kind of death."""

import asyncio
import contextlib
import pathlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import asyncpg
import psutil
import pytest
from sqlalchemy import make_url

from store.database import embedded as module
from store.database.embedded import (
    EmbeddedOptions,
    EmbeddedUnavailable,
    ServerAlreadyRunning,
    running_url,
    start_embedded,
)
from store.database.embedded_cluster import NOBODY, try_lock
from tests.patience import PATIENCE
from tests.postgres import connected
from tests.store.private_postgres import (
    QUICK,
    ROOT,
    Start,
    answer,
    end,
    family,
    server,
    there,
)


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
async def test_first_start_finds_its_database_made_and_a_later_one_makes_a_missing_one(
    data_dir: pathlib.Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[str] = []
    connect = module._connect

    async def noted(postgres: pathlib.Path, answered: dict[str, Any], database: str) -> Any:
        reached.append(database)
        return await connect(postgres, answered, database)

    monkeypatch.setattr(module, "_connect", noted)
    embedded = await start(data_dir)
    assert reached == ["likeness"]
    async with connected(make_url(embedded.url).set(database="postgres")) as connection:
        await connection.execute("DROP DATABASE likeness")
    await embedded.stop()

    again = await start(data_dir)

    assert reached == ["likeness", "likeness", "postgres"]
    async with connected(again.url) as connection:
        assert await connection.fetchval("SELECT current_database()") == "likeness"


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
    left_behind = pathlib.Path(str(make_url(embedded.url).query["host"]))
    assert not there(left_behind) or not ROOT  # an ordinary user's folder is used again


@pytest.mark.asyncio
async def test_lock_is_held_until_the_last_process_ends(data_dir: pathlib.Path, start: Start) -> None:
    await start(data_dir)
    supervisor, *processes = family(data_dir)
    with (data_dir / "postgres/lock").open("a") as lock:
        processes[0].suspend()
        supervisor.kill()
        assert end([supervisor])

        assert not try_lock(lock.fileno())
        processes[0].send_signal(signal.SIGINT)
        processes[0].resume()
        assert end(processes)
        assert try_lock(lock.fileno())


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

    async with asyncio.timeout(PATIENCE):
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
    with another_process_of_its_user() as pid:
        pid_file.write_text("\n".join([str(pid), *lines[1:]]))

        assert running_url(data_dir) is None
        assert await answer((await start(data_dir)).url, "SELECT n FROM kept") == 7


@contextlib.contextmanager
def another_process_of_its_user() -> Iterator[int]:
    """PostgreSQL takes a pid for its own only where that process is of the same user."""
    identity: dict[str, Any] = {"user": NOBODY} if ROOT else {}
    with subprocess.Popen(["/bin/sleep", "60"], **identity) as process:
        try:
            yield process.pid
        finally:
            process.kill()


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
