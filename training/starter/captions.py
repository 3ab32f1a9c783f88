"""The caption grammar: from a look to the sentence somebody might have typed for it.

Unusual values are always said; everyday ones are left out now and then, and roles
stand for what they imply. So an unsaid attribute means "something ordinary".
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from training.starter import words
from training.starter.lexicon import FIRST, Lexicon
from training.starter.looks import PLAIN, Look, random_look
from training.starter.phrases import before_wall, in_scene, listed, object_caption, scene_caption, tidy
from training.starter.roles import ROLES, Role, roles_for

_EVERYDAY: Final = {
    "gender": ("woman", "man"),
    "age": ("adult",),
    "skin": ("light", "tan", "brown", "dark"),
    "eyes": ("brown", "green", "blue"),
    "glasses": ("none",),
    "beard": ("none",),
    "ears": ("round",),
    "hat": ("none",),
    "expression": ("happy", "neutral"),
    "outfit": ("shirt", "suit", "hoodie"),
    "prop": ("none",),
    "scene": (PLAIN,),
}
_ORDINARY: Final = {
    **{name: _EVERYDAY[name] for name in _EVERYDAY if name not in {"gender", "eyes", "scene"}},
    "hair": ("black", "brown", "blonde", "red"),
    "style": ("short", "bob", "long", "curly", "bun", "ponytail"),
}
_SAID_SHARE: Final = {"age": 0.35, "skin": 0.55, "eyes": 0.6, "gender": 0.7, "expression": 0.7}
_SYLLABLES: Final = words.listing(
    "ka|zo|mir|tel|ra|vun|qui|shi|bor|len|fa|dro|ny|ex|plo|gri|ta|um|wes|yor|ith|ban|cle|od"
)


def caption(
    look: Look,
    rng: random.Random,
    *,
    everything: bool = False,
    unsaid: frozenset[str] = frozenset(),
    lexicon: Lexicon = FIRST,
) -> str:
    """A caption for a look, in the words of a lexicon.

    `everything` says each attribute plainly, without roles and without decoration; it is
    what attributes are measured with. Attributes in `unsaid` are never mentioned: a reference
    picture shows them instead.
    """
    if look.kind == "scene":
        text = scene_caption(look, rng, lexicon)
    elif look.kind == "object":
        text = object_caption(look, rng, everything=everything, lexicon=lexicon)
    else:
        saying = _Saying(lexicon, everything=everything, unsaid=unsaid)
        text = _PersonCaption(look, rng, saying).text()
    return text if everything else _decorated(text, rng)


def training_look(rng: random.Random) -> Look:
    """A random look; many persons are ordinary or cast in a role, bakers stand in kitchens.

    Ordinary persons matter for terse prompts ("a hiker in the mountains"): only of them can a
    caption say little.
    """
    look = random_look(rng)
    if look.kind == "person" and rng.random() < 0.3:
        look = look.but(**{name: rng.choice(values) for name, values in _ORDINARY.items()})
    if look.kind == "person" and rng.random() < 0.35:
        role = rng.choice(ROLES)
        values: dict[str, Any] = dict(role.implies)
        look = look.but(**values, gender=role.gender or look.gender)
    if look.prop == "muffins" and rng.random() < 0.4:
        look = look.but(scene="kitchen")
    return look


def is_usual(look: Look, name: str, lexicon: Lexicon) -> bool:
    """Whether a value may stay unsaid as far as the lexicon's `usual` is concerned."""
    value = getattr(look, name)
    return value in lexicon.usual.get(look.gender, {}).get(name, (value,))


@dataclass(frozen=True, slots=True)
class _Saying:
    """In which words a person is described, and what is said: everything, or all but `unsaid`."""

    lexicon: Lexicon
    everything: bool
    unsaid: frozenset[str]


