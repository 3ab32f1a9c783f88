"""A server process that approves a post, publishes it, tells of it, and kills itself at one chosen point in between.

Points are counted over everything that is done outside of its own memory: the approval's commit, the target's calls,
each committed write, the removal of the copy, each message to a receiver. `die_at` 0 = never.
"""

import asyncio
import logging
import os
import signal
import uuid
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, event
from typing_extensions import override

from executor.board import Board
from executor.chores import Chore, Fenced, Write
from executor.delivering import Delivering
from executor.executor import Executor, Parts
from executor.models import Models
from executor.progress import Progress, Sources
from executor.publishing import Places, Publishing
from executor.settings import ExecutorSettings
from generators.events import Failed
from resolvers.access import FileAccess, Signer
from resolvers.context import Context
from resolvers.identity import ALL, Viewer
from schema import schema
from store.database.sessions import Database, PoolOptions
from store.database.tables import Role, TaskKind
from store.events import Broadcast
from store.files.containers import MediaType
from store.files.copies import NamedCopies
from store.files.decoder import Decoder
from store.files.s3 import S3Settings, S3Target
from store.files.targets import Published
from store.files.vault import Vault
from store.queue import Claim
from tests.executor.workshop import quick_looks
from tests.operations.posts import APPROVE_POST


class Points:
    """Counts; at the chosen one the process is gone, as by SIGKILL from outside."""

    def __init__(self, die_at: int, told: Path) -> None:
        self._die_at = die_at
        self._told = told
        self._passed = 0

    def passed(self, name: str) -> None:
        """One more point; the name is for the test's own messages."""
        self._passed += 1
        with self._told.open("a") as file:
            file.write(f"{name}\n")
        if self._passed == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)


class Target(S3Target):
    """The real target, with a point around every call."""

    def __init__(self, settings: S3Settings, points: Points) -> None:
        super().__init__(settings)
        self._points = points

    @override
    async def upload(self, key: str, data: bytes, media_type: MediaType) -> Published:
        self._points.passed("before upload")
        published = await super().upload(key, data, media_type)
        self._points.passed("after upload")
        return published

    @override
    async def verify(self, published: Published) -> bool:
        sound = await super().verify(published)
        self._points.passed("after verify")
        return sound


class Pointed:
    """A real chore, with a point after every committed write and before the last one."""

    def __init__(self, inner: Chore, points: Points) -> None:
        self._inner = inner
        self._points = points

    async def do(self, claim: Claim, fenced: Fenced) -> Write | Failed:
        async def pointed(write: Write) -> None:
            await fenced(write)
            self._points.passed("after a commit")

        ending = await self._inner.do(claim, pointed)
        self._points.passed("before the end")
        return ending


async def approve(db: Database, vault: Vault, asked: dict[str, str], points: Points) -> None:
    """Call `approvePost` as its owner, with a point before its commit and one after its answer."""
    viewer = Viewer(user_id=uuid.UUID(asked["owner"]), role=Role.OWNER, scopes=ALL, handle="owner")
    decoder, models = Decoder(), Models([])
    files = FileAccess(vault=vault, decoder=decoder, signer=Signer(b"s" * 32))
    progress = Progress(
        Sources(db=db, broadcast=Broadcast(), board=Board(), models=models), ExecutorSettings()
    )
    context = Context(db=db, viewer=viewer, models=models, progress=progress, files=files, publish_to="s3")
    engine = db.engine.sync_engine

    def before_commit(_connection: Connection) -> None:
        points.passed("before the approval's commit")

    event.listen(engine, "commit", before_commit)
    given = {"input": {"postId": asked["post"], "variantId": asked["variant"]}}
    result = await schema.execute(APPROVE_POST, given, context_value=context)
    event.remove(engine, "commit", before_commit)
    await decoder.aclose()
    assert result.errors is None, result.errors
    assert result.data is not None
    assert result.data["approvePost"]["userErrors"] == []
    points.passed("after the approval")


async def work(ready: Pipe, asked: dict[str, Any]) -> None:
    """Work until told to stop."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    db = Database(asked["database_url"], PoolOptions(idle_s=2.0))
    broadcast = Broadcast()
    broadcast.attach(db)
    folder = Path(asked["folder"])
    points, vault = Points(asked["die_at"], folder / "points"), Vault(folder / "files")
    target = Target(S3Settings(**asked["s3"]), points)
    places = Places(targets={"s3": target}, publish_to="s3", copies=NamedCopies(None, folder / "previews"))
    settings = ExecutorSettings(**asked["settings"])
    await approve(db, vault, asked["approve"], points)
    executor = Executor(
        Parts(
            db=db,
            models=Models([]),
            vault=vault,
            broadcast=broadcast,
            board=Board(),
            render=quick_looks,
            places=places,
            chores={
                TaskKind.PUBLISH: Pointed(Publishing(db, vault, places), points),
                TaskKind.DELIVER: Pointed(Delivering(db, settings), points),
            },
        ),
        settings,
    )
    await executor.start(exclusive=True)
    ready.send("ready")
    await stop.wait()
    await executor.stop()
    await db.close()


def main(ready: Pipe, asked: dict[str, Any]) -> None:
    """What the process runs."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asyncio.run(work(ready, asked))
