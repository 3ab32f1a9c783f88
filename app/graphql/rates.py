"""How often one key may ask: so many requests a second on average, and so many at once.

A token bucket for each key, kept as one number: the moment at which it will be full again. In the memory of this
process: a restart forgets, and two servers count apart. Who has no key is the local owner, or is not let in at all.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

from app.graphql.refusals import ErrorCode, RequestError, formatted
from app.graphql.settings import GraphQLSettings

MOST_KEYS = 10_000  # about 2 MB; the key that asked the longest ago is forgotten: its bucket is full again
ROUNDING = 1e-6  # seconds; what floating point may make of a limit just reached


class Rates:
    """The buckets of one server; `clock` gives seconds that never go back."""

    def __init__(self, settings: GraphQLSettings, clock: Callable[[], float]) -> None:
        self._per_second = settings.rate_per_second
        self._burst = settings.rate_burst
        self._keyless = settings.rate_keyless
        self._clock = clock
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()

    def spend(self, viewer: Any) -> None:
        """Count one request of that caller.

        Raises:
            RequestError: RATE_LIMITED, 429, with the seconds to wait; a refused request costs nothing.
        """
        key = getattr(viewer, "key_id", None)
        if not self._per_second or (key is None and not self._keyless):
            return
        now, each = self._clock(), 1 / self._per_second
        full_at = max(now, self._full_at.get(key, now)) + each
        wait = full_at - now - self._burst * each
        if wait > ROUNDING:
            raise self._refusal(wait)
        self._full_at[key] = full_at
        self._full_at.move_to_end(key)
        if len(self._full_at) > MOST_KEYS:
            self._full_at.popitem(last=False)

    def _refusal(self, wait: float) -> RequestError:
        seconds = math.ceil(wait)
        message = (
            f"This key has asked too often: {self._per_second:g} requests a second are allowed, and {self._burst} at "
            f"once after a rest. Ask again in {seconds} s."
        )
        error = formatted(message, ErrorCode.RATE_LIMITED, retryAfterSeconds=seconds)
        return RequestError([error], status=429, headers={"retry-after": str(seconds)})
