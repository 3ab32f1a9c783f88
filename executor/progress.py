"""Where jobs stand, now and live: whole states, conflated, at most so many a second, until a final one.

Watching never enqueues, spends or changes a job; only previews are made on demand.
"""

import asyncio
import contextlib
import dataclasses
import functools
import math
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence

import structlog

from executor.board import Board
from executor.composing import Composer
from executor.models import Models
from executor.patience import database_was_away, persistently
from executor.settings import ExecutorSettings
from executor.states import JobState, Rows, ask_for_previews, read_many, read_rows
from executor.together import Together
from store.database.sessions import Database
from store.database.tables import JobStatus
from store.events import Broadcast, Slot

log = structlog.get_logger(__name__)
QUEUED_POLL_SECONDS = 2.0  # how often the place in the queue is counted again
GATHER_SECONDS = 0.01  # a step and its preview are reported one after the other, and told together
PREVIEWS_ASKED_SECONDS = 10.0
PREVIEWS_ASKED_EVERY = 3.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sources:
    """What progress is read from."""

    db: Database
    broadcast: Broadcast
    board: Board
    models: Models


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reading:
    """What the tables said of a job, and the state that was made of it at once."""

    rows: Rows
    state: JobState


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Means:
    """What a feed works with; `read` is shared with those who begin to watch."""

    sources: Sources
    settings: ExecutorSettings
    composer: Composer
    read: Callable[[], Awaitable[Reading | None]]


class Progress:
    """See the module. Watchers of one job share one reader."""

    def __init__(self, sources: Sources, settings: ExecutorSettings) -> None:
        self._sources = sources
        self._settings = settings
        self._composer = Composer(sources.board, sources.models, settings.local_capacity)
        self._feeds: dict[uuid.UUID, _Feed] = {}
        self._readers: set[asyncio.Task[None]] = set()
        self._readings = Together(self._read)
        sources.board.listen(self._reported)

    async def now(self, job_id: uuid.UUID, *, previews: bool = False) -> JobState | None:
        """The job's state at this moment; None when there is no such job.

        Those who ask while it is being read wait for the next reading, and share it.
        """
        reading = await self._readings.join(job_id)
        if reading is None:
            return None
        return reading.state if previews else reading.state.without_previews

    async def _read(self, job_id: uuid.UUID) -> Reading | None:
        while True:
            rows = await persistently(lambda: read_rows(self._sources.db, self._sources.board, job_id))
            if rows is None:
                return None
            state = self._composer.compose(rows)
            if state is not None:
                return Reading(rows=rows, state=state)

    async def now_many(
        self, job_ids: Sequence[uuid.UUID], *, previews: bool = False
    ) -> list[JobState | None]:
        """As `now` for many jobs, in their order, read together."""
        found = await read_many(self._sources.db, self._sources.board, job_ids)
        states: list[JobState | None] = []
        for job_id in job_ids:
            rows = found.get(job_id)
            state = None if rows is None else self._composer.compose(rows)
            if rows is not None and state is None:
                state = await self.now(job_id, previews=previews)  # committed here since the rows were read
            states.append(state if previews or state is None else state.without_previews)
        return states

    async def watch(
        self, job_id: uuid.UUID, *, previews: bool = False, sharp: bool = False
    ) -> AsyncGenerator[JobState, None]:
        """The state now, then each newer one; ends after a final state, or when the job is gone.

        A slow consumer gets fewer states, each whole; the final one is never dropped. `previews` makes them be made,
        `sharp` by the tiny autoencoder where there is one; whoever watches the same job gets the same previews.
        """
        with self._feed(job_id, previews=previews, sharp=previews and sharp) as feed:
            state = await self.now(job_id, previews=previews)
            last = -1
            while state is not None:
                if state.sequence > last:
                    last = state.sequence
                    yield state
                if state.final:
                    return
                fresh = await feed.newer_than(last)
                state = fresh if previews or fresh is None else fresh.without_previews

    async def close(self) -> None:
        """Wait until nothing is read any more; watchers still there end."""
        for feed in list(self._feeds.values()):
            feed.close()
        await asyncio.gather(*self._readers, return_exceptions=True)

    @contextlib.contextmanager
    def _feed(self, job_id: uuid.UUID, *, previews: bool, sharp: bool) -> Iterator["_Feed"]:
        feed = self._feeds.get(job_id)
        if feed is None:
            read = functools.partial(self._readings.join, job_id)
            means = _Means(sources=self._sources, settings=self._settings, composer=self._composer, read=read)
            feed = self._feeds[job_id] = _Feed(job_id, means)
            self._readers.add(feed.task)
            feed.task.add_done_callback(self._readers.discard)
        feed.watchers += 1
        feed.preview_watchers += previews
        feed.sharp_watchers += sharp
        if previews:
            self._sources.board.watch(job_id, sharp=sharp)
        try:
            yield feed
        finally:
            feed.watchers -= 1
            feed.preview_watchers -= previews
            feed.sharp_watchers -= sharp
            if previews:
                self._sources.board.unwatch(job_id, sharp=sharp)
            if feed.watchers == 0:
                feed.close()
                if self._feeds.get(job_id) is feed:
                    del self._feeds[job_id]

    def _reported(self, jobs: Iterable[uuid.UUID]) -> None:
        for job_id in jobs:
            feed = self._feeds.get(job_id)
            if feed is not None:
                feed.reported()


