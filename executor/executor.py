"""The worker of this process: claims tasks by free capacity, runs them, keeps their leases, gives them back.

Built to be killed: whatever it holds in memory can be lost, and the rows say how to go on.
"""

import asyncio
import dataclasses
import os
import random
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping

import structlog

from executor.articles import Articles
from executor.board import Board
from executor.chores import Chore
from executor.content.guard import Guard
from executor.finishing import Finisher, Means
from executor.flushing import Flusher
from executor.janitor import Janitor
from executor.lanes import Lanes
from executor.likeness import Measuring
from executor.looking import Render
from executor.metrics import Observer, Silent
from executor.models import Models
from executor.patience import database_was_away
from executor.publishing import Places, Publishing
from executor.recorder import Tools
from executor.rewriting import Rewriter
from executor.runner import Runner
from executor.settings import ExecutorSettings
from executor.training import Trained
from generators.encoder import Encoders
from generators.generator import RELEASED
from generators.judge import Judge
from store.database.sessions import Database, settled
from store.database.tables import JobKind, TaskKind
from store.events import Broadcast, Slot, Topic
from store.files.vault import Vault
from store.queue import Claim, LeaseLostError, Request, claim, heartbeat, lanes_with_work, release

log = structlog.get_logger(__name__)
SILENT_TOO_LONG = 6  # lost claim polls after which the executor no longer counts as alive
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
FIRST_CLEAN_UP_SECONDS = 120.0  # after the start, when newcomers have had their first picture
YOUNG_SECONDS = 3600.0  # bytes this young may still get their row


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parts:
    """What an executor is built from. `render` makes a picture's quick looks; `board` is shared with Progress."""

    db: Database
    models: Models
    vault: Vault
    broadcast: Broadcast
    board: Board
    render: Render
    observer: Observer = dataclasses.field(default_factory=Silent)
    chores: Mapping[TaskKind, Chore] = dataclasses.field(default_factory=dict)
    places: Places = dataclasses.field(default_factory=Places)
    judge: Judge | None = None
    guard: Guard = dataclasses.field(default_factory=Guard)
    encoders: Encoders | None = None
    randomness: random.Random = dataclasses.field(default_factory=random.SystemRandom)


@dataclasses.dataclass
class _Run:
    claim: Claim
    task: asyncio.Task[str]
    started: float


