r"""The operator's content rules: a TOML file of words and patterns, each rule with what is to be done.

    [[rule]]
    name = "weapons"             # shown to people and kept with a hold
    action = "hold"              # "refuse": not taken at all; "hold": a reviewer looks at the picture
    reason = "Weapons are looked at before they are shown."
    words = ["rifle", "hand grenade", "*bomb*"]
    patterns = ["\\bak ?-?47\\b"]   # regular expressions on the text as it is read, in lower case

How words are found is said in `executor.content.words`. Knows no rows.
"""

import enum
import pathlib
import tomllib
from collections.abc import Iterable, Iterator
from typing import Annotated, NamedTuple

import pydantic
import regex
from pydantic import BaseModel, ConfigDict, Field

from executor.content.folding import folded
from executor.content.words import Words

PATTERN_SECONDS = 0.1
LONGEST_QUOTE = 60


class Action(enum.Enum):
    """What a rule does with what it finds."""

    REFUSE = "refuse"
    HOLD = "hold"


class RulesWrong(ValueError):  # noqa: N818 -- reads as what happened
    """The rules cannot be used; the sentence says which and why."""


class Finding(NamedTuple):
    """What a rule found, in the writer's own spelling."""

    rule: str
    action: Action
    quote: str
    reason: str

    @property
    def sentence(self) -> str:
        """For people: the rule, what it found, and why there is such a rule."""
        return (
            f"the content rule {self.rule!r} found {self.quote!r}.{' ' if self.reason else ''}{self.reason}"
        )


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=64)]
    action: Action
    reason: Annotated[str, Field(max_length=400)] = ""
    words: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rule: tuple[_Rule, ...] = ()


class Rules:
    """The rules of this server; without any, nothing is found."""

    def __init__(self, rules: Iterable[_Rule] = ()) -> None:
        """Raises RulesWrong for a word or a pattern that cannot be looked for."""
        self._ready = [(rule, _words(rule), _patterns(rule)) for rule in rules]

    @classmethod
    def read(cls, path: pathlib.Path) -> "Rules":
        """From a file; raises RulesWrong when it is missing or wrong."""
        try:
            return cls.parse(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise RulesWrong(f"The content rules {path} cannot be read: {error}.") from error
        except RulesWrong as error:
            raise RulesWrong(f"The content rules {path} are wrong. {error}") from error

    @classmethod
    def parse(cls, text: str) -> "Rules":
        """From the text of such a file."""
        try:
            return cls(_File.model_validate(tomllib.loads(text)).rule)
        except tomllib.TOMLDecodeError as error:
            raise RulesWrong(f"{error}.") from error
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            raise RulesWrong(f"{'.'.join(map(str, first['loc']))}: {first['msg']}.") from error

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._ready)

    def find(self, text: str) -> Finding | None:
        """What is found in a text, a refusal before a hold; None = nothing.

        A pattern that takes longer than 0.1 s counts as found: what cannot be checked is not let through.
        """
        if not self._ready or not text:
            return None
        held = None
        for finding in self._findings(text):
            if finding.action is Action.REFUSE:
                return finding
            held = held or finding
        return held

    def _findings(self, text: str) -> Iterator[Finding]:
        read, places = folded(text)
        for rule, words, patterns in self._ready:
            spans = ((each.first, each.last + 1) for each in words.find(read))
            for first, end in (*spans, *_matches(patterns, read)):
                quote = text[places[first] : places[end - 1] + 1] if end > first else ""
                yield Finding(rule.name, rule.action, quote[:LONGEST_QUOTE], rule.reason)


def _words(rule: _Rule) -> Words:
    try:
        return Words(rule.words)
    except ValueError as error:
        raise RulesWrong(f"Rule {rule.name!r}: {error}") from error


def _patterns(rule: _Rule) -> list["regex.Pattern[str]"]:
    try:
        return [regex.compile(pattern, regex.IGNORECASE) for pattern in rule.patterns]
    except regex.error as error:
        raise RulesWrong(f"Rule {rule.name!r}: a pattern is wrong: {error}.") from error


def _matches(patterns: Iterable["regex.Pattern[str]"], read: str) -> Iterator[tuple[int, int]]:
    for pattern in patterns:
        try:
            found = pattern.search(read, timeout=PATTERN_SECONDS)
        except TimeoutError:
            yield 0, len(read)
            continue
        if found is not None and found.end() > found.start():
            yield found.span()
