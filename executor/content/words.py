"""Finds words in folded text although they are spaced out, dotted, stretched or written with digits.

One pass for all words at once (a trie walked as a nondeterministic automaton), so that the time grows with the
text alone and no text can make it slow. Knows nothing of rules.

A word is found where it stands by itself; a `*` at its beginning or end lets it stand inside a longer one. Signs
may stand between its letters. Blanks may too, though in a word of up to four letters only when every letter stands
alone ("an al" is no word). A letter may be stretched to three or more ("baaad" is "bad", "good" is not "god"). What
consists of digits that only stand for letters is a number.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from executor.content.folding import LEET, fold

SHORT = 4
STRETCHED = 3


class Found(NamedTuple):
    """A word, and the places of its first and last character in the folded text."""

    word: str
    first: int
    last: int


@dataclasses.dataclass(eq=False)
class _Node:
    """A place in the trie; `letter` leads to it. `ends`: the words that are whole here, and whether they may go on."""

    letter: str = ""
    depth: int = 0
    next: dict[str, "_Node"] = dataclasses.field(default_factory=dict)
    ends: list[tuple[str, bool]] = dataclasses.field(default_factory=list)


class _Symbol(NamedTuple):
    """One character that may be part of a word; `letters` = what it may stand for.

    `plain`: a letter; `sign`: neither letter nor digit. `gap` before it: "" none, " " a blank, "." a sign.
    """

    character: str
    letters: str
    plain: bool
    sign: bool
    gap: str
    place: int


class _State(NamedTuple):
    """How far a word has come, and how it is written so far.

    `run` counts equal letters in a row, up to three. `close`: two letters stand without a blank between them.
    `real`: some letter or sign, not digits alone.
    """

    node: _Node
    run: int = 0
    stretched: bool = False
    close: bool = False
    spaced: bool = False
    real: bool = False

    @property
    def settled(self) -> bool:
        """Whether a stretched letter is stretched enough to count as one."""
        return not self.stretched or self.run >= STRETCHED


class Words:
    """A set of words to look for; a word without letters or digits raises ValueError."""

    def __init__(self, words: Iterable[str]) -> None:
        self._whole, self._inside = _Node(), _Node()
        for word in words:
            self._add(word)

    def find(self, text: str) -> Iterator[Found]:
        """Every word in a folded text, as often as it is there."""
        states: dict[_State, int] = {}
        symbols = list(_symbols(text))
        for at, symbol in enumerate(symbols):
            states = _step(states, symbol)
            before = symbols[at - 1] if at else None
            for state in self._begun(symbol, before):
                states.setdefault(state, symbol.place)
            after = symbols[at + 1] if at + 1 < len(symbols) else None
            alone = after is None or after.gap != "" or not after.plain
            for state, first in states.items():
                for word in _ended(state, alone=alone):
                    yield Found(word, first, symbol.place)

    def _add(self, word: str) -> None:
        bare = word.strip()
        node = self._inside if bare.startswith("*") else self._whole
        letters = [letter for character in bare for letter in fold(character) if letter.isalnum()]
        if not letters:
            raise ValueError(f"{word!r} has neither letters nor digits.")
        for letter in letters:
            node = node.next.setdefault(letter, _Node(letter, node.depth + 1))
        node.ends.append((word, bare.endswith("*")))

    def _begun(self, symbol: _Symbol, before: _Symbol | None) -> Iterator[_State]:
        """The words that may begin with that symbol."""
        roots = [self._inside]
        if before is None or symbol.gap or not before.plain:
            roots.append(self._whole)
        for root in roots:
            for letter in symbol.letters:
                if letter in root.next:
                    real = symbol.sign or letter == symbol.character
                    yield _State(root.next[letter], run=1, real=real)


def _step(states: dict[_State, int], symbol: _Symbol) -> dict[_State, int]:
    """Where the words stand after one more symbol, with where each began."""
    after: dict[_State, int] = {}
    for state, first in states.items():
        if symbol.sign:  # a sign may as well stand for nothing
            after.setdefault(state, first)
        for letter in symbol.letters:
            for moved in _moves(state, symbol, letter):
                after.setdefault(moved, first)
    return after


def _moves(state: _State, symbol: _Symbol, letter: str) -> Iterator[_State]:
    spaced = symbol.gap == " "
    now = state._replace(
        run=min(state.run + 1, STRETCHED),
        close=state.close or not spaced,
        spaced=state.spaced or spaced,
        real=state.real or symbol.sign or letter == symbol.character,
    )
    same = letter == state.node.letter
    if same:
        yield now._replace(stretched=True)
    child = state.node.next.get(letter)
    if child is None:
        return
    if same:
        yield now._replace(node=child)
    elif state.settled:
        yield now._replace(node=child, run=1, stretched=False)


def _ended(state: _State, *, alone: bool) -> Iterator[str]:
    """The words that are whole in that state."""
    if not state.node.ends or not state.settled or not state.real:
        return
    if state.node.depth <= SHORT and state.spaced and state.close:
        return
    for word, goes_on in state.node.ends:
        if alone or goes_on:
            yield word


def _symbols(text: str) -> Iterator[_Symbol]:
    gap = ""
    for place, character in enumerate(text):
        plain, stands_for = character.isalpha(), LEET.get(character, "")
        if plain or stands_for or character.isdigit():
            letters = character if not stands_for else stands_for + character
            sign = not character.isalnum()
            yield _Symbol(character, letters, plain, sign, gap, place)
            gap = ""
        elif gap != " ":
            gap = " " if character == " " else "."
