"""How a paid call is made: once.

Intent first, committed by the consumer's next pull; then one POST with every retry off; the provider's id at
once; then our own polling; then the end with what it cost. A call whose fate is unknown is looked for where the
provider can list, and is never sent again from here. Knows no provider.
"""

import asyncio
import dataclasses
import logging
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from decimal import Decimal
from typing import Any, Generic, Protocol, TypeVar

from generators.events import (
    CallAccepted,
    CallEnded,
    CallIntended,
    CallUnknown,
    Event,
    FailureKind,
    Phase,
    Stepped,
    TextGrown,
)
from generators.generator import RELEASED, KnownCall, Live
from generators.hosted.clock import Clock
from generators.hosted.entry import Entry
from generators.hosted.failures import Trouble
from generators.spec import Conditioning

_STOP_SECONDS = 5.0
_LOOK_SECONDS = (2.0, 5.0, 10.0, 20.0)
_log = logging.getLogger(__name__)

S = TypeVar("S")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reference:
    """One picture that holds the likeness, opened."""

    data: bytes
    media_type: str
    held: Conditioning


@dataclasses.dataclass(frozen=True, kw_only=True)
class Order(Generic[S]):
    """What one paid call asks for. `key` carries the time of the intent; `estimate` in US dollars."""

    key: str
    spec: S
    entry: Entry
    estimate: Decimal
    references: tuple[Reference, ...] = ()
    mask: bytes | None = None
    fallback_from: str | None = None

    @property
    def begun(self) -> float:
        """Seconds since 1970 at which the call was intended."""
        return int(self.key.split("-")[0], 16) / 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sent:
    """The provider has the call. `answer` is whatever the same caller needs to finish it."""

    provider_id: str | None
    answer: Any = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Made:
    """The result: the final event, and US dollars as billed."""

    final: Event
    cost: Decimal


class Caller(Protocol[S]):
    """One provider's way of making one kind of thing. Every failure is a Trouble."""

    name: str
    resumable: bool  # whether a call can be asked for again by the provider's id, listed and stopped

    async def send(self, order: Order[S], live: Live) -> Sent:
        """The one POST."""
        ...

    def finish(self, order: Order[S], sent: Sent, live: Live) -> AsyncGenerator[TextGrown | Made, None]:
        """Wait for the result; the last thing yielded is `Made`."""
        ...

    async def find(self, order: Order[S], /) -> str | None:
        """The provider's id of a call that may have arrived, None = not listed (yet)."""
        ...

    async def stop(self, provider_id: str, /) -> None:
        """Tell the provider to stop."""
        ...


class Synchronous:
    """For providers that answer the POST itself: nothing is listed, nothing can be stopped."""

    resumable = False

    async def find(self, _order: Order[Any], /) -> str | None:
        """Never found."""
        return None

    async def stop(self, _provider_id: str, /) -> None:
        """Nothing to stop."""


def new_key(clock: Clock) -> str:
    """A name for a call that no other call has, with its time in it (milliseconds, hexadecimal)."""
    return f"{int(clock.now() * 1000):012x}-{secrets.token_hex(8)}"


def open_call(calls: tuple[KnownCall, ...]) -> KnownCall | None:
    """The call of an earlier run that must be seen to before anything is sent: the last one not failed."""
    waiting = [call for call in calls if not call.ended or call.succeeded]
    return waiting[-1] if waiting else None


