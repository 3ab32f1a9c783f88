"""Phrases for places and things, and the small grammar of articles and lists.

Knows how to say a scene, a wall or an object; persons are the captions' affair.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from training.starter import words
from training.starter.looks import PLAIN, Look


def listed(phrases: Sequence[str]) -> str:
    """Phrases joined as in speech: "a, b and c"."""
    if len(phrases) == 1:
        return phrases[0]
    return f"{', '.join(phrases[:-1])} and {phrases[-1]}"


def tidy(phrase: str) -> str:
    """Single spaces, and "a" or "an" as the next letter wants it."""
    phrase = " ".join(phrase.split())
    if phrase.startswith("a ") and phrase[2] in "aeiou":
        phrase = "an " + phrase[2:]
    if phrase.startswith("an ") and phrase[3] not in "aeiou":
        phrase = "a " + phrase[3:]
    return phrase


def in_scene(scene: str, rng: random.Random) -> str:
    """Where somebody is, as in "at the beach"."""
    place = rng.choice(words.SCENE[scene])
    draw = rng.random()
    if draw < 0.12:
        return f"{place} background"
    if draw < 0.2:
        return f"{place} in the background"
    preposition = rng.choice(words.SCENE_PREPOSITIONS.get(scene, ("in the", "in the", "in a")))
    praise = f"{rng.choice(words.PRAISE)} " if rng.random() < 0.15 else ""
    return tidy(f"{preposition} {praise}{place}").replace(" a a ", " a ")


def before_wall(look: Look, rng: random.Random) -> str:
    """The colour behind somebody who stands nowhere in particular."""
    colour = rng.choice(words.COLOURS[look.wall])
    pattern = rng.choice(
        ("on a {} background", "{} background", "in front of a {} wall", "plain {} background",
         "before a {} wall", "with a {} background", "on {}")
    )  # fmt: skip
    return tidy(pattern.format(colour))


def scene_caption(look: Look, rng: random.Random) -> str:
    """A caption for a place without anybody."""
    place = rng.choice(words.SCENE[look.scene])
    praise = rng.choice(words.PRAISE) if rng.random() < 0.5 else ""
    plain = tidy(f"{praise} {place}")
    draw = rng.random()
    extra = f" {rng.choice(words.SCENE_EXTRAS)}" if rng.random() < 0.3 else ""
    if draw < 0.3:
        return plain + extra
    if draw < 0.6:
        return tidy(f"{rng.choice(('a', 'the', 'a', 'an empty', 'some'))} {plain}") + extra
    if draw < 0.85:
        return tidy(f"{rng.choice(words.SCENE_FRAMES)} {rng.choice(('the', 'a', ''))} {plain}") + extra
    return f"{in_scene(look.scene, rng)}, {rng.choice(('no people', 'nobody', 'landscape', 'empty'))}"


def object_caption(look: Look, rng: random.Random, *, everything: bool) -> str:
    """A caption for a single thing."""
    item = rng.choice(words.OBJECT[look.object])
    article = rng.choice(("a", "a", "the", "one", ""))
    praise = rng.choice(words.PRAISE) if rng.random() < 0.4 else ""
    text = tidy(f"{article} {praise} {item}")
    if rng.random() < 0.25:
        text = f"{rng.choice(words.FRAMES)} {text}"
    if rng.random() < 0.3:
        text += " " + rng.choice(words.OBJECT_EXTRAS)
    if look.scene != PLAIN:
        return f"{text} {in_scene(look.scene, rng)}"
    return f"{text} {before_wall(look, rng)}" if everything or rng.random() < 0.45 else text
