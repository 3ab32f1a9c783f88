"""Turns what happened into rows: each durable event is one transaction behind the fence.

Pulling is the barrier: the runner asks the generator for the next event only after `record` returned. Doing
an event twice is the same as doing it once, so a commit whose fate is unknown may be repeated.
"""

import contextlib
import dataclasses
import random
import uuid
from collections.abc import Mapping
from decimal import Decimal

import structlog
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from executor.board import Board
from executor.chores import Write
from executor.content.guard import Guard, spoken
from executor.finishing import Finisher, Ready
from executor.looking import Looks, unseen
from executor.metrics import Observer, Silent
from executor.patience import persistently
from executor.rewriting import EndOfText
from executor.training import Sample, Trained
from generators.events import (
    AdapterMade,
    CallAccepted,
    CallEnded,
    CallIntended,
    CallUnknown,
    Downloaded,
    Event,
    Failed,
    FailureKind,
    ImageMade,
    LatentsSaved,
    SampleMade,
    TextGrown,
    TextMade,
)
from store.database.ids import new_id
from store.database.sessions import Database
from store.database.tables import CallState, JobKind, ProviderCall, Task, Variant
from store.events import Change, changed
from store.files.vault import Vault
from store.pictures import BytesGone
from store.queue import Claim, Failure, Held, RetryPolicy, close_lane, fail, finish, hold, revise

log = structlog.get_logger(__name__)
CLOSING = frozenset({FailureKind.RATE_LIMITED, FailureKind.PROVIDER_DOWN})


