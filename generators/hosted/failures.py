"""What can go wrong with a provider, in one closed set.

Knows statuses, Retry-After and how a broken connection looks in every client; the providers' own codes are in
their modules. Keeps the provider's words, never a key.
"""

import email.utils
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal

from generators.events import Failed, FailureKind

_MAX_WORDS = 2000
_KEYS = re.compile(
    r"(?:sk-[\w*.-]{6,}|r8_[\w*]{4,}|AIza[\w*-]{6,}|whsec_\S{4,}|cloudinary://\S+|(?<=Bearer )[^\s\"']+)",
    re.ASCII,
)
# Exceptions (by class name: httpx, httpx2 and aiohttp share no classes) that say nothing has been sent.
_UNSENT = frozenset(
    {
        "ConnectError",
        "ConnectTimeout",
        "PoolTimeout",
        "UnsupportedProtocol",
        "ClientConnectorError",
        "gaierror",
    }
)
_BY_STATUS: Mapping[int, FailureKind] = {
    401: FailureKind.AUTHENTICATION,
    402: FailureKind.OUT_OF_CREDIT,
    403: FailureKind.AUTHENTICATION,
    408: FailureKind.TIMEOUT,
    420: FailureKind.RATE_LIMITED,
    429: FailureKind.RATE_LIMITED,
    504: FailureKind.TIMEOUT,
}
_RETRYABLE = frozenset({FailureKind.RATE_LIMITED, FailureKind.PROVIDER_DOWN, FailureKind.TIMEOUT})
_SERVER_ERROR = 500


class Trouble(Exception):  # noqa: N818 - it is what happened, not a kind of bug
    """A call that came to nothing.

    `ambiguous` = the provider may have taken and billed it; it must not be sent again by itself.
    `billed` in US dollars. `open` = the call goes on at the provider, only our view of it broke. `made` = the
    provider did its work, and only the result is lost. `tried` False = nothing was sent: the provider rests.
    """

    def __init__(
        self,
        kind: FailureKind,
        words: str,
        *,
        retryable: bool | None = None,
        retry_after: float | None = None,
        ambiguous: bool = False,
    ) -> None:
        super().__init__(words)
        self.kind = kind
        self.words = words
        self.retryable = kind in _RETRYABLE if retryable is None else retryable
        self.retry_after = retry_after
        self.ambiguous = ambiguous
        self.billed = Decimal(0)
        self.open = False
        self.made = False
        self.tried = True

    def failed(self) -> Failed:
        """The final event that says so."""
        return Failed(
            kind=self.kind,
            words=self.words,
            retryable=self.retryable,
            retry_after=self.retry_after,
            tried=self.tried,
        )


def redact(words: str, secrets: Iterable[str] = ()) -> str:
    """The same words without any key, at most 2,000 characters."""
    for secret in secrets:
        words = words.replace(secret, "[key]")
    return _KEYS.sub("[key]", words)[:_MAX_WORDS]


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait as the headers say (`retry-after-ms`, or `retry-after` as seconds or HTTP date); else None."""
    milliseconds = headers.get("retry-after-ms", "")
    if milliseconds.replace(".", "", 1).isdigit():
        return float(milliseconds) / 1000
    value = headers.get("retry-after", "").strip()
    if value.replace(".", "", 1).isdigit():
        return float(value)
    parsed = email.utils.parsedate_tz(value) if value else None
    return max(0.0, email.utils.mktime_tz(parsed) - now) if parsed else None


def status_trouble(status: int, words: str, *, wait: float | None = None, own_words: bool = True) -> Trouble:
    """Trouble for an HTTP status when the provider's own code says no more.

    `own_words` False = the body is not the provider's (a gateway's HTML): after a 5xx the call may still run.
    """
    kind = _BY_STATUS.get(status)
    if kind is None:
        kind = FailureKind.PROVIDER_DOWN if status >= _SERVER_ERROR else FailureKind.BAD_REQUEST
    ambiguous = status >= _SERVER_ERROR and not own_words
    return Trouble(kind, words, retry_after=wait, ambiguous=ambiguous)


def unsent(error: BaseException) -> bool:
    """Whether that error says that no byte of the request left this machine."""
    seen: BaseException | None = error
    while seen is not None:
        if any(kind.__name__ in _UNSENT for kind in type(seen).__mro__):
            return True
        seen = seen.__cause__
    return False


def connection_trouble(provider: str, error: BaseException) -> Trouble:
    """Trouble for a connection that broke or timed out; ambiguous unless nothing had been sent."""
    if unsent(error):
        return Trouble(FailureKind.PROVIDER_DOWN, f"{provider} could not be reached.")
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        return Trouble(FailureKind.TIMEOUT, f"{provider} did not answer in time.", ambiguous=True)
    return Trouble(
        FailureKind.PROVIDER_DOWN,
        f"The connection to {provider} broke before it had answered.",
        ambiguous=True,
    )
