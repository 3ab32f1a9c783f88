"""Where every running task of this process stands: the droppable half of progress.

Written by engine threads, read on the event loop. Nothing here is durable; the newest report replaces the one
before. Knows no database.
"""

import asyncio
import collections
import dataclasses
import threading
import time
import uuid
from collections.abc import Callable, Iterable

from executor.metrics import Observer, Silent
from generators.events import Drawn, Phase, Previewed, Report, Stepped
from store.queue import Claim

LARGEST_TICK = (1 << 20) - 1
PACED = frozenset({Phase.DENOISING, Phase.TRAINING, Phase.DOWNLOADING})  # steps that take equally long


@dataclasses.dataclass
class Standing:
    """One running task. `counted` = the newest report that had steps; `first_step` and `newest_step` are paced
    steps with their monotonic times.
    """

    claim: Claim
    started_at: float
    step: Stepped | None = None
    counted: Stepped | None = None
    preview: Previewed | None = None
    first_step: tuple[int, float] | None = None
    newest_step: tuple[int, float] | None = None
    watched_elsewhere: bool = False
    sharp_elsewhere: bool = False
    dirty: bool = False

    def seconds_left(self) -> float | None:
        """By this run's own pace; None before its second step."""
        if self.counted is None or self.first_step is None or self.newest_step is None:
            return None
        (first, began), (newest, now) = self.first_step, self.newest_step
        if newest <= first:
            return None
        return (self.counted.steps - newest) * (now - began) / (newest - first)


@dataclasses.dataclass
class _Count:
    """How far one job's sequence has come: `tick` reports since `revision` was committed."""

    revision: int = 0
    tick: int = 0
    tasks: int = 0


class RunLive:
    """The `Live` of one run. What it is told before the run has `begun` waits."""

    def __init__(self, board: "Board", standing: Standing) -> None:
        self._board = board
        self._standing = standing
        self._lock = threading.Lock()
        self._early: list[Stepped | Previewed] | None = []

    def report(self, event: Report) -> None:
        """See Live. From any thread."""
        if isinstance(event, Drawn):  # nobody is shown it
            return
        with self._lock:
            if self._early is None:
                self._board.report(self._standing, event)
            else:
                self._early.append(event)

    def begun(self) -> None:
        """The rows say that it runs: what was told until now is shown, in its order."""
        with self._lock:
            early, self._early = self._early or (), None
            for event in early:
                self._board.report(self._standing, event)

    def preview_wanted(self) -> bool:
        """See Live. From any thread."""
        return self._standing.watched_elsewhere or self._board.watched(self._standing.claim.job_id)

    def sharp_wanted(self) -> bool:
        """See Live. From any thread."""
        return self._standing.sharp_elsewhere or self._board.watched_sharply(self._standing.claim.job_id)


