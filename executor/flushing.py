"""Writes where running tasks stand, for servers that do not run them: one statement, at most twice a second."""

import asyncio
import uuid
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any

from sqlalchemy import text

from executor.board import Board, Standing
from generators.events import Phase, Stepped
from store.database.sessions import Database
from store.queue import mark_stepped

_FLUSH = text("""
INSERT INTO task_progress AS kept
  (task_id, fence, revision, phase, step, steps, tick, loss, preview, preview_type, preview_width,
   preview_height, updated_at)
SELECT now.task_id, now.fence, now.revision, now.phase, now.step, now.steps, now.tick, now.loss,
       now.preview, now.preview_type, now.preview_width, now.preview_height, clock()
FROM unnest(CAST(:task_ids AS uuid[]), CAST(:fences AS bigint[]), CAST(:revisions AS bigint[]),
            CAST(:phases AS text[]), CAST(:step AS int[]), CAST(:steps AS int[]), CAST(:ticks AS int[]),
            CAST(:losses AS float8[]), CAST(:previews AS bytea[]), CAST(:preview_types AS text[]),
            CAST(:preview_widths AS int[]), CAST(:preview_heights AS int[]))
  AS now(task_id, fence, revision, phase, step, steps, tick, loss, preview, preview_type, preview_width,
         preview_height)
JOIN tasks ON tasks.id = now.task_id AND tasks.fence = now.fence AND tasks.state = 'RUNNING'
ORDER BY now.task_id
ON CONFLICT (task_id) DO UPDATE SET
  fence = excluded.fence, revision = excluded.revision, phase = excluded.phase, step = excluded.step,
  steps = excluded.steps, tick = excluded.tick, loss = excluded.loss, preview = excluded.preview,
  preview_type = excluded.preview_type, preview_width = excluded.preview_width,
  preview_height = excluded.preview_height, updated_at = excluded.updated_at
RETURNING task_id, coalesce(watched_until > clock(), false), coalesce(sharp_until > clock(), false)
""")


class Flusher:
    """Flushes the board. The first report of a run is written at once: without it a crash would not count.

    `alone` = no other server can see this database, so beyond that nothing is written: nobody would read it.
    """

    def __init__(self, db: Database, board: Board, seconds: float) -> None:
        self._db = db
        self._board = board
        self._seconds = seconds
        self.alone = False
        self._news = asyncio.Event()
        self._fresh = asyncio.Event()
        self._stepped: AbstractSet[tuple[object, int]] = frozenset()
        board.listen(self._heard)

    def _heard(self, _jobs: Iterable[uuid.UUID]) -> None:
        """Wakes `work` for what it has to do: nobody is marked twice."""
        self._news.set()
        if any(one.step and _key(one) not in self._stepped for one in self._board.standings()):
            self._fresh.set()

    async def work(self) -> None:
        """Flush whenever something was reported, never more often than every `seconds`."""
        while True:
            await (self._fresh if self.alone else self._news).wait()
            await self.mark()
            if not self.alone:
                self._news.clear()
                await self.flush()
                await self._rest()

    async def _rest(self) -> None:
        """Wait until the next flush is due; only runs that report for the first time are marked meanwhile."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._seconds
        while (left := due - loop.time()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._fresh.wait()
            except TimeoutError:
                break
            await self.mark()

    async def mark(self) -> None:
        """Commit that runs have reported a step, those that did so for the first time."""
        self._fresh.clear()
        reported = {_key(one): one.claim for one in self._board.standings() if one.step}
        fresh = [claim for key, claim in reported.items() if key not in self._stepped]
        if fresh:
            async with self._db.begin() as session:
                await mark_stepped(session, fresh)
        self._stepped = reported.keys()

    async def flush(self) -> None:
        """Write all runs that reported since the last flush."""
        dirty = [one for one in self._board.standings() if one.dirty]
        if not dirty:
            return
        for one in dirty:
            one.dirty = False
        async with self._db.begin() as session:
            rows = await session.execute(_FLUSH, _columns(self._board, dirty))
        watched: dict[uuid.UUID, tuple[bool, bool]] = {row[0]: (row[1], row[2]) for row in rows.all()}
        for one in dirty:
            one.watched_elsewhere, one.sharp_elsewhere = watched.get(one.claim.task_id, (False, False))


def _key(standing: Standing) -> tuple[object, int]:
    return standing.claim.task_id, standing.claim.fence


def _columns(board: Board, standings: list[Standing]) -> dict[str, list[Any]]:
    rows = [_row(board, one) for one in standings]
    return {name: [row[name] for row in rows] for name in rows[0]}


def _row(board: Board, one: Standing) -> dict[str, Any]:
    step = one.step or Stepped(phase=Phase.LOADING_MODEL)
    revision, tick = board.sequence(one.claim.job_id)
    shown = one.preview if one.watched_elsewhere else None
    return {
        "task_ids": one.claim.task_id,
        "fences": one.claim.fence,
        "revisions": revision,
        "phases": step.phase.value,
        "step": step.step,
        "steps": step.steps,
        "ticks": tick,
        "losses": step.loss,
        "previews": shown.data if shown else None,
        "preview_types": shown.media_type if shown else None,
        "preview_widths": shown.width if shown else None,
        "preview_heights": shown.height if shown else None,
    }
