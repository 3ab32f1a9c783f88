"""Words that a checkpoint does not know are left out of its prompt, and told."""

import dataclasses
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save

from generators.diffusion import starter
from generators.diffusion.asks import Piece
from generators.diffusion.calling import in_known_words
from generators.diffusion.engine import Engine
from generators.diffusion.vocabulary import KNOWN_WORDS, known_part, words_of
from tests.generators.diffusion import tiny

Build = Callable[..., Engine]
KNOWN = frozenset({"a", "wizard", "in", "castle", "forest", "woman", "sad"})


@pytest.mark.parametrize(
    ("prompt", "text", "unknown"),
    [
        ("a wizard in Zürich's forest", "a wizard in 's forest", ["Zürich"]),
        ("A wizards, 30 castles!", "A wizard, 30 castle!", []),
        ("xylophone, a Xylophone, xylophone", ", a ,", ["xylophone", "Xylophone"]),
        ("", "", []),
        ("\u65e5\u672c a castle", "a castle", ["\u65e5\u672c"]),
    ],
)
def test_unknown_words_are_taken_out_and_told_once(prompt: str, text: str, unknown: list[str]) -> None:
    assert known_part(prompt, KNOWN) == (text, unknown)


def test_a_name_stays_whole_and_its_words_elsewhere_do_not() -> None:
    assert known_part("zwx woman in zwx", KNOWN, ("zwx woman",)) == ("zwx woman in", ["zwx"])


def _lora(**facts: str) -> Piece:
    data = save({"x": torch.zeros(1)}, {"likeness": json.dumps(facts)})
    return Piece(sha256="0" * 64, data=data)


def test_what_an_adapter_answers_to_is_no_unknown_word() -> None:
    ask = tiny.ask("starter", prompt="zwx woman, zwx in a gazebo", negative_prompt="sad blurry")
    ask = dataclasses.replace(ask, loras=(_lora(trigger="zwx", class_prompt="woman"),))
    understood, notes = in_known_words(ask, KNOWN)
    assert (understood.prompt, understood.negative_prompt) == ("zwx woman, zwx in a", "sad")
    assert notes == {"unknownWords": ["gazebo"]}


def test_a_checkpoint_without_a_list_is_told_everything(tmp_path: Path) -> None:
    ask = tiny.ask("starter", prompt="xylophone")
    assert words_of(tmp_path) is None
    assert in_known_words(ask, None) == (ask, {})


def test_the_picture_says_what_was_ignored_and_is_the_one_without_it(build: Build, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    starter.build(folder)
    (folder / KNOWN_WORDS).write_text("portrait of a woman")
    engine = build(starter_checkpoint=True, starter_folder=folder)

    def made(prompt: str) -> tuple[bytes, object, object]:
        picture = tiny.send(engine, tiny.ask("starter", prompt=prompt, width=128, height=128, steps=2)).made()
        parameters = picture.facts.parameters
        return (
            Image.open(io.BytesIO(picture.data)).tobytes(),
            parameters["prompt"],
            parameters.get("unknownWords"),
        )

    plain = made("portrait of a woman")
    odd = made("portrait of a quixotic woman")
    assert plain[1:] == ("portrait of a woman", None)
    assert odd == (plain[0], "portrait of a quixotic woman", ["quixotic"])
