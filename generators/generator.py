"""The one protocol that everything which makes something follows."""

import dataclasses
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Protocol, runtime_checkable

from generators.catalog import Availability, Model
from generators.events import Event, Report
from generators.spec import ImageSpec, Spec, TextSpec, TrainingSpec

RELEASED = "released"
"""`task.cancel(RELEASED)`: the run is given up here to go on elsewhere, so no provider is told to stop its call."""


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
    """What earlier runs of the same task had committed before they died. `fence` is this run's own number."""

    calls: tuple[KnownCall, ...] = ()
    latents: KnownLatents | None = None
    text: str = ""
    fence: int = 0


class Live(Protocol):
    """The droppable side of a run: thread-safe, never waits."""

    def report(self, event: Report) -> None:
        """Say where the run stands; a newer report replaces one that nobody has read."""
        ...

    def preview_wanted(self) -> bool:
        """Whether somebody watches, so that a preview is worth making."""
        ...

    def sharp_wanted(self) -> bool:
        """Whether one of them asked for sharp previews, by the tiny autoencoder where there is one."""
        ...


class Generator(Protocol):
    """Makes what a spec asks for.

    `run` yields durable events; it asks for the next step of its own work only after the consumer pulled again,
    so an event that was yielded and followed by another pull is committed. Cancel = cancel the consuming task;
    `finally` blocks free slots and tell the provider (shielded, 5 s at most). A run that ends without a final
    event is a bug and becomes INTERNAL. With `task.cancel(RELEASED)` a provider's call is left running.
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


@runtime_checkable
class Checks(Protocol):
    """A generator that can tell before the run whether it can do what is asked."""

    def check(self, spec: ImageSpec) -> str | None:
        """What the spec's model cannot do of it, naming what it can; None = all is well."""
        ...


@runtime_checkable
class Estimates(Protocol):
    """A generator that costs money."""

    def estimate(self, spec: ImageSpec | TextSpec | TrainingSpec) -> Decimal:
        """US dollars that this may cost: the hold on a budget."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fate:
    """How a paid call ended. `billed` in US dollars; None = what it was estimated at."""

    provider_id: str
    succeeded: bool
    billed: Decimal | None


@runtime_checkable
class Recalls(Protocol):
    """A generator whose provider can be asked afterwards how a call ended."""

    async def fate(self, call: KnownCall) -> Fate | None:
        """How that call ended; None = it goes on, or cannot be known (now). Sends nothing that costs."""
        ...


@runtime_checkable
class Downloads(Protocol):
    """A generator whose models can be brought onto this machine."""

    def not_downloadable(self, key: str) -> str | None:
        """Why there is nothing to bring for that model; None = it can be brought."""
        ...


@runtime_checkable
class Writes(Protocol):
    """A generator that has a model for texts."""

    def text_model(self) -> str | None:
        """The key of the model that writes texts; None = nothing is configured."""
        ...


@runtime_checkable
class Finds(Protocol):
    """A generator that answers for more models than it lists."""

    def find(self, key: str) -> Model | None:
        """The row of that key; None = it is not one of its own."""
        ...
