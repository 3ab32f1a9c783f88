"""What a picture shows: every attribute with its values, and how looks are drawn at random.

Knows the values and which of them are everyday (may stay unsaid in a caption) or
fantasy (always said). Knows neither pixels nor words.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

PLAIN: Final = "plain"

VALUES: Final = MappingProxyType(
    {
        "kind": ("person", "scene", "object"),
        "gender": ("woman", "man"),
        "age": ("adult", "old"),
        "skin": ("light", "tan", "brown", "dark", "green", "blue"),
        "hair": ("black", "brown", "blonde", "red", "grey", "white", "pink", "blue"),
        "style": ("short", "bob", "long", "curly", "bun", "ponytail", "bald"),
        "eyes": ("brown", "green", "blue"),
        "glasses": ("none", "glasses"),
        "beard": ("none", "beard", "moustache"),
        "ears": ("round", "pointed"),
        "hat": ("none", "wizard", "crown", "cap", "helmet", "fedora", "chef"),
        "expression": ("happy", "neutral", "sad", "angry", "surprised"),
        "outfit": ("shirt", "suit", "hoodie", "dress", "robe", "armor"),
        "cloth": (
            "red",
            "orange",
            "yellow",
            "green",
            "blue",
            "purple",
            "pink",
            "white",
            "black",
            "grey",
            "brown",
        ),
        "prop": ("none", "fire", "sword", "book", "cup", "muffins"),
        "scene": (
            PLAIN,
            "beach",
            "forest",
            "city",
            "mountains",
            "sunset",
            "night",
            "library",
            "dungeon",
            "castle",
            "office",
            "kitchen",
            "garden",
            "desert",
            "snow",
            "tavern",
            "space",
        ),
        "wall": ("white", "grey", "pink", "blue", "green", "yellow", "purple", "teal"),
        "object": ("muffins", "sword", "potion", "apple", "coffee", "book", "rose", "cat"),
    }
)
"""Attribute name to its values. `wall` is the colour behind a plain scene."""

PERSON_ATTRIBUTES: Final = tuple(name for name in VALUES if name not in {"kind", "object"})
SCENE_VARIANTS: Final = 4
EVERYDAY_SKINS: Final = ("light", "tan", "brown", "dark")
EVERYDAY_HAIR: Final = ("black", "brown", "blonde", "red")
EVERYDAY_OUTFITS: Final = ("shirt", "suit", "hoodie")


@dataclass(frozen=True, slots=True)
class Look:
    """One picture's full description. Attributes that a kind does not show keep their first value.

    `shift` moves the figure in units of 1/128 of the picture's side (each within -3..3);
    `variant` picks one of the drawings of a scene, `mirrored` flips the figure's sides.
    """

    kind: str = "person"
    gender: str = "woman"
    age: str = "adult"
    skin: str = "light"
    hair: str = "black"
    style: str = "short"
    eyes: str = "brown"
    glasses: str = "none"
    beard: str = "none"
    ears: str = "round"
    hat: str = "none"
    expression: str = "happy"
    outfit: str = "shirt"
    cloth: str = "red"
    prop: str = "none"
    scene: str = PLAIN
    wall: str = "white"
    object: str = "muffins"
    shift: tuple[float, float] = (0.0, 0.0)
    variant: int = 0
    mirrored: bool = False

    def __post_init__(self) -> None:
        for name, values in VALUES.items():
            if getattr(self, name) not in values:
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be one of {values}")

    def but(self, **values: Any) -> Look:
        """This look with other values for some attributes."""
        return replace(self, **values)

    def shown(self) -> tuple[str, ...]:
        """Names of the attributes that can be seen in this picture, in the order of `VALUES`."""
        names = ["kind"]
        if self.kind == "person":
            names += [name for name in PERSON_ATTRIBUTES if name not in {"scene", "wall"}]
        if self.style == "bald" and self.beard == "none":
            names = [name for name in names if name != "hair"]
        names.append("scene")
        if self.scene == PLAIN:
            names.append("wall")
        if self.kind == "object":
            names.append("object")
        return tuple(name for name in VALUES if name in names)


def _pick(rng: random.Random, name: str, **weights: float) -> str:
    values = VALUES[name]
    return rng.choices(values, [weights.get(value, 1.0) for value in values])[0]


def _person(rng: random.Random) -> Look:
    gender = _pick(rng, "gender")
    age = _pick(rng, "age", old=0.25)
    beards = {"none": 9.0 if gender == "man" else 200.0, "beard": 4.0, "moustache": 2.5}
    styles = {"bald": 0.9} if gender == "man" else {"bald": 0.15, "short": 0.7}
    return Look(
        gender=gender,
        age=age,
        skin=_pick(rng, "skin", green=0.7, blue=0.7),
        hair=_pick(rng, "hair", **({"grey": 6.0, "white": 6.0} if age == "old" else {})),
        style=_pick(rng, "style", **styles),
        eyes=_pick(rng, "eyes"),
        glasses=_pick(rng, "glasses", none=3.0),
        beard=_pick(rng, "beard", **beards),
        ears=_pick(rng, "ears", round=6.0),
        hat=_pick(rng, "hat", none=8.0),
        expression=_pick(rng, "expression", happy=1.4, neutral=1.2),
        outfit=_pick(rng, "outfit", dress=0.2 if gender == "man" else 1.0),
        cloth=_pick(rng, "cloth"),
        prop=_pick(rng, "prop", none=9.0),
        scene=_pick(rng, "scene", plain=5.0),
    )


def random_look(rng: random.Random) -> Look:
    """A look of any kind: 80 % persons, 11 % empty scenes, 9 % objects; all values occur.

    Shifts are whole pixels and nothing is mirrored: captions do not tell where on a grid or on
    which side things are, and a model that must guess draws soft edges and two swords.
    """
    draw = rng.random()
    if draw < 0.80:
        look = _person(rng)
    elif draw < 0.91:
        look = Look(kind="scene", scene=rng.choice(VALUES["scene"][1:]))
    else:
        item = _pick(rng, "object")
        scene = rng.choice(("kitchen", "garden", "office")) if rng.random() < 0.25 else PLAIN
        look = Look(kind="object", object=item, scene=scene)
    return replace(
        look,
        wall=_pick(rng, "wall"),
        shift=(rng.choice((-2.0, 0.0, 2.0)), rng.choice((-1.0, 1.0))),
        variant=rng.randrange(SCENE_VARIANTS),
    )


def labels(look: Look) -> dict[str, int]:
    """Index of each attribute's value; -1 where this picture does not show the attribute."""
    shown = set(look.shown())
    return {
        name: values.index(getattr(look, name)) if name in shown else -1 for name, values in VALUES.items()
    }
