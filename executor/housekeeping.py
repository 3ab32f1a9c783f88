"""What is kept for a while and then let go: idempotency keys, messages that are over, old news, old searches.

Every pass may be done by several servers at once and again after a crash; each deletes in small batches, so nobody
waits long for a lock. Pictures have their own retention; bytes without a row are swept by the janitor.
"""

import asyncio
import datetime
from collections.abc import Iterator

import structlog
from sqlalchemy import text

from executor.settings import ExecutorSettings
from store.database.sessions import Database

log = structlog.get_logger(__name__)
FIRST_SECONDS, PAUSE_SECONDS = 90.0, 3600.0
BATCH = 1000
KEYS = datetime.timedelta(hours=48)  # as long as `resolvers.idempotency` honours them
SEARCHES = datetime.timedelta(days=2)  # remembered for one

OVER = "state IN ('DELIVERED', 'FAILED')"
ENDED = "kind = 'DELIVER' AND state IN ('SUCCEEDED', 'FAILED', 'CANCELED')"
TABLES = {
    "idempotency_keys": ("id", "true"),
    "stock_searches": ("ctid", "true"),
    "webhook_deliveries": ("id", OVER),
    "tasks": ("id", ENDED),
    "activity_entries": ("ctid", "true"),
}
"""What is swept: the column that names a row, and which rows may go at all."""


class Housekeeping:
    """Lets go of what is old enough."""

    def __init__(self, db: Database, settings: ExecutorSettings) -> None:
        self._db = db
        self._history = datetime.timedelta(days=settings.history_days)

    async def sweep(self) -> dict[str, int]:
        """One pass; how many rows went, by table."""
        gone = {table: await self._let_go(table, age) for table, age in self._ages()}
        if any(gone.values()):
            log.info("old rows removed", **gone)
        return gone

    async def work(self) -> None:
        """Sweep now and then, for good. A pass that fails is logged; the next one tries again."""
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            try:
                await self.sweep()
            except Exception:
                log.exception("housekeeping could not sweep")
            await asyncio.sleep(PAUSE_SECONDS)

    def _ages(self) -> Iterator[tuple[str, datetime.timedelta]]:
        yield "idempotency_keys", KEYS
        yield "stock_searches", SEARCHES
        if self._history:
            for table in ("webhook_deliveries", "tasks", "activity_entries"):
                yield table, self._history

    async def _let_go(self, table: str, age: datetime.timedelta) -> int:
        name, which = TABLES[table]
        statement = text(
            f"DELETE FROM {table} WHERE {name} = ANY(ARRAY("  # noqa: S608 -- names from the table above
            f"SELECT {name} FROM {table} WHERE created_at < clock() - CAST(:age AS interval) AND {which} "
            "LIMIT :batch FOR UPDATE SKIP LOCKED))"
        )
        gone = 0
        while True:
            async with self._db.begin() as session:
                done = await session.execute(statement, {"age": age, "batch": BATCH})
            count: int = getattr(done, "rowcount", 0)
            gone += count
            if count < BATCH:
                return gone
