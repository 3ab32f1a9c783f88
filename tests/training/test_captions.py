"""The grammar: says everything when asked, always says what is unusual, same seed same words."""

import random

import pytest

from training.starter import words
from training.starter.captions import caption, training_look
from training.starter.evaluation import free_prompts
from training.starter.lexicon import WIDER_USUALLY
from training.starter.looks import VALUES, Look
from training.starter.roles import ROLES, roles_for

PERSON = Look(style="long", scene="beach")
TABLES = {
    "hair": words.HAIR,
    "eyes": words.EYES,
    "hat": words.HAT,
    "prop": words.PROP,
    "cloth": words.COLOURS,
    "scene": words.SCENE,
    "beard": {"beard": ("beard",), "moustache": ("moustache", "mustache")},
}
PLAIN_HEADED = Look(gender="man", age="adult", hair="brown")


def _captions(look: Look, count: int = 60, *, everything: bool = False) -> list[str]:
    return [caption(look, random.Random(seed), everything=everything) for seed in range(count)]


def _usually(look: Look, count: int = 100) -> list[str]:
    return [caption(look, random.Random(seed), lexicon=WIDER_USUALLY) for seed in range(count)]


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_full_caption_says_every_value(name: str) -> None:
    for value, phrases in TABLES[name].items():
        if value not in VALUES[name]:
            continue
        for text in _captions(PERSON.but(**{name: value}), 20, everything=True):
            assert any(phrase.replace("{} ", "") in text or value in text for phrase in phrases), text


@pytest.mark.parametrize(
    ("look", "signs"),
    [
        (PERSON.but(skin="green"), ("green", "orc", "goblin", "troll", "ogre", "zombie", "alien")),
        (PERSON.but(hair="pink"), ("pink", "magenta")),
        (PERSON.but(prop="sword"), ("sword", "blade", "battle", "duelist")),
        (PERSON.but(glasses="glasses"), ("glasses", "spectacles", "teacher", "student", "nerd", "geek")),
        (PERSON.but(style="bald"), ("bald", "no hair", "shaved", "monk")),
    ],
)
def test_unusual_values_are_said_in_every_caption(look: Look, signs: tuple[str, ...]) -> None:
    implied = [word for role in roles_for(look) if role.implies for word in role.words]
    for text in _captions(look):
        assert any(sign in text for sign in (*signs, *implied)), text


def test_everyday_values_are_left_out_now_and_then() -> None:
    texts = _captions(PERSON.but(eyes="brown"), 200)
    said = sum("eyes" in text for text in texts)
    assert 20 < said < 180


@pytest.mark.parametrize(
    ("look", "signs"),
    [
        (PERSON.but(eyes="green"), ("green", "emerald")),
        (PERSON.but(eyes="blue"), ("blue",)),
        (PERSON.but(style="bun"), ("bun", "updo", "topknot", "tied up", "pinned up")),
        (PLAIN_HEADED.but(style="bun", scene="beach"), ("bun", "updo", "topknot", "tied up", "pinned up")),
    ],
)
def test_where_the_usual_is_taken_for_granted_all_else_is_said(look: Look, signs: tuple[str, ...]) -> None:
    for text in _usually(look):
        assert any(sign in text for sign in signs), text


def test_the_usual_may_stay_unsaid() -> None:
    woman, man = _usually(PERSON), _usually(PLAIN_HEADED.but(style="short"))
    assert 5 < sum("eyes" in text for text in woman) < 70
    assert 5 < sum("short" in text or "cropped" in text for text in man) < 70


def test_the_same_seed_gives_the_same_caption() -> None:
    look = training_look(random.Random(3))
    assert _captions(look) == _captions(look)
    assert len(set(_captions(look))) > 50


def test_a_role_names_only_looks_that_show_what_it_implies() -> None:
    wizard = next(role for role in ROLES if role.words[0] == "wizard")
    assert wizard.fits(Look(hat="wizard", outfit="robe"))
    assert not wizard.fits(Look(hat="wizard", outfit="suit"))


def test_every_role_is_cast_for_training() -> None:
    rng = random.Random(1)
    looks = [training_look(rng) for _ in range(6000)]
    missing = [role.words[0] for role in ROLES if not any(role.fits(look) for look in looks)]
    assert missing == []


def test_the_free_prompts_are_a_hundred_with_known_kinds_and_wishes() -> None:
    prompts = free_prompts()
    assert len(prompts) == len({prompt.text for prompt in prompts}) == 100
    assert {prompt.kind for prompt in prompts} == set(VALUES["kind"])
    for prompt in prompts:
        for name, value in prompt.wishes:
            assert value in VALUES[name], prompt


def test_no_caption_of_training_is_a_free_prompt() -> None:
    rng = random.Random(11)
    texts = {caption(training_look(rng), rng) for _ in range(5000)}
    long_ones = {prompt.text for prompt in free_prompts() if len(prompt.text.split()) > 4}
    assert texts & long_ones == set()
