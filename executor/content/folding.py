"""Text as a reader sees it, whatever characters it is written with: what rules are held against.

Compatibility forms, marks and invisible characters dropped, lower case, look-alikes of other scripts as Latin
letters. The look-alikes are Unicode's own (UTS #39, confusables.txt, by way of `confusable_homoglyphs`) and a few
that people read as letters although Unicode does not count them. Digits and signs that stand for letters are left
as they are: `LEET` says which letters each may mean.
"""

import functools
import itertools
import string
import unicodedata

LEET = {
    "0": "o", "1": "il", "2": "z", "3": "e", "4": "a", "5": "s", "6": "g", "7": "t", "8": "b", "9": "g",
    "@": "a", "$": "s", "!": "i", "|": "il", "+": "t", "(": "c", "<": "c", "{": "c", "¢": "c", "£": "l",
    "€": "e", "¥": "y",
}  # fmt: skip
"""Which letters a digit or a sign may stand for."""

_READ_AS = {
    "a": "ᴀᵅ", "b": "ʙв", "c": "ᴄ¢", "d": "ᴅđ", "e": "ᴇ", "f": "ꜰƒ", "g": "ɢ", "h": "ʜнħ",  # noqa: RUF001 -- the point of it
    "i": "ɪı¡", "j": "ᴊȷ", "k": "ᴋкκ", "l": "ʟł", "m": "ᴍм", "n": "ɴη", "o": "ᴏø", "p": "ᴘ",  # noqa: RUF001 -- as above
    "r": "ʀ", "s": "ꜱʂ", "t": "ᴛтτŧ", "u": "ᴜ", "v": "ᴠ", "w": "ᴡω", "y": "ʏ", "z": "ᴢ",  # noqa: RUF001 -- as above
    "ae": "æ", "oe": "œ", "ss": "ß",
}  # fmt: skip
_ENCLOSED = (0x1F130, 0x1F150, 0x1F170, 0x1F1E6)  # squared, circled and flag letters: 26 in a row from each
_DROPPED = frozenset({"Mn", "Me", "Cf", "Cc"})
_BLANKS = frozenset("\u115f\u1160\u3164\uffa0")  # letters by category, invisible to readers


def folded(text: str) -> tuple[str, list[int]]:
    """The text as it is read, and for each of its characters the place in `text` that it comes from."""
    read: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        for letter in fold(character):
            read.append(letter)
            places.append(place)
    return "".join(read), places


@functools.lru_cache(maxsize=65_536)
def fold(character: str) -> str:
    """One character as it is read: nothing for an invisible one, a blank for white space."""
    if character in string.ascii_lowercase:
        return character
    if character.isspace():
        return " "
    alike = _look_alikes()
    plain = unicodedata.normalize("NFKD", alike.get(character, character))
    plain = "".join(alike.get(part, part) for part in plain).casefold()
    plain = "".join(alike.get(part, part) for part in unicodedata.normalize("NFKD", plain))
    return "".join(
        part for part in plain if part not in _BLANKS and unicodedata.category(part) not in _DROPPED
    )


@functools.cache
def _look_alikes() -> dict[str, str]:
    """What each character that is no ASCII is read as, in lower case."""
    from confusable_homoglyphs.confusables import confusables_data  # a megabyte of names, read once

    alike = {}
    for character, looks_like in confusables_data.items():
        latin = [each["c"].lower() for each in looks_like if each["c"] in string.ascii_letters]
        if latin and len(character) == 1 and not character.isascii():
            alike[character] = latin[0]
    for letters, written in _READ_AS.items():
        alike.update(dict.fromkeys(written, letters))
    for first, place in itertools.product(_ENCLOSED, range(26)):
        alike[chr(first + place)] = string.ascii_lowercase[place]
    return alike
