"""Processes to be killed, and a database that remembers what they did."""

import asyncio
import contextlib
import multiprocessing
import os
import uuid
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from sqlalchemy import select, text

from store.database.sessions import Database
from store.database.tables import FINAL, File, Job, Task
from store.files.vault import Vault
from tests.kills import worker
from tests.patience import PATIENCE

FORKS = multiprocessing.get_context("forkserver")  # its server has loaded the code: a worker starts in 50 ms
CLIENTS = [
    "openai.resources.images",
    "openai.types.images_response",
    "google.genai.types",
    "replicate.client",
]
FORKS.set_forkserver_preload(["tests.kills.worker", "tests.kills.publisher", *CLIENTS])
QUICK = {
    "lease_seconds": 1.0,
    "heartbeat_seconds": 0.3,
    "claim_poll_seconds": 0.2,
    "sweep_seconds": 0.2,
    "flush_seconds": 0.1,
    "local_capacity": 3,
}
_MEMORY = (
    "CREATE TABLE seen_revisions (job_id uuid, revision bigint)",
    "CREATE TABLE seen_drafts (variant_id uuid)",
    """CREATE FUNCTION remember_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' OR NEW.revision <> OLD.revision THEN
    INSERT INTO seen_revisions VALUES (NEW.id, NEW.revision);
  END IF;
  RETURN NEW;
END $$""",
    """CREATE FUNCTION remember_draft() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.status = 'DRAFT' AND OLD.status <> 'DRAFT'
     OR OLD.file_id IS NOT NULL AND NEW.file_id IS DISTINCT FROM OLD.file_id THEN
    INSERT INTO seen_drafts VALUES (NEW.id);
  END IF;
  RETURN NEW;
END $$""",
    "CREATE TRIGGER remember AFTER INSERT OR UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION remember_revision()",
    "CREATE TRIGGER remember AFTER UPDATE ON variants FOR EACH ROW EXECUTE FUNCTION remember_draft()",
)


async def remember(db: Database) -> None:
    """Let the database keep every revision of every job and every time that a variant was finished."""
    async with db.begin() as session:
        connection = await session.connection()
        for statement in _MEMORY:
            await connection.exec_driver_sql(statement)


async def revision_gaps(db: Database) -> dict[uuid.UUID, list[int]]:
    """Jobs whose committed revisions are not 1, 2, 3, …"""
    async with db.session() as session:
        rows = await session.execute(text("SELECT job_id, revision FROM seen_revisions ORDER BY revision"))
    seen: dict[uuid.UUID, list[int]] = defaultdict(list)
    for job_id, revision in rows:
        seen[job_id].append(revision)
    return {key: found for key, found in seen.items() if found != list(range(1, len(found) + 1))}


async def times_finished(db: Database) -> Counter[uuid.UUID]:
    """How often each variant was finished."""
    async with db.session() as session:
        rows = await session.scalars(text("SELECT variant_id FROM seen_drafts"))
    return Counter(rows)


async def until(holds: Callable[[], Awaitable[bool]], *, timeout: float = PATIENCE) -> None:
    """Wait until something holds in the database that another process writes."""
    async with asyncio.timeout(timeout):
        while not await holds():  # noqa: ASYNC110 -- another process can set no event of ours
            await asyncio.sleep(0.05)


async def all_final(db: Database, *, timeout: float) -> None:
    """Wait until no job can change any more."""

    async def none_left() -> bool:
        async with db.session() as session:
            return await session.scalar(select(Job.id).where(Job.status.not_in(FINAL)).limit(1)) is None

    await until(none_left, timeout=timeout)


async def referred(db: Database, *, saved_states: bool = True) -> set[str]:
    """Every hash that a row refers to."""
    async with db.session() as session:
        files = await session.execute(select(File.sha256, File.thumbnail_256, File.thumbnail_512))
        latents = await session.scalars(select(Task.latents).where(Task.latents.is_not(None)))
    states = {name for name in latents if name is not None} if saved_states else set()
    return {name for row in files for name in row} | states


def on_disk(vault: Vault) -> set[str]:
    """Every hash that is kept, each checked against its bytes."""
    names = {stored.sha256 for stored in vault.stored()}
    assert all(vault.is_sound(name) for name in names)
    return names


class Victim:
    """One running worker process."""

    def __init__(self, process: BaseProcess, ready: Connection) -> None:
        self._process = process
        self._ready = ready

    @property
    def exit_status(self) -> int | None:
        """None while it runs; the negative signal number when one ended it."""
        return self._process.exitcode

    def send(self, number: int) -> None:
        """Send it a signal."""
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    async def ended(self) -> int | None:
        """Wait until it is gone; the exit status."""
        await asyncio.to_thread(self._process.join)
        return self.exit_status

    async def ready(self) -> None:
        """Wait until it claims tasks."""
        if not await asyncio.to_thread(self._ready.poll, 90):
            raise TimeoutError("the worker does not become ready")
        assert self._ready.recv() == "ready"

    async def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        await self.ended()

    async def stop(self) -> int | None:
        """SIGTERM; the exit status."""
        self._process.terminate()
        return await self.ended()


@contextlib.asynccontextmanager
async def victim(
    database_url: str, folder: Path, *, wait: bool = True, **asked: Any
) -> AsyncIterator[Victim]:
    """A worker, by default one that is ready; killed at the end if it still runs."""
    asked = {"database_url": database_url, "folder": str(folder), **asked}
    asked["settings"] = {**QUICK, **asked.get("settings", {})}
    ours, theirs = FORKS.Pipe(duplex=False)
    process = FORKS.Process(target=worker.main, args=(theirs, asked))
    process.start()
    theirs.close()
    found = Victim(process, ours)
    try:
        if wait:
            await found.ready()
        yield found
    finally:
        await found.kill()
        ours.close()
