"""Reads the Accept header: which of our media types a client wants, by q-value, precision and order.

RFC 9110 §12.5.1 leaves ties open; we break them by the order in the header, since clients such as urql list
`text/event-stream` last in every request and mean it as a last resort.
"""

from dataclasses import dataclass
from enum import Enum

from app.graphql.refusals import ErrorCode, RequestError, refuse


class Answer(Enum):
    """The media types we can answer with."""

    GRAPHQL = "application/graphql-response+json"
    JSON = "application/json"
    EVENTS = "text/event-stream"
    MULTIPART = "multipart/mixed"
    HTML = "text/html"


SINGLE = (Answer.JSON, Answer.GRAPHQL)
STREAMS = (Answer.EVENTS, Answer.MULTIPART)
MAX_RANGES = 32  # media ranges that are read; browsers send about eight


@dataclass(frozen=True)
class MediaRange:
    """One entry of the header, such as `multipart/mixed;subscriptionSpec=1.0;q=0.9`."""

    kind: str
    parameters: dict[str, str]
    q: float
    place: int

    def precision(self, answer: Answer) -> int:
        """How exactly this entry names `answer`: 0 not at all, 1 `*/*`, 2 `type/*`, 3 by name."""
        if self.kind == answer.value:
            return 0 if self._asks_for_another_dialect(answer) else 3
        if answer in (Answer.MULTIPART, Answer.EVENTS, Answer.HTML):
            return 0  # a wildcard asks for an ordinary answer, never for a stream or a page
        if self.kind == f"{answer.value.split('/')[0]}/*":
            return 2
        return 1 if self.kind == "*/*" else 0

    def _asks_for_another_dialect(self, answer: Answer) -> bool:
        """Multipart without `subscriptionSpec=1.0` is incremental delivery, which we do not speak."""
        return answer is Answer.MULTIPART and not self.parameters.get("subscriptionspec", "").startswith(
            "1.0"
        )


class Accept:
    """A parsed Accept header; a missing or empty one accepts everything and means JSON."""

    def __init__(self, header: str | None) -> None:
        text = (header or "").strip() or "*/*"
        parts = [part for part in text.split(",") if part.strip()][:MAX_RANGES]
        self._ranges = [_media_range(part, place) for place, part in enumerate(parts)]

    def ranked(self, answers: tuple[Answer, ...]) -> list[Answer]:
        """Those of `answers` that are acceptable, best first; a tie goes to the earlier in `answers`."""
        scored = [(score, answer) for answer in answers if (score := self._score(answer)) is not None]
        return [answer for _, answer in sorted(scored, key=lambda pair: pair[0])]

    def wants_page(self) -> bool:
        """Whether a browser asks: HTML by name, ranked before any JSON."""
        ranked = self.ranked((Answer.HTML, *SINGLE))
        return bool(ranked) and ranked[0] is Answer.HTML

    def for_single_result(self) -> Answer:
        """The answer for a query or mutation: JSON or an event stream, whichever ranks first; else multipart.

        Raises:
            RequestError: 406 when none of our types is acceptable.
        """
        if ranked := self.ranked((*SINGLE, Answer.EVENTS)) or self.ranked(STREAMS):
            return ranked[0]
        raise not_acceptable("Answers come as application/graphql-response+json or application/json.")

    def for_subscription(self) -> Answer:
        """The answer for a subscription: an event stream, or multipart where that is asked for first.

        Raises:
            RequestError: 406 when the client takes no stream.
        """
        if ranked := self.ranked(STREAMS):
            return ranked[0]
        raise not_acceptable(
            "A subscription needs a stream: send it over WebSocket (graphql-transport-ws), "
            "or over HTTP with `Accept: text/event-stream`."
        )

    def for_refusal(self) -> Answer:
        """The type in which an early refusal is told: never an error in itself."""
        ranked = self.ranked(SINGLE)
        return ranked[0] if ranked else Answer.JSON

    def _score(self, answer: Answer) -> tuple[float, int] | None:
        """(-q, place) of the most precise entry for `answer`; None when refused or not named."""
        matching = [(item.precision(answer), item) for item in self._ranges]
        best = max((pair for pair in matching if pair[0]), key=lambda pair: pair[0], default=None)
        if best is None or best[1].q <= 0:
            return None
        return (-best[1].q, best[1].place)


def not_acceptable(message: str) -> RequestError:
    """A 406 that says what is on offer."""
    return refuse(ErrorCode.NOT_ACCEPTABLE, message, status=406)


def _media_range(part: str, place: int) -> MediaRange:
    kind, *rest = part.split(";")
    parameters = {}
    for item in rest:
        name, _, value = item.partition("=")
        parameters[name.strip().lower()] = value.strip().strip("\"'")
    return MediaRange(kind.strip().lower(), parameters, _quality(parameters.pop("q", "1")), place)


def _quality(text: str) -> float:
    """A q-value in 0..1; one that cannot be read refuses its entry, as nothing was asked for properly."""
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0.0 <= value <= 1.0 else 0.0
