"""What the GraphQL transports need of the rest of the server, handed over once by the composition root."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import strawberry
from starlette.requests import Request
from starlette.responses import Response

from app.graphql.rates import Rates
from app.graphql.settings import GraphQLSettings

Viewer = Any  # resolvers.identity.Viewer; the transports only pass it on
Admit = Callable[[str | None], Awaitable[Viewer | None]]
MakeContext = Callable[[Viewer, str], object]


class Observer(Protocol):
    """Hears what the transports do; app.metrics.Metrics is one."""

    def subscription_opened(self, transport: str) -> None:
        """A subscription began to stream over `transport`: websocket, sse or multipart."""

    def subscription_closed(self, transport: str) -> None:
        """It ended, however it ended."""

    def operation_ended(self, kind: str, outcome: str, seconds: float) -> None:
        """An operation of `kind` ended with `outcome`: ok, errors or failed."""


class Unobserved:
    """An observer that ignores everything."""

    def subscription_opened(self, transport: str) -> None:
        """Ignore it."""

    def subscription_closed(self, transport: str) -> None:
        """Ignore it."""

    def operation_ended(self, kind: str, outcome: str, seconds: float) -> None:
        """Ignore it."""


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """Everything the GraphQL view is built from.

    `admit` takes the secret of a request, or None when it carries none, and answers with the viewer, or None
    when that caller may not enter. It is asked again for as long as a stream is open, so a key that expires
    or is revoked ends its streams. `context` makes a fresh context for every operation. `draining` is set when
    the server begins to shut down. `public_errors` are exceptions whose words are meant for clients. `page`
    gives the explorer to browsers; None where there is none. `allowed` are the only documents that
    may run; None = all. `clock` gives seconds that never go back.
    """

    schema: strawberry.Schema
    admit: Admit
    context: MakeContext
    settings: GraphQLSettings = field(default_factory=GraphQLSettings)
    observer: Observer = field(default_factory=Unobserved)
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    public_errors: tuple[type[Exception], ...] = ()
    page: Callable[[Request], Response] | None = None
    allowed: tuple[str, ...] | None = None
    clock: Callable[[], float] = time.monotonic

    @cached_property
    def rates(self) -> Rates:
        """How often callers may ask, counted together over every transport and route of this wiring."""
        return Rates(self.settings, self.clock)


def request_id_of(scope: Mapping[str, Any]) -> str:
    """The id that the middleware gave this request or handshake; empty outside of it."""
    return str(scope.get("state", {}).get("request_id", ""))