class Board:
    """All running tasks of this process by id, and the tick of each of their jobs."""

    def __init__(self, observer: Observer | None = None) -> None:
        self._observer: Observer = observer or Silent()
        self._lock = threading.Lock()
        self._standings: dict[uuid.UUID, Standing] = {}
        self._counts: dict[uuid.UUID, _Count] = {}
        self._watchers: collections.Counter[uuid.UUID | None] = collections.Counter()
        self._sharp_watchers: collections.Counter[uuid.UUID | None] = collections.Counter()
        self._listeners: list[Callable[[Iterable[uuid.UUID]], None]] = []
        self._news: set[uuid.UUID] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self, claim: Claim) -> RunLive:
        """Begin to keep a run's reports. On the event loop, like all methods but `report` and `watched`."""
        self._loop = asyncio.get_running_loop()
        standing = Standing(claim=claim, started_at=time.monotonic())
        with self._lock:
            self._standings[claim.task_id] = standing
            if claim.job_id is not None:
                self._counts.setdefault(claim.job_id, _Count()).tasks += 1
        return RunLive(self, standing)

    def close(self, claim: Claim) -> None:
        """Forget a run that is over; a newer run of the same task stays."""
        with self._lock:
            standing = self._standings.get(claim.task_id)
            if standing is not None and standing.claim.fence == claim.fence:
                del self._standings[claim.task_id]
            count = self._counts.get(claim.job_id) if claim.job_id is not None else None
            if count is not None and claim.job_id is not None:
                count.tasks -= 1
                if count.tasks == 0:
                    del self._counts[claim.job_id]

    def report(self, standing: Standing, event: Stepped | Previewed) -> None:
        """Keep the newest report of a run and wake the listeners. From any thread; never waits long."""
        now = time.monotonic()
        with self._lock:
            if isinstance(event, Stepped):
                self._stepped(standing, event, now)
            else:
                standing.preview = event
            standing.dirty = True
            job_id = standing.claim.job_id
            if job_id is None:
                return
            count = self._counts.get(job_id)
            if count is not None:
                count.tick = min(count.tick + 1, LARGEST_TICK)
            waking = not self._news
            self._news.add(job_id)
        if waking and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell)

    def committed(self, job_id: uuid.UUID, revision: int) -> None:
        """A run of this process committed that revision of its job: ticks start anew."""
        with self._lock:
            count = self._counts.get(job_id)
            if count is not None and revision > count.revision:
                count.revision, count.tick = revision, 0

    def tick(self, job_id: uuid.UUID, revision: int) -> int | None:
        """Reports since that revision; 0 when the board has not heard of it, None when it knows a newer one."""
        with self._lock:
            count = self._counts.get(job_id)
            if count is None or count.revision < revision:
                return 0
            return count.tick if count.revision == revision else None

    def sequence(self, job_id: uuid.UUID | None) -> tuple[int, int]:
        """The newest revision the board has heard of, and the reports since."""
        with self._lock:
            count = self._counts.get(job_id) if job_id is not None else None
            return (count.revision, count.tick) if count is not None else (0, 0)

    def standing(self, task_id: uuid.UUID, fence: int) -> Standing | None:
        """Where a task stands, None when it does not run here with that fence: a run that lost its lease tells nothing."""
        standing = self._standings.get(task_id)
        return standing if standing is not None and standing.claim.fence == fence else None

    def standings(self) -> list[Standing]:
        """All tasks that run here."""
        with self._lock:
            return list(self._standings.values())

    def watch(self, job_id: uuid.UUID, *, sharp: bool = False) -> None:
        """Somebody wants previews of this job, `sharp` ones perhaps, until `unwatch` with the same."""
        self._watchers[job_id] += 1
        if sharp:
            self._sharp_watchers[job_id] += 1

    def unwatch(self, job_id: uuid.UUID, *, sharp: bool = False) -> None:
        """One watcher less."""
        for watchers in (self._watchers, *((self._sharp_watchers,) if sharp else ())):
            watchers[job_id] -= 1
            if watchers[job_id] <= 0:
                del watchers[job_id]

    def watched(self, job_id: uuid.UUID | None) -> bool:
        """Whether anybody here wants previews of this job. From any thread."""
        return job_id in self._watchers

    def watched_sharply(self, job_id: uuid.UUID | None) -> bool:
        """Whether anybody here wants sharp previews of it. From any thread."""
        return job_id in self._sharp_watchers

    def listen(self, listener: Callable[[Iterable[uuid.UUID]], None]) -> None:
        """Call `listener` on the event loop with the jobs that have new reports; bursts merge."""
        self._listeners.append(listener)

    def _stepped(self, standing: Standing, event: Stepped, now: float) -> None:
        standing.step = event
        if event.steps:
            standing.counted = event
        if event.phase not in PACED or event.step < 1:
            return
        before = standing.newest_step
        if event.phase is Phase.DENOISING and before is not None and before[0] == event.step - 1:
            model = standing.claim.model_key or standing.claim.kind.value
            self._observer.step_time(model, now - before[1])
        standing.first_step = standing.first_step or (event.step, now)
        standing.newest_step = (event.step, now)

    def _tell(self) -> None:
        with self._lock:
            news, self._news = self._news, set()
        for listener in self._listeners:
            listener(news)
