"""Lets a provider rest after it failed several times in a row.

Knows failures and time; knows no provider. Closed = calls pass; open = none pass until the rest is over; half
open = one call at a time tries, and its fate decides. One instance serves one event loop.
"""

import enum

from generators.events import FailureKind
from generators.hosted.clock import Clock

_COUNTED = frozenset({FailureKind.PROVIDER_DOWN, FailureKind.TIMEOUT, FailureKind.OUTCOME_UNKNOWN})
_LONGEST = 10  # times the first rest
_TRIAL_SECONDS = 5.0  # after which to look again whether the one call that tries came through


class State(enum.Enum):
    """Whether calls pass."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


class Breaker:
    """One provider's breaker. `failures` in a row open it for `rest` seconds, doubled at each failed trial."""

    def __init__(self, name: str, clock: Clock, failures: int = 5, rest: float = 30.0) -> None:
        self.name = name
        self._clock = clock
        self._allowed = failures
        self._rest = rest
        self._count = 0
        self._trips = 0
        self._until = 0.0
        self._trying = False
        self._words = ""

    @property
    def state(self) -> State:
        """Where it stands now."""
        if self._clock.now() < self._until:
            return State.OPEN
        return State.HALF_OPEN if self._trips else State.CLOSED

    def wait(self) -> float:
        """Seconds until a call may pass; 0 = now."""
        rest = max(0.0, self._until - self._clock.now())
        if not rest and self._trips and self._trying:
            return min(self._rest, _TRIAL_SECONDS)
        return rest

    def reason(self) -> str | None:
        """A sentence for people while no call passes, else None."""
        if self.state is not State.OPEN:
            return None
        return f"{self.name} is given a rest for {self.wait():.0f} more seconds. {self._words}".strip()

    def enter(self) -> bool:
        """Ask to make a call; True must be followed by succeeded(), failed() or left()."""
        if self.wait() > 0:
            return False
        self._trying = self._trips > 0
        return True

    def succeeded(self) -> None:
        """The provider answered as it should: all is forgotten."""
        self._count = self._trips = 0
        self._until = 0.0
        self._trying = False

    def left(self) -> None:
        """The call ended without saying anything about the provider (cancelled, or refused for what it asked)."""
        self._trying = False

    def failed(self, kind: FailureKind, words: str, retry_after: float | None = None) -> None:
        """The call failed; only the provider's own failures count, and a rate limit rests as long as it says."""
        self._trying = False
        if kind is FailureKind.RATE_LIMITED:
            self._words = words
            self._until = max(self._until, self._clock.now() + (retry_after or 0.0))
            return
        if kind not in _COUNTED:
            self.succeeded()  # it answered, so it is up
            return
        self._count += 1
        if self._count >= self._allowed or self._trips:
            self._words = words
            self._until = self._clock.now() + min(self._rest * 2**self._trips, self._rest * _LONGEST)
            self._trips += 1
            self._count = 0
