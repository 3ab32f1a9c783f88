"""What may be said and shown here: the operator's rules, and a provider's moderation where one is asked.

Rules refuse texts and hold pictures; moderation holds pictures only. Every hold explains itself. Knows no rows.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import structlog

from executor.content.rules import Action, Finding, Rules

log = structlog.get_logger(__name__)
WAITS = "Waits for a reviewer: "


class Moderation(Protocol):
    """Somebody who looks at texts and pictures for us."""

    name: str

    async def flagged(self, text: str, picture: bytes, media_type: str) -> Sequence[str]:
        """The categories that are flagged, worst first; none = nothing is.

        Raises:
            ModerationUnavailable: it could not be asked.
        """
        ...


class ModerationUnavailable(Exception):  # noqa: N818 -- reads as what happened
    """Moderation could not be asked; the words say why."""


def spoken(text: str) -> str:
    """What a text model said, out of the JSON that it may be wrapped in: escapes hide no word."""
    try:
        return "\n".join(_strings(json.loads(text)))
    except ValueError:
        return text


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each)


class Guard:
    """Goes by the rules, and asks moderation about pictures. Without either, everything is let through."""

    def __init__(self, rules: Rules | None = None, moderation: Moderation | None = None) -> None:
        self.rules = rules or Rules()
        self._moderation = moderation

    @property
    def moderates(self) -> bool:
        """Whether somebody is asked about pictures."""
        return self._moderation is not None

    def refuses(self, *texts: str | None) -> Finding | None:
        """The first rule that refuses one of the texts."""
        found = self._first(texts)
        return found if found is not None and found.action is Action.REFUSE else None

    def holds(self, text: str) -> str | None:
        """Why what is made with that text must wait for a reviewer; None = it need not."""
        found = self.rules.find(text)
        return None if found is None else WAITS + found.sentence

    def finds(self, text: str) -> Finding | None:
        """The first rule that refuses the text, else one that holds it."""
        return self.rules.find(text)

    async def reason_to_hold(
        self, texts: Sequence[str | None], picture: bytes, media_type: str
    ) -> str | None:
        """Why a finished picture made with those texts must wait for a reviewer; None = it need not."""
        words = await self.objection(texts, picture, media_type)
        return None if words is None else WAITS + words

    async def objection(self, texts: Sequence[str | None], picture: bytes, media_type: str) -> str | None:
        """What a rule finds in those texts, or moderation in them and the picture; None = nothing.

        Moderation that cannot be asked objects: what cannot be checked is not let through unseen.
        """
        found = self._first(texts)
        if found is not None:
            return found.sentence
        if self._moderation is None:
            return None
        words = "\n".join(text for text in texts if text)
        try:
            flagged = await self._moderation.flagged(words, picture, media_type)
        except ModerationUnavailable as error:
            log.warning("moderation could not be asked", moderation=self._moderation.name, words=str(error))
            return f"{self._moderation.name}'s moderation could not be asked. {error}"
        if not flagged:
            return None
        return f"{self._moderation.name}'s moderation flagged {', '.join(flagged)}."

    def _first(self, texts: Iterable[str | None]) -> Finding | None:
        held = None
        for text in texts:
            found = self.rules.find(text) if text else None
            if found is not None and found.action is Action.REFUSE:
                return found
            held = held or found
        return held