class _Feed:
    """The one reader of a watched job."""

    def __init__(self, job_id: uuid.UUID, means: _Means) -> None:
        self.watchers = 0
        self.preview_watchers = 0
        self.sharp_watchers = 0
        self._job_id = job_id
        self._sources = means.sources
        self._settings = means.settings
        self._composer = means.composer
        self._read_shared = means.read
        self._state: JobState | None = None
        self._over = False
        self._changed = asyncio.Event()
        self._slot: Slot | None = None
        self._asked_at = -math.inf
        self._due = -math.inf  # when the next state may be told by the rate
        self._borrowed = False  # the one before it came early
        self.task = asyncio.create_task(self._work(), name=f"feed {job_id}")

    def reported(self) -> None:
        """A run of this process said something."""
        if self._slot is not None:
            self._slot.put(None)

    def close(self) -> None:
        """Nobody watches any more."""
        self.task.cancel()

    async def newer_than(self, sequence: int) -> JobState | None:
        """The next state after that one; None when the job is gone."""
        while not self._over:
            changed = self._changed
            if self._state is not None and self._state.sequence > sequence:
                return self._state
            await changed.wait()
        return self._state if self._state is not None and self._state.sequence > sequence else None

    async def _work(self) -> None:
        try:
            with self._sources.broadcast.subscribe(self._job_id) as self._slot:
                await self._follow(self._slot)
        except Exception:
            log.exception("a job can no longer be watched", job=str(self._job_id))
        finally:
            self._over = True
            self._tell()

    async def _follow(self, slot: Slot) -> None:
        rows: Rows | None = None
        stale = True
        while True:
            state: JobState | None = None
            if stale or rows is None:
                reading = await self._read()
                if reading is None:
                    return
                rows, state = reading.rows, reading.state
            if not self._publish(state or self._composer.compose(rows)):
                slot.put(self._job_id)  # rows older than what was committed here: read again
            if self._state is not None and self._state.final:
                return
            await self._ask_for_previews(rows)
            self._pace()
            news = await slot.wait(self._patience(rows))
            if news:
                await self._rest(slot)
            stale = slot.missed or not news
            stale = bool(slot.take()) or stale

    def _pace(self) -> None:
        """A state was told: note when the next one may be."""
        now = time.monotonic()
        self._borrowed = self._due - now > GATHER_SECONDS
        self._due = max(self._due, now) + 1 / self._settings.most_events_per_second

    async def _rest(self, slot: Slot) -> None:
        """Keep to the rate, and wait for what is reported together.

        A committed change, such as the end, may come early once; the next pause is longer for it.
        """
        left = max(self._due - time.monotonic(), 0.0 if slot.pending else GATHER_SECONDS)
        if self._borrowed:
            await asyncio.sleep(left)
        else:
            await slot.wait_for_change(left)

    async def _read(self) -> Reading | None:
        while True:
            try:
                return await self._read_shared()
            except Exception as error:
                if not database_was_away(error):
                    raise
                log.warning("the database is away", error=repr(error))
                await asyncio.sleep(1.0)

    def _publish(self, state: JobState | None) -> bool:
        if state is None:
            return False
        before = self._state
        if before is not None and state.sequence <= before.sequence and not state.final:
            return True
        self._state = state
        self._tell()
        return True

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _patience(self, rows: Rows) -> float:
        if rows.elsewhere(self._sources.board):
            return self._settings.flush_seconds
        if rows.job.status is JobStatus.QUEUED:
            return min(QUEUED_POLL_SECONDS, self._settings.watch_poll_seconds)
        return self._settings.watch_poll_seconds

    async def _ask_for_previews(self, rows: Rows) -> None:
        elsewhere = rows.elsewhere(self._sources.board)
        due = time.monotonic() - self._asked_at > PREVIEWS_ASKED_EVERY
        if not (self.preview_watchers and elsewhere and due):
            return
        now, seconds, sharp = time.monotonic(), PREVIEWS_ASKED_SECONDS, self.sharp_watchers > 0
        if await ask_for_previews(self._sources.db, elsewhere, seconds=seconds, sharp=sharp):
            self._asked_at = now
