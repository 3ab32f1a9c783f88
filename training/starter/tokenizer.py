"""The tokenizer: byte-level BPE in CLIP's format, in which every known word is one token.

Knows the words of the grammar; unknown words fall into pieces, none is refused.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from training.starter import words
from training.starter.captions import caption, training_look
from training.starter.roles import ROLES

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

MAX_TOKENS = 64
_WORD = re.compile(r"[a-z]+|[0-9]|[^\sa-z0-9]+")
_SPECIAL = ("<|startoftext|>", "<|endoftext|>")


def known_words() -> set[str]:
    """Every word that the grammar can say, without numbers, names and invented words."""
    texts = [phrase for role in ROLES for phrase in role.words]
    for value in vars(words).values():
        if isinstance(value, str | tuple | list):
            texts += [text for text in value if isinstance(text, str)]
        elif isinstance(value, MappingProxyType):
            texts += [text for row in value.values() for text in row]
    texts += _SENTENCE_WORDS
    return {word for text in texts for word in _WORD.findall(text.lower()) if word.isalpha()}


_SENTENCE_WORDS = [
    "a",
    "an",
    "the",
    "with",
    "and",
    "in",
    "at",
    "on",
    "of",
    "by",
    "for",
    "to",
    "is",
    "who",
    "has",
    "wears",
    "wearing",
    "dressed",
    "no",
    "her",
    "his",
    "she",
    "he",
    "they",
    "their",
    "background",
    "wall",
    "plain",
    "clothes",
    "clothing",
    "outfit",
    "landscape",
    "nobody",
    "empty",
    "people",
    "front",
    "before",
    "table",
    "plate",
    "close",
    "up",
    "still",
    "life",
    "isolated",
    "named",
    "one",
    "two",
    "three",
    "female",
    "male",
    "skin",
    "hair",
    "eyes",
    "it",
]


def _frequencies() -> Counter[str]:
    """How often each word counts when merges are chosen: known ones enough to become one token."""
    rng = random.Random(7)
    counts: Counter[str] = Counter()
    for _ in range(4000):
        text = caption(training_look(rng), rng)
        counts.update(word for word in _WORD.findall(text.lower()) if word.isalpha())
    known = known_words()
    frequencies = {word: min(count, 50) for word, count in counts.items() if word in known}
    return Counter({word: 5 + frequencies.get(word, 0) for word in sorted(known)})


def build_tokenizer(folder: Path) -> CLIPTokenizer:
    """Make the tokenizer, save it into `folder` and return it as the pipeline will load it."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    bpe = Tokenizer(models.BPE(continuing_subword_prefix="", end_of_word_suffix="</w>"))
    bpe.normalizer = normalizers.Lowercase()
    bpe.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(
        vocab_size=20_000,
        min_frequency=1,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    counts = _frequencies()
    bpe.train_from_iterator((" ".join([word] * count) for word, count in counts.items()), trainer)
    vocabulary, merges = _clip_files(json.loads(bpe.to_str()))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    tokenizer = CLIPTokenizer(
        vocab=str(folder / "vocab.json"),
        merges=str(folder / "merges.txt"),
        model_max_length=MAX_TOKENS,
        pad_token=_SPECIAL[1],
    )
    tokenizer.save_pretrained(folder)
    return tokenizer


def _clip_files(trained: dict[str, object]) -> tuple[dict[str, int], list[str]]:
    """CLIP's vocabulary order: bytes, bytes that end a word, merges, special tokens."""
    from tokenizers import pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    model = trained["model"]
    assert isinstance(model, dict)
    pairs = [
        tuple(merge) if isinstance(merge, list) else tuple(merge.split(" ")) for merge in model["merges"]
    ]
    tokens = [*alphabet, *(letter + "</w>" for letter in alphabet)]
    tokens += ["".join(pair) for pair in pairs]
    unique = list(dict.fromkeys([*tokens, *_SPECIAL]))
    return {token: index for index, token in enumerate(unique)}, [" ".join(pair) for pair in pairs]