class Recorder:
    """Writes the events of one run. `text` grows with what was said, so that repeating a write changes nothing."""

    def __init__(self, tools: "Tools", claim: Claim, text: str = "", looks: Looks = unseen) -> None:
        """`looks` = the quick looks of a picture that was shown before it was packed."""
        self._tools = tools
        self._claim = claim
        self._text = text
        self._looks = looks
        self.outcome: str | None = None

    async def record(self, event: Event) -> None:
        """Commit what `event` means; sets `outcome` when it was the final one.

        Raises:
            LeaseLostError: nothing was written; the run must stop.
        """
        match event:
            case LatentsSaved():
                await self._save_latents(event)
            case CallIntended() | CallAccepted() | CallEnded() | CallUnknown():
                await self._write(lambda session, held: self._note_call(session, held, event))
            case TextGrown():
                await self._grow(event)
            case SampleMade():
                await self._keep_sample(event)
            case _:
                await self._end(event)

    async def _end(self, event: ImageMade | TextMade | AdapterMade | Downloaded | Failed) -> None:
        match event:
            case ImageMade():
                await self._keep_image(event)
            case TextMade():
                await self._end_text(event)
            case AdapterMade():
                await self._keep_adapter(event)
            case Downloaded():
                await self._write(_brought)
                self.outcome = "SUCCEEDED"
            case Failed():
                await self._fail(event)

    async def fenced(self, write: Write) -> None:
        """One write of a chore, behind the fence."""
        await self._write(write)

    async def end(self, write: Write) -> None:
        """The last write of a chore, together with the end of its task."""

        async def last(session: AsyncSession, held: Held) -> None:
            await write(session, held)
            await finish(session, held)

        await self._write(last)
        self.outcome = "SUCCEEDED"

    async def _write(self, write: Write) -> None:
        """One transaction: the fence, the write, the commit; then the board learns the new revision."""

        async def once() -> int | None:
            async with self._tools.db.begin() as session:
                held = await hold(session, self._claim)
                await write(session, held)
                return held.job.revision if held.job is not None else None

        revision = await persistently(once)
        if revision is not None and self._claim.job_id is not None:
            self._tools.board.committed(self._claim.job_id, revision)

    async def _save_latents(self, event: LatentsSaved) -> None:
        stored = await self._tools.vault.put_async(event.data)
        before: list[str] = []

        async def write(_session: AsyncSession, held: Held) -> None:
            if held.task.latents is not None and held.task.latents != stored.sha256:
                before.append(held.task.latents)
            held.task.latents, held.task.latents_step = stored.sha256, event.step
            held.task.advanced = True

        await self._write(write)
        for sha256 in set(before):
            await drop_latents(self._tools, sha256, of=self._claim.task_id)

    async def _note_call(
        self, session: AsyncSession, held: Held, event: CallIntended | CallAccepted | CallEnded | CallUnknown
    ) -> None:
        if isinstance(event, CallIntended):
            await _intend(session, held, event)
            held.task.advanced = True
            return
        call = await session.scalar(
            select(ProviderCall)
            .where(ProviderCall.task_id == held.task.id, ProviderCall.key == event.key)
            .execution_options(populate_existing=True)
        )
        if call is None:
            raise ValueError(f"The call {event.key!r} was never intended.")
        call.updated_at = func.clock()
        match event:
            case CallAccepted():
                call.state, call.provider_id = CallState.ACCEPTED, event.provider_id
                if held.variant is not None:
                    held.variant.provider_job_id = event.provider_id
            case CallEnded():
                _bill(held, event.cost - (call.cost or Decimal(0)))
                call.state = CallState.SUCCEEDED if event.succeeded else CallState.FAILED
                call.cost = event.cost
            case CallUnknown():
                call.state, call.words = CallState.UNKNOWN, event.words
        held.task.advanced = True
        if held.job is not None:
            revise(session, held.job)

    async def _grow(self, event: TextGrown) -> None:
        text = self._text + event.text

        async def write(session: AsyncSession, held: Held) -> None:
            held.task.advanced = True
            if held.job is not None:
                held.job.text = text
                revise(session, held.job)

        await self._write(write)
        self._text = text

    async def _end_text(self, event: TextMade) -> None:
        found = self._tools.guard.refuses(spoken(self._text))
        if found is not None:
            words = f"The text model's words are not kept: {found.sentence}"
            await self._fail(Failed(kind=FailureKind.REJECTED_CONTENT, words=words), forget_text=True)
            return

        async def write(session: AsyncSession, held: Held) -> None:
            end = self._tools.ends.get(held.job.kind) if held.job is not None else None
            await (finish(session, held) if end is None else end(session, held, event))

        await self._write(write)
        self.outcome = "SUCCEEDED"

    async def _keep_image(self, event: ImageMade) -> None:
        finisher = self._tools.finisher
        kept: list[Variant] = []
        while self.outcome is None:
            ready = await finisher.prepare(event, self._claim, self._looks(event))

            async def keep(session: AsyncSession, held: Held, ready: Ready = ready) -> None:
                kept[:] = [await finisher.keep(session, held, event, ready)]

            with contextlib.suppress(BytesGone):  # deleted with somebody's last row just now: stored anew
                await self._write(keep)
                self.outcome = "SUCCEEDED"
                await finisher.copy(kept[0], ready)

    async def _keep_sample(self, event: SampleMade) -> None:
        trained, kept = self._tools.trained, False
        while not kept:
            sample = await trained.prepare(event, self._claim)

            async def keep(session: AsyncSession, held: Held, sample: Sample = sample) -> None:
                await trained.keep_sample(session, held, event, sample)

            with contextlib.suppress(BytesGone):  # deleted with somebody's last row just now: stored anew
                await self._write(keep)
                kept = True

    async def _keep_adapter(self, event: AdapterMade) -> None:
        stored = await self._tools.vault.put_async(event.data)

        async def keep(session: AsyncSession, held: Held) -> None:
            await self._tools.trained.keep_adapter(session, held, event, stored)

        await self._write(keep)
        self.outcome = "SUCCEEDED"

    async def _fail(self, event: Failed, *, forget_text: bool = False) -> None:
        failure = Failure(
            code=event.kind.value,
            message=event.words,
            retryable=event.retryable,
            retry_after=event.retry_after,
            tried=event.tried,
        )
        policy = RetryPolicy(max_tries=self._tools.max_tries, noise=self._tools.randomness.random())

        async def write(session: AsyncSession, held: Held) -> None:
            if forget_text and held.job is not None:
                held.job.text = None
            again = await fail(session, held, failure, policy)
            if event.kind in CLOSING and event.retry_after and held.task.lane != "local":
                await close_lane(session, held.task.lane, seconds=event.retry_after, reason=event.words)
            self.outcome = "RETRIED" if again else "FAILED"

        await self._write(write)
        self._tools.observer.provider_error(self._claim.lane, event.kind.value)
        log.warning("run failed", code=event.kind.value, words=event.words, again=self.outcome == "RETRIED")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tools:
    """What recording needs. `randomness` spreads retries; `ends` = what the end of a text means, by kind of job."""

    db: Database
    vault: Vault
    board: Board
    finisher: Finisher
    trained: Trained
    max_tries: int = 5
    randomness: random.Random = dataclasses.field(default_factory=random.SystemRandom)
    ends: Mapping[JobKind, EndOfText] = dataclasses.field(default_factory=dict)
    guard: Guard = dataclasses.field(default_factory=Guard)
    observer: Observer = dataclasses.field(default_factory=Silent)


async def drop_latents(tools: Tools, sha256: str, *, of: uuid.UUID) -> None:
    """Delete a saved state of the task `of`, unless another task refers to equal bytes."""

    async def needed() -> bool:
        others = select(Task.id).where(Task.latents == sha256, Task.id != of).limit(1)
        async with tools.db.session() as session:
            return await session.scalar(others) is not None

    if not await persistently(needed):
        await tools.vault.delete_async(sha256)


async def _brought(session: AsyncSession, held: Held) -> None:
    """A download ends; every server with the same files is to look at them."""
    await finish(session, held)
    changed(session, Change(job_id=None, catalog=True))


async def _intend(session: AsyncSession, held: Held, event: CallIntended) -> None:
    row = insert(ProviderCall).values(
        id=new_id(),
        task_id=held.task.id,
        key=event.key,
        provider=event.provider,
        model=event.model,
        estimate=event.estimate,
    )
    await session.execute(row.on_conflict_do_nothing(index_elements=["task_id", "key"]))


def _bill(held: Held, cost: Decimal) -> None:
    """Add a call's cost once: repeating the event adds nothing."""
    if held.job is not None:
        held.job.cost_usd += cost
    if held.variant is not None:
        held.variant.cost_usd = (held.variant.cost_usd or Decimal(0)) + cost