class _PersonCaption:
    """One person's caption while it is being put together."""

    def __init__(self, look: Look, rng: random.Random, saying: _Saying) -> None:
        self.look = look
        self.rng = rng
        self.everything = saying.everything
        self.lexicon = saying.lexicon
        self.role = None if saying.everything else self._chosen_role(saying.unsaid)
        implied = self.role.tells() if self.role else set()
        share = rng.choice(self.lexicon.talkative)
        self.said = {name for name in look.shown() if self._is_said(name, implied, share)} - saying.unsaid

    def _chosen_role(self, unsaid: frozenset[str]) -> Role | None:
        fitting = [role for role in roles_for(self.look) if role.tells().isdisjoint(unsaid)]
        return self.rng.choice(fitting) if fitting and self.rng.random() < self.lexicon.roles else None

    def _is_said(self, name: str, implied: set[str], share: float) -> bool:
        if self.everything:
            return True
        if name in implied:
            return self.rng.random() < 0.25
        if not is_usual(self.look, name, self.lexicon):
            return True
        likely = self._likely(name, share)
        return likely is None or self.rng.random() < likely

    def _likely(self, name: str, share: float) -> float | None:
        """How likely an attribute is said that no role implies; None for what is always said."""
        value, look = getattr(self.look, name), self.look
        if name == "style":
            return None if value == "bald" else share
        if name == "hair":
            usual = look.age == "old" and value in {"grey", "white"}
            return share if usual or value in {"black", "brown", "blonde", "red"} else None
        if value in _EVERYDAY.get(name, (value,)):
            return share * _SAID_SHARE.get(name, 0.8)
        return None

    def text(self) -> str:
        """The caption."""
        rng = self.rng
        have, wear = self._have(), self._wear()
        rng.shuffle(have)
        rng.shuffle(wear)
        doing, where = self._doing(), self._where()
        if rng.random() < 0.5:
            return self._prose(have, wear, doing, where)
        parts = [*have, *wear, *doing, *where]
        if rng.random() < 0.5:
            rng.shuffle(parts)
        pending = self.role is not None or not self.said.isdisjoint(("gender", "skin", "age", "expression"))
        subject = self._subject()
        if pending or not (have or wear or doing) or rng.random() < 0.6:
            parts.insert(0 if rng.random() < 0.85 else rng.randint(0, len(parts)), subject)
        return (", " if rng.random() < 0.9 else " ").join(parts)

    def _prose(self, have: list[str], wear: list[str], doing: list[str], where: list[str]) -> str:
        rng = self.rng
        clauses = []
        if have:
            clauses.append(rng.choice(("with ", "with ", "who has ", "has ")) + listed(have))
        if wear:
            clauses.append(rng.choice(("wearing ", "in ", "dressed in ", "wears ")) + listed(wear))
        clauses += doing
        if rng.random() < 0.4:
            rng.shuffle(clauses)
        text = " ".join([self._subject(), *clauses])
        if not where:
            return text
        return f"{where[0]}, {text}" if rng.random() < 0.15 else f"{text} {where[0]}"

    def _subject(self) -> str:
        look, rng = self.look, self.rng
        adjectives = []
        if "age" in self.said and rng.random() < 0.75:
            adjectives.append(rng.choice(words.AGE[look.age]))
            self.said.discard("age")
        if "expression" in self.said:
            adjectives.append(rng.choice(words.EXPRESSION_ADJECTIVES[look.expression]))
        if "skin" in self.said:
            adjectives.append(rng.choice(words.SKIN_ADJECTIVES[look.skin]))
        if not self.everything and rng.random() < 0.25:
            adjectives.append(rng.choice(self.lexicon.epithets))
        rng.shuffle(adjectives)
        noun = self._noun()
        article = "an" if ([*adjectives, noun])[0][0] in "aeiou" else "a"
        phrase = " ".join([self._article(article), *adjectives, noun]).strip()
        if "age" in self.said:
            whose = "her" if look.gender == "woman" else "his"
            phrase += " " + rng.choice(words.AGE_AFTER[look.age]).format(whose)
        return self._named(phrase)

    def _article(self, article: str) -> str:
        if not self.lexicon.whose or self.everything:
            return self.rng.choice((article, article, "the", ""))
        whose = self.rng.choice(self.lexicon.whose)
        return article if whose == "a" else whose

    def _noun(self) -> str:
        look, rng = self.look, self.rng
        if self.role:
            noun = rng.choice(self.role.words)
            gendered = "gender" in self.said and not self.role.gender
            return f"{'female' if look.gender == 'woman' else 'male'} {noun}" if gendered else noun
        if "gender" not in self.said:
            return rng.choice(self.lexicon.people)
        noun = rng.choice(words.NOUNS[look.gender])
        if rng.random() < 0.15 and not self.everything:
            return f"{'female' if look.gender == 'woman' else 'male'} {rng.choice(words.PERSON_WORDS)}"
        return noun

    def _named(self, phrase: str) -> str:
        rng = self.rng
        if self.everything or rng.random() > 0.12:
            return phrase
        name = rng.choice(words.NAMES) if rng.random() < 0.5 else _unknown_word(rng)
        pattern = rng.choice(("{name}, {phrase}", "{phrase} named {name}", "{name} the {bare}"))
        bare = phrase.removeprefix("a ").removeprefix("an ").removeprefix("the ")
        return pattern.format(name=name, phrase=phrase, bare=bare)

    def _have(self) -> list[str]:
        """What follows "with": hair, eyes, face and what is on it."""
        look, rng, said = self.look, self.rng, self.said
        phrases = self._hair()
        if "skin" in said and rng.random() < 0.6:
            phrases.append(rng.choice(words.SKIN[look.skin]))
            said.discard("skin")
        if "expression" in said and rng.random() < 0.6:
            phrases.append(rng.choice(words.EXPRESSION[look.expression]))
            said.discard("expression")
        if "eyes" in said:
            phrases.append(rng.choice(words.EYES[look.eyes]))
        if "ears" in said and look.ears == "pointed":
            phrases.append(rng.choice(words.EARS))
        if "glasses" in said:
            phrases += self._optional(look.glasses, words.GLASSES, "no glasses")
        if "beard" in said and look.beard != "none":
            colour = rng.choice(words.HAIR[look.hair])
            phrases.append(tidy(rng.choice(words.BEARD[look.beard]).format(colour)))
        return phrases

    def _hair(self) -> list[str]:
        look, rng, said = self.look, self.rng, self.said
        colour = rng.choice(words.HAIR[look.hair])
        if "style" in said:
            shown = colour if "hair" in said else ""
            return [tidy(rng.choice(words.STYLE[look.style]).format(shown))]
        return [f"{colour} hair"] if "hair" in said and look.style != "bald" else []

    def _optional(self, value: str, phrases: Sequence[str], without: str) -> list[str]:
        if value != "none":
            return [self.rng.choice(phrases)]
        return [without] if not self.everything and self.rng.random() < 0.04 else []

    def _wear(self) -> list[str]:
        look, rng, said = self.look, self.rng, self.said
        phrases = []
        colour = rng.choice(words.COLOURS[look.cloth]) if "cloth" in said else ""
        if "outfit" in said:
            phrases.append(tidy(rng.choice(words.OUTFIT[look.outfit]).format(colour)))
        elif colour:
            phrases.append(f"{colour} {rng.choice(('clothes', 'clothing', 'outfit'))}")
        if "hat" in said:
            choices = words.HAT[look.hat] if look.hat != "none" else ()
            phrases += self._optional(look.hat, choices, "no hat")
        return phrases

    def _doing(self) -> list[str]:
        if "prop" in self.said and self.look.prop != "none":
            return [self.rng.choice(words.PROP[self.look.prop])]
        if self.everything or self.rng.random() >= 0.3:
            return []
        lexicon, rng = self.lexicon, self.rng
        if lexicon.landmarks and rng.random() < 0.4:
            return [f"{rng.choice(lexicon.near)} {rng.choice(lexicon.landmarks)}"]
        return [rng.choice(lexicon.doing)]

    def _where(self) -> list[str]:
        look, rng = self.look, self.rng
        if look.scene == PLAIN:
            return [before_wall(look, rng)] if "wall" in self.said else []
        if "scene" not in self.said or (look.scene == "kitchen" and self._kitchen_is_clear()):
            return []
        situations = self.lexicon.situations.get(look.scene, ())
        if situations and rng.random() < 0.3:
            return [rng.choice(situations)]
        return [in_scene(look.scene, rng, self.lexicon)]

    def _kitchen_is_clear(self) -> bool:
        return self.look.prop == "muffins" and not self.everything and self.rng.random() < 0.4


def _unknown_word(rng: random.Random) -> str:
    return "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(1, 3)))


def _decorated(text: str, rng: random.Random) -> str:
    if rng.random() < 0.3:
        text = f"{rng.choice(words.FRAMES)} {text}"
    if rng.random() < 0.35:
        extra = [rng.choice(words.FILLERS) for _ in range(rng.randint(1, 3))]
        text = ", ".join([text, *extra] if rng.random() < 0.8 else [*extra, text])
    if rng.random() < 0.15:
        pieces = text.split(" ")
        for _ in range(rng.randint(1, 3)):
            pieces.insert(rng.randint(0, len(pieces)), _unknown_word(rng))
        text = " ".join(pieces)
    return text + ("." if rng.random() < 0.1 else "")
