"""The one protocol that everything which makes something follows."""

import dataclasses
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from generators.catalog import Availability, Model
from generators.events import Event, Report
from generators.spec import Spec


@dataclasses.dataclass(frozen=True, kw_only=True)
class KnownCall:
    """A paid call that an earlier run of this task committed. `provider_id` None = its fate is not known.

    `ended` = its CallEnded was committed, `succeeded` as that said. An ended call is over, unless it succeeded
    and its picture was lost: then the run fetches it again, or fails, and never pays twice.
    """

    key: str
    provider: str
    model: str
    provider_id: str | None = None
    unknown: bool = False
    ended: bool = False
    succeeded: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class KnownLatents:
    """Where an earlier run of this task had come to."""

    data: bytes
    step: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Known:
    """What earlier runs of the same task had committed before they died."""

    calls: tuple[KnownCall, ...] = ()
    latents: KnownLatents | None = None
    text: str = ""


class Live(Protocol):
    """The droppable side of a run: thread-safe, never waits."""

    def report(self, event: Report) -> None:
        """Say where the run stands; a newer report replaces one that nobody has read."""
        ...

    def preview_wanted(self) -> bool:
        """Whether somebody watches, so that a preview is worth making."""
        ...


class Generator(Protocol):
    """Makes what a spec asks for.

    `run` yields durable events; it asks for the next step of its own work only after the consumer pulled again,
    so an event that was yielded and followed by another pull is committed. Cancel = cancel the consuming task;
    `finally` blocks free slots and tell the provider (shielded, 5 s at most). A run that ends without a final
    event is a bug and becomes INTERNAL.
    """

    def models(self) -> Sequence[Model]:
        """The catalog rows it answers for; cheap, without loading anything."""
        ...

    def availability(self, key: str) -> Availability:
        """Whether that model can be used now; cheap."""
        ...

    def run(self, spec: Spec, known: Known, live: Live) -> AsyncIterator[Event]:
        """Make it."""
        ...

    async def start(self) -> None:
        """Begin to make ready in the background; returns at once."""
        ...

    async def close(self) -> None:
        """Free what it holds; runs are over by then."""
        ...