class PaidCall(Generic[S]):
    """One call, from intent to end. Raises Trouble after the event that records it."""

    def __init__(
        self, caller: Caller[S], order: Order[S], live: Live, clock: Clock, unknown_seconds: float
    ) -> None:
        """`unknown_seconds` = how long after the intent a lost call is looked for."""
        self._caller = caller
        self._order = order
        self._live = live
        self._clock = clock
        self._unknown_seconds = unknown_seconds

    async def fresh(self) -> AsyncGenerator[Event, None]:
        """Send it and see it through."""
        order = self._order
        yield CallIntended(
            key=order.key,
            provider=order.entry.provider.value,
            model=order.entry.model.key,
            estimate=order.estimate,
        )
        try:
            sent = await self._send()
        except Trouble as trouble:
            if not trouble.ambiguous:
                yield CallEnded(key=order.key, succeeded=False, cost=trouble.billed)
                raise
            yield CallUnknown(key=order.key, words=trouble.words)
            sent = await self._find(trouble.words)
        if sent.provider_id:
            yield CallAccepted(key=order.key, provider_id=sent.provider_id)
        async with aclosing(self._follow(sent, ended=False)) as events:
            async for event in events:
                yield event

    async def resumed(self, known: KnownCall) -> AsyncGenerator[Event, None]:
        """See through what an earlier run had begun; sends nothing that costs."""
        sent = Sent(provider_id=known.provider_id)
        if not self._caller.resumable:
            if not known.ended and not known.unknown:
                yield CallUnknown(key=known.key, words="The server stopped while the call was under way.")
            raise _unknown(self._caller.name, lost=known.ended)
        if known.provider_id is None:
            words = "The server stopped while the call was being sent."
            if not known.unknown:
                yield CallUnknown(key=known.key, words=words)
            sent = await self._find(words)
            assert sent.provider_id is not None
            yield CallAccepted(key=known.key, provider_id=sent.provider_id)
        async with aclosing(self._follow(sent, ended=known.ended)) as events:
            async for event in events:
                yield event

    async def _follow(self, sent: Sent, *, ended: bool) -> AsyncGenerator[Event, None]:
        key = self._order.key
        try:
            async with aclosing(self._parts(sent)) as parts:
                async for part in parts:
                    if not isinstance(part, Made):
                        yield part
                        continue
                    if not ended:
                        yield CallEnded(key=key, succeeded=True, cost=part.cost)
                    yield part.final
                    return
        except Trouble as trouble:
            if trouble.ambiguous:
                yield CallUnknown(key=key, words=trouble.words)
                raise _unknown(self._caller.name, words=trouble.words) from trouble
            if not trouble.open and not ended:
                yield CallEnded(key=key, succeeded=trouble.made, cost=trouble.billed)
            raise

    async def _parts(self, sent: Sent) -> AsyncGenerator[TextGrown | Made, None]:
        """What the caller yields; a cancel that reaches it is passed on to the provider."""
        try:
            async with aclosing(self._caller.finish(self._order, sent, self._live)) as parts:
                async for part in parts:
                    yield part
        except asyncio.CancelledError as error:
            await self._stop(sent, error)
            raise

    async def _send(self) -> Sent:
        task = asyncio.create_task(self._caller.send(self._order, self._live))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError as error:
            # The id may be on its way: without it the provider could not be told to stop.
            if self._caller.resumable:
                await asyncio.wait({task}, timeout=_STOP_SECONDS)
            if task.done() and not task.cancelled() and task.exception() is None:
                await self._stop(task.result(), error)
            task.cancel()
            raise

    async def _stop(self, sent: Sent, error: asyncio.CancelledError) -> None:
        if not self._caller.resumable or not sent.provider_id or RELEASED in error.args:
            return
        task = asyncio.create_task(self._caller.stop(sent.provider_id))
        await asyncio.wait({task}, timeout=_STOP_SECONDS)
        if not task.done():
            task.cancel()
        elif (failure := task.exception()) is not None:
            _log.warning("%s could not be told to stop %s: %s", self._caller.name, sent.provider_id, failure)

    async def _find(self, words: str) -> Sent:
        name, tries = self._caller.name, 0
        until = self._order.begun + self._unknown_seconds
        while self._caller.resumable:
            self._live.report(Stepped(phase=Phase.WAITING_FOR_PROVIDER))
            try:
                found = await self._caller.find(self._order)
            except Trouble as trouble:
                _log.info("%s could not be asked for its calls: %s", name, trouble.words)
                found = None
            if found is not None:
                return Sent(provider_id=found)
            if self._clock.now() >= until:
                break
            await self._clock.sleep(_LOOK_SECONDS[min(tries, len(_LOOK_SECONDS) - 1)])
            tries += 1
        raise _unknown(name, words=words)


def _unknown(name: str, words: str = "", *, lost: bool = False) -> Trouble:
    if lost:
        said = f"{name} made the picture and billed it, but it was lost when the server stopped."
    else:
        said = f"Whether {name} took the call cannot be known. {words}".strip()
    return Trouble(FailureKind.OUTCOME_UNKNOWN, f"{said} It is not sent again by itself; retry to do so.")
