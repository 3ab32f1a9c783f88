"""When a failed task may try again: exponential, capped, with jitter, never before Retry-After."""

import dataclasses

LARGEST_EXPONENT = 10
JITTER = 0.1


@dataclasses.dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """`max_tries` retryable failures end a task. `noise` is random in 0..1, drawn anew for each failure."""

    max_tries: int = 5
    noise: float = 0.5


def seconds_until_retry(tries: int, *, noise: float, retry_after: float | None = None) -> float:
    """How long to wait after the `tries`-th failure (1, 2, …).

    2**min(tries, 10) seconds within ±10 % (the shape of Oban's backoff); at least `retry_after` seconds.
    """
    delay = 2.0 ** min(tries, LARGEST_EXPONENT) * (1 - JITTER + 2 * JITTER * noise)
    return max(delay, retry_after or 0.0)
