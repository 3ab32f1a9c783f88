"""What a picture and its watchers cost the database: statements are counted, and stay as few."""

import asyncio
import contextlib
import dataclasses
import uuid
from pathlib import Path

import pytest

from executor.states import read_rows
from resolvers.identity import ALL, Viewer
from resolvers.visible import Sights
from store.database.sessions import Database
from store.database.tables import Job, Role
from store.queue import Claim, Request, claim
from tests.executor import workshop as at
from tests.postgres import count_statements

pytestmark = pytest.mark.asyncio
BEGIN = ["SELECT jobs", "SELECT tasks", "SELECT variants", "UPDATE variants", "UPDATE jobs"]
HOLD = ["SELECT jobs", "SELECT tasks", "SELECT variants"]
KEEP = [
    "SELECT pg_advisory_xact_lock_shared",
    "INSERT files",
    "UPDATE variants",
    "UPDATE tasks",
    "DELETE task_progress",
    "SELECT tasks",
    "UPDATE jobs",
    "SELECT webhook_endpoints",
    "SELECT hold",
    "UPDATE usage",
    "INSERT ledger_entries",
]


async def claimed(db: Database) -> Claim:
    async with db.begin() as session:
        (taken,) = await claim(session, Request(lane="local", worker="test"))
    return taken


def named(statement: str) -> str:
    """The verb, and the table or function it is about."""
    words = statement.replace("(", " ").replace(".", " ").split()
    about = {"INSERT": 2, "DELETE": 2}.get(words[0], 1)
    return f"{words[0]} {words[about]}"


async def test_picture_takes_these_statements_and_no_more(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path, at.scripted(scripted_save_every=0))
    await at.add_job(db, at.Order(owner_id=owner, steps=6))
    taken = await claimed(db)
    assert taken.first
    with count_statements(db) as counted:
        assert await shop.executor._runner.run(taken) == "SUCCEEDED"
    assert [named(each) for each in counted.statements] == [*BEGIN, *HOLD, *KEEP]


async def test_calls_of_earlier_runs_are_looked_for_where_there_can_be_any(
    db: Database, tmp_path: Path
) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path, at.scripted(scripted_save_every=0))
    job_id = await at.add_job(
        db, at.Order(owner_id=owner, prompt="[fail=OUT_OF_MEMORY] [retryable] [fail_times=1]")
    )
    assert await shop.executor._runner.run(await claimed(db)) == "RETRIED"
    async with db.begin() as session:
        (task,) = await at.tasks_of(db, job_id)
        row = await session.get_one(type(task), task.id)
        row.not_before = row.created_at
    taken = await claimed(db)
    assert not taken.first
    with count_statements(db) as counted:
        assert await shop.executor._runner.run(taken) == "SUCCEEDED"
    assert "SELECT provider_calls" in [named(each) for each in counted.statements]


async def test_ten_who_begin_to_watch_are_one_reading(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path)
    job_id = await at.add_job(db, at.Order(owner_id=owner))

    async def first() -> int:
        async with contextlib.aclosing(shop.progress.watch(job_id)) as states:
            return (await anext(states)).sequence

    with count_statements(db) as counted:
        assert await asyncio.gather(*(first() for _ in range(10))) == [1 << 20] * 10
    await shop.progress.close()
    assert [named(each) for each in counted.statements] == [
        *HOLD[:1],
        "SELECT variants",
        "SELECT tasks",
        "WITH mine",
    ]


async def test_run_of_this_server_is_read_without_what_was_flushed(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path)
    job_id = await at.add_job(db, at.Order(owner_id=owner))
    taken = await claimed(db)
    with count_statements(db) as counted:
        assert await read_rows(db, shop.board, job_id) is not None
        shop.board.open(taken)
        assert await read_rows(db, shop.board, job_id) is not None
        shop.board.close(taken)
        shop.board.open(dataclasses.replace(taken, fence=taken.fence - 1))  # a run that has lost its lease
        rows = await read_rows(db, shop.board, job_id)
    assert rows is not None
    assert [task.id for task in rows.elsewhere(shop.board)] == [taken.task_id]
    read = ["SELECT jobs", "SELECT variants", "SELECT tasks"]
    assert [named(each) for each in counted.statements] == [
        *(*read, "SELECT task_progress"),
        *read,
        *(*read, "SELECT task_progress"),
    ]


async def test_ten_equal_looks_are_one_and_others_are_their_own(db: Database) -> None:
    ada, bob = [await at.add_user(db, handle) for handle in ("ada", "bob")]
    job_id = await at.add_job(db, at.Order(owner_id=ada))
    viewer = Viewer(user_id=ada, role=Role.OWNER, scopes=ALL, handle="ada")
    stranger = dataclasses.replace(viewer, user_id=bob, handle="bob")
    sights = Sights(db)
    asked = [sights.sees(viewer, Job, job_id) for _ in range(10)]
    with count_statements(db) as counted:
        seen = await asyncio.gather(*asked, sights.sees(stranger, Job, job_id))
    assert seen == [True] * 10 + [False]
    assert len(counted) == 2
    assert not await sights.sees(viewer, Job, uuid.uuid4())
