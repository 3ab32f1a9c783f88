"""The likeness bench's characters: who they are, which pictures are asked of them, what they learn from.

Scenes that a LoRA is taught with are never among those that it is asked for.
"""

import random
from dataclasses import dataclass, field
from typing import Final

from PIL import Image

from training.starter.captions import caption
from training.starter.characters import elsewhere, person
from training.starter.looks import VALUES, Look

ASKED: Final = ("scene", "expression", "prop")
"""What a prompt asks for; everything else of a picture is the character's."""
SCENES: Final = 10
LESSONS: Final = 8


@dataclass
class Character:
    """A look before a plain wall, ten other pictures of it, and pictures to learn from in yet other places.

    `base` is the approved image, `seed` its seed and `found` what the classifier reads off it.
    """

    number: int
    look: Look
    description: str
    scenes: list[Look]
    prompts: list[str]
    lessons: list[Look]
    lesson_prompts: list[str]
    base: Image.Image | None = None
    seed: int = 0
    found: dict[str, int] = field(default_factory=dict)


def characters(count: int, seed: int = 4_711) -> list[Character]:
    """Characters that training never drew, always the same ones."""
    return [_character(number, random.Random(seed * 1_000 + number)) for number in range(count)]


def _character(number: int, rng: random.Random) -> Character:
    look = person(rng).but(scene="plain", prop="none", expression="neutral")
    scenes = [elsewhere(look, rng) for _ in range(SCENES)]
    taken = {scene.scene for scene in scenes}
    lessons: list[Look] = []
    while len(lessons) < LESSONS:
        other = elsewhere(look, rng)
        if other.scene not in taken:
            lessons.append(other)
    return Character(
        number=number,
        look=look,
        description=caption(look, rng, everything=True, unsaid=frozenset({*ASKED, "wall"})),
        scenes=scenes,
        prompts=[_asking(scene, rng) for scene in scenes],
        lessons=lessons,
        lesson_prompts=[_asking(scene, rng) for scene in lessons],
    )


def _asking(scene: Look, rng: random.Random) -> str:
    unsaid = frozenset(name for name in VALUES if name not in {*ASKED, "wall"})
    return caption(scene, rng, everything=True, unsaid=unsaid)
