"""Phrases for places and things, and the small grammar of articles and lists.

Knows how to say a scene, a wall or an object; persons are the captions' affair.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from training.starter import words
from training.starter.lexicon import FIRST, Lexicon
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


def in_scene(scene: str, rng: random.Random, lexicon: Lexicon = FIRST) -> str:
    """Where somebody is, as in "at the beach"."""
    place = rng.choice(lexicon.scenes[scene])
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


def scene_caption(look: Look, rng: random.Random, lexicon: Lexicon = FIRST) -> str:
    """A caption for a place without anybody."""
    place = rng.choice(lexicon.scenes[look.scene])
    if lexicon.subjects and rng.random() < 0.3:
        return _roundabout_place(place, look, rng, lexicon)
    praise = rng.choice(words.PRAISE) if rng.random() < 0.5 else ""
    plain = tidy(f"{praise} {place}")
    draw = rng.random()
    extra = f" {_seen_there(rng, lexicon)}" if rng.random() < 0.3 else ""
    if draw < 0.3:
        return plain + extra
    if draw < 0.6:
        return tidy(f"{rng.choice(('a', 'the', 'a', 'an empty', 'some'))} {plain}") + extra
    if draw < 0.85:
        return tidy(f"{rng.choice(words.SCENE_FRAMES)} {rng.choice(('the', 'a', ''))} {plain}") + extra
    where = in_scene(look.scene, rng, lexicon)
    return f"{where}, {rng.choice(('no people', 'nobody', 'landscape', 'empty'))}"


def _seen_there(rng: random.Random, lexicon: Lexicon) -> str:
    if lexicon.landmarks and rng.random() < 0.3:
        return f"{rng.choice(('with', 'and', 'behind', 'near', 'beyond'))} {rng.choice(lexicon.landmarks)}"
    return rng.choice(lexicon.scene_extras)


def _roundabout_place(place: str, look: Look, rng: random.Random, lexicon: Lexicon) -> str:
    """A place by way of what is seen there, or whose it is."""
    draw = rng.random()
    if draw < 0.45:
        return f"{rng.choice(lexicon.subjects)} {in_scene(look.scene, rng, lexicon)}"
    if draw < 0.75:
        article = rng.choice(("the", "a", ""))
        return f"{tidy(f'{article} {place}')} {rng.choice(lexicon.scene_extras)}"
    nobody = rng.choice(("nobody there", "without people", "nobody home", "empty", "no one around"))
    return f"{rng.choice(lexicon.owners)} {place}, {nobody}"


def object_caption(look: Look, rng: random.Random, *, everything: bool, lexicon: Lexicon = FIRST) -> str:
    """A caption for a single thing."""
    item = rng.choice(lexicon.objects[look.object])
    owned = bool(lexicon.owners) and rng.random() < 0.2
    article = rng.choice(lexicon.owners if owned else ("a", "a", "the", "one", ""))
    praise = rng.choice(words.PRAISE) if rng.random() < 0.4 else ""
    text = tidy(f"{article} {praise} {item}")
    if rng.random() < 0.25:
        text = f"{rng.choice(words.FRAMES)} {text}"
    if rng.random() < 0.3:
        text += " " + rng.choice(lexicon.object_extras)
    if look.scene != PLAIN:
        return f"{text} {in_scene(look.scene, rng, lexicon)}"
    return f"{text} {before_wall(look, rng)}" if everything or rng.random() < 0.45 else text
