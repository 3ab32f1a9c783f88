"""The tokenizer: known words whole, unknown ones in pieces, nothing refused."""

from pathlib import Path

import pytest
from transformers import CLIPTokenizer

from training.starter.tokenizer import MAX_TOKENS, build_tokenizer, known_words, whole_words


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    build_tokenizer(folder)
    return folder


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(folder)


def test_every_word_it_is_built_from_is_one_token(tokenizer: CLIPTokenizer) -> None:
    broken = [word for word in whole_words() if len(tokenizer(word)["input_ids"]) != 3]
    assert len(whole_words()) > 800
    assert broken == []


def test_words_taught_later_are_known_and_a_few_tokens(tokenizer: CLIPTokenizer) -> None:
    later = known_words() - whole_words()
    assert len(later) > 500
    assert max(len(tokenizer(word)["input_ids"]) - 2 for word in later) <= 12


def test_unknown_words_and_scripts_fall_into_pieces_without_an_error(tokenizer: CLIPTokenizer) -> None:
    ids = tokenizer("xylophonist Zürich 日本 \U0001f600 a+b=c")["input_ids"]
    assert len(ids) > 10
    assert max(ids) < len(tokenizer)


def test_text_survives_a_round_trip(tokenizer: CLIPTokenizer) -> None:
    text = "a wizard with long white hair casting a fire spell in a dark dungeon"
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True).strip() == text


def test_long_prompts_are_cut_at_the_encoders_length(tokenizer: CLIPTokenizer) -> None:
    ids = tokenizer("hair " * 500, truncation=True)["input_ids"]
    assert tokenizer.model_max_length == MAX_TOKENS == len(ids)


def test_building_it_again_gives_equal_files(folder: Path, tmp_path: Path) -> None:
    build_tokenizer(tmp_path)
    for name in ("vocab.json", "merges.txt"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