class Executor:
    """See the module. Use from one event loop."""

    def __init__(self, parts: Parts, settings: ExecutorSettings) -> None:
        self._parts = parts
        self._settings = settings
        self.worker = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._lanes = Lanes(parts.models, settings)
        tools = Tools(
            db=parts.db,
            vault=parts.vault,
            board=parts.board,
            finisher=Finisher(
                Means(
                    vault=parts.vault,
                    models=parts.models,
                    render=parts.render,
                    places=parts.places,
                    judge=parts.judge,
                    guard=parts.guard,
                    measuring=Measuring(parts.db, parts.vault, parts.encoders),
                )
            ),
            trained=Trained(parts.vault, parts.models, parts.render, parts.guard),
            max_tries=settings.max_tries,
            randomness=parts.randomness,
            guard=parts.guard,
            observer=parts.observer,
            ends={JobKind.IMAGE: Rewriter(parts.models).end, JobKind.ARTICLE: Articles(parts.models).end},
        )
        publishing = Publishing(parts.db, parts.vault, parts.places)
        self._runner = Runner(tools, parts.models, {TaskKind.PUBLISH: publishing, **parts.chores})
        self._janitor = Janitor(tools, self._lanes.names())
        self._flusher = Flusher(parts.db, parts.board, settings.flush_seconds)
        self._runs: dict[uuid.UUID, _Run] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._claimed_at = time.monotonic()
        self._clean_up_at = self._claimed_at + FIRST_CLEAN_UP_SECONDS
        self._room = asyncio.Event()
        self._stopping = False

    @property
    def alive(self) -> bool:
        """Whether work would be taken up: started, no loop ended, and the queue was reached lately."""
        silent = time.monotonic() - self._claimed_at
        patience = SILENT_TOO_LONG * self._settings.claim_poll_seconds + LONGEST_PAUSE
        return bool(self._loops) and not any(loop.done() for loop in self._loops) and silent < patience

    @property
    def running(self) -> int:
        """How many tasks run here now."""
        return len(self._runs)

    async def start(self, *, exclusive: bool = False) -> None:
        """Begin to work. `exclusive` = this server alone uses the database, so whatever runs there has no owner."""
        self._flusher.alone = exclusive
        if exclusive:
            await self._janitor.take_over()
        await self._janitor.learn_durations(self._parts.models)
        loops = (self._claiming, self._beating, self._canceling, self._sweeping, self._flusher.work)
        self._loops = [asyncio.create_task(_kept_up(loop), name=loop.__name__) for loop in loops]

    async def stop(self, grace_seconds: float | None = None) -> None:
        """Claim nothing more; let running work end within the grace, then give the rest back unharmed."""
        self._stopping = True
        grace = self._settings.stop_grace_seconds if grace_seconds is None else grace_seconds
        self._room.set()
        runs = [run.task for run in self._runs.values()]
        if runs:
            await asyncio.wait(runs, timeout=grace)
        left = list(self._runs.values())
        for run in left:
            run.task.cancel(RELEASED)
        if left:
            await asyncio.wait([run.task for run in left])
        for run in left:
            await self._give_back(run.claim)
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        self._loops = []

    async def clean_up(self, *, older_than: float | None = None) -> int:
        """Delete bytes that crashes left without a row, by default those older than this moment; how many went."""
        return await self._janitor.drop_unreferenced(older_than=older_than or time.time())

    # ------------------------------------------------------------------ claiming

    async def _claiming(self) -> None:
        with self._parts.broadcast.subscribe(Topic.WORK) as work:
            while not self._stopping:
                self._room.clear()
                await self._claim_all()
                self._claimed_at = time.monotonic()
                await self._something_to_claim(work)
        await asyncio.Event().wait()  # stop() ends all loops together

    async def _something_to_claim(self, work: Slot) -> None:
        """Until new work, new room, or the poll."""
        waits = [asyncio.create_task(work.wait()), asyncio.create_task(self._room.wait())]
        try:
            await asyncio.wait(
                waits, timeout=self._settings.claim_poll_seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for wait in waits:
                wait.cancel()
        work.take()

    async def _claim_all(self) -> None:
        async with self._parts.db.session() as session:
            waiting = await lanes_with_work(session, self._lanes.names())
        for lane, suspects in waiting.items():
            runs = [run.claim for run in self._runs.values()]
            room, kind = self._lanes.request(lane, runs, suspects=suspects)
            if room and not self._stopping:
                request = Request(
                    lane=lane,
                    worker=self.worker,
                    room=room,
                    lease_seconds=self._settings.lease_seconds,
                    warm=self._lanes.warm(lane),
                    suspects=kind,
                )
                await settled(self._claim(request))

    async def _claim(self, request: Request) -> None:
        async with self._parts.db.begin() as session:
            claims = await claim(session, request)
        self._lanes.claimed(request.lane, claims)
        for taken in claims:
            self._parts.observer.queue_wait(request.lane, taken.waited)
            self._start(taken)

    def _start(self, taken: Claim) -> None:
        task = asyncio.create_task(self._runner.run(taken), name=f"run {taken.task_id}")
        self._runs[taken.task_id] = _Run(claim=taken, task=task, started=time.monotonic())
        task.add_done_callback(lambda done: self._ended(taken, done))

    def _ended(self, taken: Claim, done: asyncio.Task[str]) -> None:
        run = self._runs.get(taken.task_id)
        if run is None or run.task is not done:
            return
        del self._runs[taken.task_id]
        self._room.set()
        outcome = "CANCELED"
        if not done.cancelled():
            error = done.exception()
            outcome = "LOST" if error is not None else done.result()
            if error is not None:
                log.error("a run could not be recorded; its lease will run out", exc_info=error)
        seconds = time.monotonic() - run.started
        self._parts.observer.task_ended(taken.model_key or taken.kind.value, outcome, seconds)

    # ------------------------------------------------------------------ leases and cancellation

    async def _beating(self) -> None:
        while True:
            await asyncio.sleep(self._settings.heartbeat_seconds)
            await self._beat()

    async def _beat(self) -> None:
        claims = [run.claim for run in self._runs.values()]
        if not claims:
            return
        async with self._parts.db.begin() as session:
            held = await heartbeat(session, claims, lease_seconds=self._settings.lease_seconds)
        for lost in claims:
            if lost.task_id not in held:
                self._stop_run(lost, RELEASED)  # whoever took it goes on with its paid call

    async def _canceling(self) -> None:
        with self._parts.broadcast.subscribe(Topic.CANCELED) as canceled:
            while True:
                await canceled.wait()
                missed, jobs = canceled.missed, set(canceled.take())
                for run in list(self._runs.values()):
                    if run.claim.job_id in jobs:
                        self._stop_run(run.claim)
                if missed:
                    await self._beat()

    def _stop_run(self, lost: Claim, why: str | None = None) -> None:
        run = self._runs.get(lost.task_id)
        if run is not None and run.claim.fence == lost.fence:
            run.task.cancel(why)

    async def _give_back(self, left: Claim) -> None:
        try:
            async with self._parts.db.begin() as session:
                await release(session, left)
        except LeaseLostError:
            log.info("nothing to give back", task=str(left.task_id))

    async def _sweeping(self) -> None:
        while True:
            await self._janitor.sweep()
            if time.monotonic() > self._clean_up_at:
                self._clean_up_at = time.monotonic() + self._settings.clean_up_hours * 3600
                await self.clean_up(older_than=time.time() - YOUNG_SECONDS)
            await asyncio.sleep(self._settings.sweep_seconds)


async def _kept_up(loop: Callable[[], Awaitable[None]]) -> None:
    """Run a loop for good: a database that is away is waited for, anything else ends it (and `alive`)."""
    pause = FIRST_PAUSE
    while True:
        began = time.monotonic()
        try:
            await loop()
        except Exception as error:
            if not database_was_away(error):
                log.exception("a loop of the executor ended")
                raise
            log.warning("the database is away", error=repr(error))
        pause = FIRST_PAUSE if time.monotonic() - began > LONGEST_PAUSE else min(pause * 2, LONGEST_PAUSE)
        await asyncio.sleep(pause)
