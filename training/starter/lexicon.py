"""Which words a caption may be made of: those the tokenizer was built from, or those and many more.

Knows how the word lists are put together; how they become a caption is the grammar's affair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from training.starter import wider, words

Table = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Word lists, and how much a caption says.

    `roles` is the share of persons called by a fitting role, `talkative` the shares of everyday attributes
    said, one drawn per caption. `usual` gives, by gender, values that may stay unsaid although others of the
    same attribute may not. What has a default may be empty: then nothing is said, or demanded, in that way.
    """

    people: Sequence[str]
    epithets: Sequence[str]
    doing: Sequence[str]
    scenes: Table
    objects: Table
    scene_extras: Sequence[str]
    object_extras: Sequence[str]
    roles: float
    talkative: Sequence[float]
    situations: Table
    near: Sequence[str] = ()
    landmarks: Sequence[str] = ()
    whose: Sequence[str] = ()
    owners: Sequence[str] = ()
    of_whom: Sequence[str] = ()
    subjects: Sequence[str] = ()
    usual: Mapping[str, Table] = field(default_factory=dict)


def _joined(first: Table, second: Table) -> Table:
    """Both tables' words; the first one's keep their share, a half, however many the second has."""
    return {name: [*_share(first[name], second[name]), *second[name]] for name in first}


def _share(first: Sequence[str], second: Sequence[str]) -> list[str]:
    return [*first] * max(1, round(len(second) / len(first)))


FIRST: Final = Lexicon(
    people=[*words.NOUNS["any"], *words.PERSON_WORDS],
    epithets=words.EPITHETS,
    doing=words.DOING,
    scenes=words.SCENE,
    objects=words.OBJECT,
    scene_extras=words.SCENE_EXTRAS,
    object_extras=words.OBJECT_EXTRAS,
    roles=0.6,
    talkative=(0.0, 0.3, 0.7, 0.95),
    situations={},
)
"""The words that the tokenizer knows whole."""

WIDER: Final = Lexicon(
    people=[*_share(FIRST.people, wider.PEOPLE), *wider.PEOPLE],
    epithets=[*words.EPITHETS, *wider.EPITHETS],
    doing=[*words.DOING, *wider.DOING],
    scenes=_joined(words.SCENE, wider.SCENES),
    objects=_joined(words.OBJECT, wider.OBJECTS),
    scene_extras=[*words.SCENE_EXTRAS, *wider.PLACE_EXTRAS],
    object_extras=[*words.OBJECT_EXTRAS, *wider.OF_WHOM],
    roles=0.6,
    talkative=(0.0, 0.0, 0.3, 0.8),
    situations=wider.SITUATIONS,
    near=wider.NEAR,
    landmarks=wider.LANDMARKS,
    whose=wider.WHOSE,
    owners=wider.OWNERS,
    of_whom=wider.OF_WHOM,
    subjects=wider.SCENE_SUBJECTS,
)
"""Those and the ones of `wider`; more captions are terse."""

_EYES: Final = ("brown",)
USUAL: Final[Mapping[str, Table]] = MappingProxyType(
    {
        "woman": {"eyes": _EYES, "style": ("bob", "long")},
        "man": {"eyes": _EYES, "style": ("short",)},
    }
)
"""What people take for granted: whoever wants other eyes or hair says so."""

FIRST_USUALLY: Final = replace(FIRST, usual=USUAL)
WIDER_USUALLY: Final = replace(WIDER, usual=USUAL)
