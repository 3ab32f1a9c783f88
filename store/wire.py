"""Carries changes between servers that share a database: debounced NOTIFY, and LISTEN on a connection of its own.

NOTIFY takes a global lock at commit (it held commits to 417 a second where 11,000 were possible), so changes are
gathered and sent together, at most every 50 ms, outside of the transactions they tell of. What is lost while the
connection is down is made up for: after a reconnect everybody reads again. Knows no job.
"""

import asyncio
import contextlib
import secrets
import uuid
from collections.abc import Iterator
from typing import Any

import asyncpg
import structlog
from sqlalchemy import func, select

from store.database.sessions import Database
from store.events import Broadcast, Change

CHANNEL = "likeness"
EVERYTHING = "*"
IDS_PER_MESSAGE = 150  # 36 bytes each; a payload ends at 7,999
MOST_MESSAGES = 10  # beyond that the others are told to read everything again
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
_BROKEN = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
log = structlog.get_logger(__name__)


class Wire:
    """One per server. `debounce_seconds` = how long changes are gathered; `check_seconds` = how often a silent
    connection is tried, since a half-open one is not noticed otherwise. Without `telling` it only listens: a server
    that has the database to itself still hears the command line.
    """

    def __init__(
        self,
        db: Database,
        broadcast: Broadcast,
        *,
        debounce_seconds: float = 0.05,
        check_seconds: float = 10.0,
        telling: bool = True,
    ) -> None:
        self._address = db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._broadcast = broadcast
        self._debounce = debounce_seconds
        self._check = check_seconds
        self._telling = telling
        self._origin = secrets.token_hex(4)
        self._pending: dict[uuid.UUID | None, Change] = {}
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.connected = asyncio.Event()

    def start(self) -> None:
        """Begin to listen and to tell, in the background."""
        if self._telling:
            self._broadcast.add_outlet(self._gather)
        self._task = asyncio.create_task(self._work(), name="wire")

    async def stop(self) -> None:
        """Hang up. What was not told yet is found by the others' polls."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _gather(self, change: Change) -> None:
        self._pending[change.job_id] = change.joined(self._pending.get(change.job_id, change))
        self._news.set()

    async def _work(self) -> None:
        pause = FIRST_PAUSE
        first = True
        while True:
            try:
                async with self._connection() as connection:
                    if not first:
                        self._broadcast.resync()
                    first, pause = False, FIRST_PAUSE
                    self.connected.set()
                    await self._talk(connection)
            except _BROKEN as error:
                log.warning("the wire broke", error=repr(error), seconds=pause)
            self.connected.clear()
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    @contextlib.asynccontextmanager
    async def _connection(self) -> Any:
        connection = await asyncpg.connect(
            self._address,
            timeout=10,
            command_timeout=10,
            server_settings={"application_name": "likeness wire"},
        )
        connection.add_termination_listener(lambda _connection: self._news.set())
        try:
            await connection.add_listener(CHANNEL, self._heard)
            yield connection
        finally:
            connection.terminate()  # nothing waits to be said; close() would wait for an answer

    async def _talk(self, connection: Any) -> None:
        while True:
            try:
                async with asyncio.timeout(self._check):
                    await self._news.wait()
                await asyncio.sleep(self._debounce)
            except TimeoutError:
                await connection.execute("SELECT 1")
            self._news.clear()
            for payload in self._payloads():
                await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, payload)
            if connection.is_closed():
                raise ConnectionError("the connection ended")

    def _payloads(self) -> Iterator[str]:
        words = [_word(change) for change in self._pending.values()]
        self._pending.clear()
        if len(words) > IDS_PER_MESSAGE * MOST_MESSAGES:
            words = [EVERYTHING]
        for start in range(0, len(words), IDS_PER_MESSAGE):
            yield f"{self._origin} {','.join(words[start : start + IDS_PER_MESSAGE])}"

    def _heard(self, _connection: object, _process: int, _channel: str, payload: str) -> None:
        origin, _, words = payload.partition(" ")
        if origin == self._origin:
            return
        for word in words.split(","):
            if word == EVERYTHING:
                self._broadcast.resync()
            else:
                self._broadcast.deliver(_change(word))


def _word(change: Change) -> str:
    flags = "".join(
        letter
        for letter, said in (("q", change.queued), ("c", change.canceled), ("m", change.catalog))
        if said
    )
    return f"{flags}:{change.job_id.hex if change.job_id is not None else ''}"


def _change(word: str) -> Change:
    flags, _, name = word.partition(":")
    return Change(
        job_id=uuid.UUID(name) if name else None,
        queued="q" in flags,
        canceled="c" in flags,
        catalog="m" in flags,
    )


async def tell(db: Database, change: Change) -> None:
    """Say it once to every server on the database, from a process that has no wire; after the commit, never before."""
    payload = f"{secrets.token_hex(4)} {_word(change)}"
    async with db.begin() as session:
        await session.execute(select(func.pg_notify(CHANNEL, payload)))
