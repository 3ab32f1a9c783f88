"""The tokenizer: byte-level BPE in CLIP's format, in which every word of the first lexicon is one token.

Knows the words of the grammar; all others fall into pieces, none is refused.
"""

from __future__ import annotations

import itertools
import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from training.starter import words
from training.starter.captions import caption, training_look
from training.starter.roles import ROLES
from training.starter.wider import wider_words

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

MAX_TOKENS = 64
_WORD = re.compile(r"[a-z]+|[0-9]|[^\sa-z0-9]+")
END = "</w>"
_SPECIAL = ("<|startoftext|>", "<|endoftext|>")


def known_words() -> set[str]:
    """Every word that training says, without numbers, names and invented words."""
    return whole_words() | _words_in(wider_words())


def whole_words() -> set[str]:
    """The words that the tokenizer is built from: each is one token, later ones are several."""
    texts = [phrase for role in ROLES for phrase in role.words]
    for value in vars(words).values():
        if isinstance(value, str | tuple | list):
            texts += [text for text in value if isinstance(text, str)]
        elif isinstance(value, MappingProxyType):
            texts += [text for row in value.values() for text in row]
    texts += _SENTENCE_WORDS
    return _words_in(texts)


def _words_in(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in _WORD.findall(text.lower()) if word.isalpha()}


_SENTENCE_WORDS = words.listing(
    "a|an|the|with|and|in|at|on|of|by|for|to|is|who|has|wears|wearing|dressed|no|her|his|she|he|they"
    "|their|background|wall|plain|clothes|clothing|outfit|landscape|nobody|empty|people|front|before"
    "|table|plate|close|up|still|life|isolated|named|one|two|three|female|male|skin|hair|eyes|it"
)


def _frequencies() -> Counter[str]:
    """How often each word counts when merges are chosen: known ones enough to become one token."""
    rng = random.Random(7)
    counts: Counter[str] = Counter()
    for _ in range(4000):
        text = caption(training_look(rng), rng)
        counts.update(word for word in _WORD.findall(text.lower()) if word.isalpha())
    known = whole_words()
    frequencies = {word: min(count, 50) for word, count in counts.items() if word in known}
    return Counter({word: 5 + frequencies.get(word, 0) for word in sorted(known)})


def build_tokenizer(folder: Path) -> CLIPTokenizer:
    """Make the tokenizer, save it into `folder` and return it as the pipeline will load it."""
    from transformers import CLIPTokenizer

    merges = merges_for(_frequencies())
    alphabet = _byte_letters()
    tokens = [*alphabet, *(letter + END for letter in alphabet), *("".join(pair) for pair in merges)]
    unique = list(dict.fromkeys([*tokens, *_SPECIAL]))
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = json.dumps({token: index for index, token in enumerate(unique)}, ensure_ascii=False)
    (folder / "vocab.json").write_text(vocabulary)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    tokenizer = CLIPTokenizer(
        vocab=str(folder / "vocab.json"),
        merges=str(folder / "merges.txt"),
        model_max_length=MAX_TOKENS,
        pad_token=_SPECIAL[1],
    )
    tokenizer.save_pretrained(folder)
    return tokenizer


def _byte_letters() -> list[str]:
    from tokenizers import pre_tokenizers

    return sorted(pre_tokenizers.ByteLevel.alphabet())


def merges_for(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """Byte-pair merges, most frequent pair first, until every word is whole (Sennrich et al., 2016).

    Ties go to the pair that comes first in the alphabet, so that equal words give equal merges.
    """
    pieces = {word: [*word[:-1], word[-1] + END] for word in counts}
    totals: Counter[tuple[str, str]] = Counter()
    holders: dict[tuple[str, str], set[str]] = {}
    for word, parts in pieces.items():
        _note_pairs(word, parts, counts[word], totals, holders)
    merges = []
    while any(count > 0 for count in totals.values()):
        best = min(totals, key=lambda pair: (-totals[pair], pair))
        merges.append(best)
        for word in sorted(holders.pop(best)):
            _note_pairs(word, pieces[word], -counts[word], totals, holders)
            pieces[word] = _merged(pieces[word], best)
            _note_pairs(word, pieces[word], counts[word], totals, holders)
        totals.pop(best, None)
    return merges


def _note_pairs(
    word: str,
    parts: list[str],
    count: int,
    totals: Counter[tuple[str, str]],
    holders: dict[tuple[str, str], set[str]],
) -> None:
    for pair in itertools.pairwise(parts):
        totals[pair] += count
        if count > 0:
            holders.setdefault(pair, set()).add(word)


def _merged(parts: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    for part in parts:
        if merged and (merged[-1], part) == pair:
            merged[-1] += part
        else:
            merged.append(part)
    return merged
