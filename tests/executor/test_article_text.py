"""What a text model is asked for an article, and how its answer is read."""

import json
from typing import Any

import pytest

from executor.article_text import SCHEMA, NoArticleError, Voice, asking, read
from tests.peers.openai import check_schema

WHOLE = {
    "title": "Bread",
    "excerpt": "Smells.",
    "content": "It **browns**.",
    "imagePrompt": "a loaf",
    "imageQuery": "loaf",
}


def answer(**changes: Any) -> str:
    return json.dumps({**WHOLE, **changes})


def test_schema_is_one_that_strict_mode_takes() -> None:
    check_schema({"type": "json_schema", "strict": True, "name": "article", "schema": json.loads(SCHEMA)})


def test_answer_is_read_as_it_is() -> None:
    text = read(answer())

    assert (text.title, text.excerpt, text.content) == ("Bread", "Smells.", "It **browns**.")
    assert (text.image_prompt, text.image_query) == ("a loaf", "loaf")


@pytest.mark.parametrize("around", ["```json\n{}\n```", "Here you are:\n{}\nEnjoy!"])
def test_what_stands_around_the_json_does_no_harm(around: str) -> None:
    assert read(around.replace("{}", answer())).title == "Bread"


def test_what_is_missing_is_made_up_for() -> None:
    text = read(json.dumps({"title": " Bread ", "content": "Words."}))

    assert (text.title, text.excerpt, text.image_prompt, text.image_query) == ("Bread", "", "Bread", "Bread")


def test_characters_that_no_row_can_keep_are_left_out() -> None:
    assert read('{"title": "A\\u0000B \\ud800", "content": "x"}').title == "AB \ufffd"


def test_endless_parts_are_cut() -> None:
    text = read(answer(title="t" * 999, excerpt="e" * 999, imagePrompt="p" * 9999, imageQuery="q" * 999))

    assert [len(part) for part in (text.title, text.excerpt, text.image_prompt, text.image_query)] == [
        200,
        500,
        2000,
        80,
    ]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", "it is not the JSON that was asked for"),
        ("I cannot.", "it is not the JSON that was asked for"),
        ("[1, 2]", "it is not the JSON that was asked for"),
        ('{"title": "Bread"', "it is not the JSON that was asked for"),
        (answer(title=""), "it has no title"),
        (answer(title=5), "it has no title"),
        (answer(content=" "), "it has no content"),
    ],
)
def test_answer_that_is_no_article_is_named(said: str, why: str) -> None:
    with pytest.raises(NoArticleError, match=why):
        read(said)


def test_asking_names_the_topic_and_the_author() -> None:
    voice = Voice(name="Mira", personality="dry", look="a baker")

    words = asking("bread", "Why Bread", voice)

    assert words.splitlines()[0] == "Topic: bread"
    for part in ("use it word for word: Why Bread", "The author is Mira.", "dry", "a baker"):
        assert part in words
    assert asking("bread", None, None) == "Topic: bread"
