"""Roles: one word that stands for several attributes, as "wizard" does for hat and robe.

Knows which values a role implies; a caption that names the role may leave those unsaid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from training.starter.looks import Look


@dataclass(frozen=True, slots=True)
class Role:
    """Words for a role, the values it implies, and the gender its words carry (if any)."""

    words: tuple[str, ...]
    implies: tuple[tuple[str, str], ...]
    gender: str | None = None

    def tells(self) -> set[str]:
        """Names of the attributes that the words stand for."""
        return {name for name, _ in self.implies} | ({"gender"} if self.gender else set())

    def fits(self, look: Look) -> bool:
        """Whether the look shows everything that the role implies."""
        if self.gender is not None and look.gender != self.gender:
            return False
        return all(getattr(look, name) == value for name, value in self.implies)


def _role(words: str, gender: str | None = None, **implies: str) -> Role:
    return Role(tuple(words.split("|")), tuple(implies.items()), gender)


ROLES: Final = (
    _role("wizard|wizard|mage|sorcerer|magician|warlock|druid", hat="wizard", outfit="robe"),
    _role("old wizard", "man", hat="wizard", outfit="robe", age="old", beard="beard"),
    _role("witch|sorceress|enchantress|lady wizard", "woman", hat="wizard", outfit="robe"),
    _role("fire mage|pyromancer|fire wizard", hat="wizard", outfit="robe", prop="fire"),
    _role("knight|knight|paladin|soldier|guard|crusader|knight in armor", hat="helmet", outfit="armor"),
    _role("warrior|fighter|samurai|gladiator|space marine|barbarian|commander|cyborg", outfit="armor"),
    _role("swordsman|swordfighter|duelist", outfit="armor", prop="sword"),
    _role("robot|android", outfit="armor", hat="helmet"),
    _role("viking", "man", hat="helmet", outfit="armor", beard="beard"),
    _role("king|king|emperor|monarch", "man", hat="crown", outfit="robe"),
    _role("queen|queen|empress", "woman", hat="crown", outfit="robe"),
    _role("prince", "man", hat="crown", outfit="suit"),
    _role("princess", "woman", hat="crown", outfit="dress"),
    _role("chef|chef|baker|cook|pastry chef|master chef", hat="chef"),
    _role(
        "detective|detective|investigator|private eye|sherlock holmes|gangster|spy",
        hat="fedora",
        outfit="suit",
    ),
    _role("cowboy|cowgirl|sheriff|outlaw", hat="fedora", outfit="shirt"),
    _role("pirate|pirate captain", "man", hat="fedora", beard="beard"),
    _role("hacker|hacker|programmer|coder|software developer|gamer|developer|streamer", outfit="hoodie"),
    _role("thief|rogue|assassin|ninja|ranger", outfit="hoodie", cloth="black"),
    _role(
        "teacher|teacher|professor|scientist|researcher|librarian|accountant",
        glasses="glasses",
        outfit="suit",
    ),
    _role("student|nerd|geek|bookworm", glasses="glasses"),
    _role(
        "manager|lawyer|ceo|executive|boss|entrepreneur|politician|president|banker|consultant"
        "|business person|professional|journalist|news anchor|agent|butler",
        outfit="suit",
    ),
    _role("businesswoman|professional woman|business woman|female executive", "woman", outfit="suit"),
    _role("businessman|business man|professional man|groom", "man", outfit="suit"),
    _role("vampire|count dracula", outfit="suit", cloth="black", skin="light"),
    _role("orc|orc|goblin|troll|ogre|orc warrior|orc chief", skin="green", ears="pointed"),
    _role("zombie|alien|martian|frog person|monster", skin="green", ears="round"),
    _role("genie|blue alien|ice spirit|smurf|demon", skin="blue"),
    _role("elf|elf|half-elf|elven archer|high elf|fairy", ears="pointed"),
    _role("dark elf|drow", ears="pointed", skin="dark"),
    _role("dwarf|blacksmith|lumberjack", "man", beard="beard"),
    _role("santa|santa claus", "man", beard="beard", age="old", hat="cap"),
    _role("grandmother|grandma|granny|old lady|elderly lady", "woman", age="old"),
    _role("grandfather|grandpa|old man|elder|old gentleman", "man", age="old"),
    _role("monk", "man", style="bald", outfit="robe"),
    _role("priest|cleric|nun|healer|prophet|hermit", outfit="robe", hat="none"),
    _role("barista|waiter|waitress", prop="cup"),
    _role("skater|rapper|mechanic|plumber|truck driver|baseball player|delivery driver|athlete", hat="cap"),
    _role("bride|ballerina", "woman", outfit="dress", cloth="white"),
    _role("reader|scholar|poet", prop="book"),
    _role("mother|mom|sister|daughter|wife|aunt|heroine|actress", "woman"),
    _role("father|dad|brother|son|husband|uncle|gentleman", "man"),
    _role("blonde", "woman", hair="blonde"),
    _role("brunette", "woman", hair="brown"),
    _role("redhead", hair="red"),
    _role("astronaut|cosmonaut", outfit="armor", cloth="white", hat="helmet"),
)


def roles_for(look: Look) -> list[Role]:
    """All roles that a look could be called by."""
    return [role for role in ROLES if role.fits(look)]
