"""Words that a checkpoint knows: a small one lists them, and is not bothered with others. Knows no torch.

A text encoder must make something of every word; one that was taught a thousand draws something random for
the rest. So the rest is left out, and told.
"""

import re
from collections.abc import Collection
from collections.abc import Set as AbstractSet
from pathlib import Path

KNOWN_WORDS = "known_words.txt"
_WORD = re.compile(r"[^\W\d_]+")


def words_of(folder: Path) -> frozenset[str] | None:
    """What the checkpoint in a folder knows; None = it does not say, so everything is passed on."""
    path = folder / KNOWN_WORDS
    return frozenset(path.read_text(encoding="utf-8").split()) if path.is_file() else None


def known_part(prompt: str, known: AbstractSet[str], names: Collection[str] = ()) -> tuple[str, list[str]]:
    """A prompt without the words that are not known, and those words, each once.

    A known singular or plural stands in for an unknown form; digits, names of one letter and punctuation
    stay, since they change nothing. `names` (what adapters answer to) stay as they are.
    """
    parts = re.split(f"({'|'.join(map(re.escape, names))})", prompt) if names else [prompt]
    unknown: dict[str, None] = {}
    text = "".join(part if part in names else _without(part, known, unknown) for part in parts)
    return re.sub(r"\s+", " ", text).strip(), list(unknown)


def _without(part: str, known: AbstractSet[str], unknown: dict[str, None]) -> str:
    def kept(match: re.Match[str]) -> str:
        word = match.group().lower()
        if word in known or len(word) == 1:
            return match.group()
        for other in (word.removesuffix("s"), f"{word}s", word.removesuffix("es")):
            if other in known:
                return other
        unknown[match.group()] = None
        return ""

    return _WORD.sub(kept, part)
