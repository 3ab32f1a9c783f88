"""Who a character is, as opposed to what happens in one picture of them."""

from __future__ import annotations

import random
from typing import Final

from training.starter.captions import caption, training_look
from training.starter.lexicon import FIRST, Lexicon
from training.starter.looks import Look, random_look

IDENTITY: Final = (
    "gender", "age", "skin", "hair", "style", "eyes", "glasses", "beard", "ears", "hat", "outfit", "cloth",
)  # fmt: skip
"""What makes a character; everything else belongs to the scene."""


def person(rng: random.Random) -> Look:
    """A random look that is a person."""
    look = training_look(rng)
    while look.kind != "person":
        look = training_look(rng)
    return look


def elsewhere(look: Look, rng: random.Random) -> Look:
    """The same character in another picture: other place, mood, posture and things in hand."""
    other = random_look(rng)
    while other.kind != "person":
        other = random_look(rng)
    return other.but(**{name: getattr(look, name) for name in IDENTITY})


def said_about(look: Look, rng: random.Random, lexicon: Lexicon = FIRST) -> str:
    """A caption that leaves the character to a reference picture; now and then a full one, or none."""
    draw = rng.random()
    if draw < 0.1:
        return ""
    unsaid: frozenset[str] = frozenset() if draw < 0.2 else frozenset(IDENTITY)
    return caption(look, rng, unsaid=unsaid, lexicon=lexicon)
