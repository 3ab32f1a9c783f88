"""Publish and subscribe: who waits for news of a job, told after each commit.

The tables are the truth; an event only says "look again". Knows no executor and no transport. Every
subscriber has one slot in which changes of the same job merge, so a slow reader costs nothing and misses
nothing. `store.wire` carries the same news between servers.
"""

import asyncio
import contextlib
import dataclasses
import enum
import uuid
from collections.abc import Callable, Iterator

from sqlalchemy.ext.asyncio import AsyncSession

from store.database.sessions import Database, after_commit

_BROADCAST = "likeness.broadcast"  # where a session's `info` carries the Broadcast that its commits feed
_CHANGES = "likeness.changes"


class Topic(enum.Enum):
    """What can be listened to besides one job."""

    WORK = "WORK"  # new tasks may be claimed
    CANCELED = "CANCELED"  # jobs whose runs must stop
    ALL = "ALL"  # every job that changed
    CATALOG = "CATALOG"  # files of models came or went


@dataclasses.dataclass(frozen=True, kw_only=True)
class Change:
    """A job whose committed state is new. `job_id` None = tasks that belong to no job, or none at all.

    `catalog`: what can be used on the machines that share these files may be another.
    """

    job_id: uuid.UUID | None
    queued: bool = False
    canceled: bool = False
    catalog: bool = False

    def joined(self, before: "Change") -> "Change":
        """With what an earlier one of the same job says."""
        return Change(
            job_id=self.job_id,
            queued=self.queued or before.queued,
            canceled=self.canceled or before.canceled,
            catalog=self.catalog or before.catalog,
        )

    def topics(self) -> Iterator[uuid.UUID | Topic]:
        """Whom it concerns."""
        if self.job_id is not None:
            yield self.job_id
            yield Topic.ALL
        if self.queued:
            yield Topic.WORK
        if self.canceled:
            yield Topic.CANCELED
        if self.catalog:
            yield Topic.CATALOG


class Slot:
    """One subscriber's letter box: the ids that changed since it last looked, each once.

    `missed` tells that news may have been lost (a broken connection), so everything must be read again.
    """

    def __init__(self) -> None:
        self._ids: dict[uuid.UUID, None] = {}
        self._news = asyncio.Event()
        self._changes = asyncio.Event()
        self.missed = False

    def put(self, job_id: uuid.UUID | None, *, missed: bool = False) -> None:
        """Leave a note. On the event loop only."""
        if job_id is not None:
            self._ids[job_id] = None
            self._changes.set()
        self.missed = self.missed or missed
        self._news.set()

    async def wait(self, timeout: float | None = None) -> bool:
        """Until there is news, or `timeout` seconds are over (False)."""
        return await _happens(self._news, timeout)

    async def wait_for_change(self, timeout: float | None = None) -> bool:
        """As `wait`, for a change that was committed; reports do not end it."""
        return await _happens(self._changes, timeout)

    @property
    def pending(self) -> bool:
        """Whether an id waits in the box; without one the news is a report that nobody committed."""
        return bool(self._ids)

    def take(self) -> list[uuid.UUID]:
        """The ids that changed, oldest first; empties the box."""
        ids = list(self._ids)
        self._ids.clear()
        self._news.clear()
        self._changes.clear()
        self.missed = False
        return ids


async def _happens(event: asyncio.Event, timeout: float | None) -> bool:
    if event.is_set():
        return True
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout):
            await event.wait()
    return event.is_set()


class Broadcast:
    """In-process publish and subscribe, on one event loop."""

    def __init__(self) -> None:
        self._slots: dict[uuid.UUID | Topic, set[Slot]] = {}
        self._outlets: list[Callable[[Change], None]] = []

    def attach(self, db: Database) -> None:
        """Publish from now on what sessions of this Database commit."""
        db.sessions.configure(info={_BROADCAST: self})

    def publish(self, change: Change) -> None:
        """Tell everybody here and, through the outlets, everybody elsewhere. After the commit, never before."""
        self.deliver(change)
        for outlet in self._outlets:
            outlet(change)

    def deliver(self, change: Change) -> None:
        """Tell the subscribers of this process only."""
        for topic in change.topics():
            for slot in self._slots.get(topic, ()):
                slot.put(change.job_id)

    def resync(self) -> None:
        """Tell everybody that news may have been lost."""
        for topic, slots in self._slots.items():
            for slot in slots:
                slot.put(topic if isinstance(topic, uuid.UUID) else None, missed=True)

    @contextlib.contextmanager
    def subscribe(self, topic: uuid.UUID | Topic) -> Iterator[Slot]:
        """A slot that receives changes of one job, or of a topic, while the block lasts."""
        slot = Slot()
        self._slots.setdefault(topic, set()).add(slot)
        try:
            yield slot
        finally:
            others = self._slots[topic]
            others.discard(slot)
            if not others:
                del self._slots[topic]

    def add_outlet(self, outlet: Callable[[Change], None]) -> None:
        """Also hand every change published here to `outlet` (which must not wait)."""
        self._outlets.append(outlet)

    def subscribers(self, topic: uuid.UUID | Topic) -> int:
        """How many slots listen to a topic."""
        return len(self._slots.get(topic, ()))


def changed(session: AsyncSession, change: Change) -> None:
    """Publish `change` when the session's `begin()` block has committed, and never otherwise.

    Changes of one job merge. Without a Broadcast attached to the session's Database nothing is published.
    """
    pending: dict[uuid.UUID | None, Change] | None = session.info.get(_CHANGES)
    if pending is None:
        pending = session.info[_CHANGES] = {}
        after_commit(session, lambda: _publish(session))
    pending[change.job_id] = change.joined(pending.get(change.job_id, change))


def _publish(session: AsyncSession) -> None:
    pending: dict[uuid.UUID | None, Change] = session.info.pop(_CHANGES)
    broadcast: Broadcast | None = session.info.get(_BROADCAST)
    if broadcast is not None:
        for change in pending.values():
            broadcast.publish(change)
