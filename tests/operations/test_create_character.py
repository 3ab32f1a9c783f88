"""mutation createCharacter"""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from resolvers.templates import TEMPLATES
from store.database.tables import Character, Role
from tests.client import Api, refused
from tests.operations import steps

pytestmark = pytest.mark.asyncio

CREATE = """
mutation ($input: CreateCharacterInput!) {
  createCharacter(input: $input) {
    character { id name appearance baseAppearanceDescription artStyle styleModifiers referenceSeed
                baseImageStatus appearanceLocked game { name } }
    userErrors { code message field }
  }
}
"""


async def characters(api: Api) -> int:
    async with api.shop.db.session() as session:
        return (await session.scalar(select(func.count()).select_from(Character))) or 0


async def test_fields_make_a_character(api: Api) -> None:
    game = await steps.game(api, "Mistvale")
    given = {
        "appearance": "a ranger",
        "baseAppearanceDescription": "a tall ranger in green",
        "artStyle": "ink and watercolour",
        "styleModifiers": [" loose lines ", "soft washes", "loose lines", " "],
        "referenceSeed": 2**53 - 1,
    }
    with api.statements() as statements:
        payload = await api.do(CREATE, name=" Ash ", gameId=game, **given)
    assert payload["userErrors"] == []
    character = payload["character"]
    assert character.pop("id")
    assert character == {
        **given,
        "name": "Ash",
        "styleModifiers": ["loose lines", "soft washes"],
        "baseImageStatus": "PENDING_UPLOAD",
        "appearanceLocked": False,
        "game": {"name": "Mistvale"},
    }
    assert len(statements) == 3  # the game is there, insert, the game to show


@pytest.mark.parametrize("key", TEMPLATES)
async def test_every_template_makes_a_character(api: Api, key: str) -> None:
    template = TEMPLATES[key]
    character = (await api.do(CREATE, templateKey=key))["character"]
    assert (character["name"], character["appearance"]) == (template.name, template.appearance)
    assert (character["artStyle"], character["styleModifiers"]) == (
        template.art_style,
        list(template.style_modifiers),
    )
    assert character["referenceSeed"] is None


async def test_what_is_given_goes_before_the_template(api: Api) -> None:
    given = {"name": "Brakka", "baseAppearanceDescription": "a dwarf woman", "styleModifiers": []}
    character = (await api.do(CREATE, templateKey="dwarven-smith", **given))["character"]
    assert character["name"] == "Brakka"
    assert character["appearance"] is None
    assert character["baseAppearanceDescription"] == "a dwarf woman"
    assert character["artStyle"] == "oil painting"
    assert character["styleModifiers"] == []


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"appearance": "a ranger"}, "INVALID_INPUT", ["name"]),
        ({"name": " ", "appearance": "a ranger"}, "INVALID_INPUT", ["name"]),
        ({"name": "Ash"}, "INVALID_INPUT", ["appearance"]),
        ({"name": "Ash", "appearance": "x", "templateKey": "nobody"}, "UNKNOWN_TEMPLATE", ["templateKey"]),
        ({"name": "Ash", "appearance": "x", "referenceSeed": -1}, "INVALID_INPUT", ["referenceSeed"]),
        ({"name": "Ash", "appearance": "x", "gameId": "nonsense"}, "INVALID_ID", ["gameId"]),
        ({"name": "Ash", "appearance": "x", "artStyle": "a" * 201}, "TOO_LONG", ["artStyle"]),
        ({"name": "Ash", "appearance": "x", "styleModifiers": ["m" * 201]}, "TOO_LONG", ["styleModifiers"]),
        (
            {"name": "Ash", "appearance": "x", "styleModifiers": [f"m{n}" for n in range(13)]},
            "INVALID_INPUT",
            ["styleModifiers"],
        ),
    ],
)
async def test_unusable_input_is_refused(
    api: Api, given: dict[str, Any], code: str, field: list[str]
) -> None:
    payload = await api.do(CREATE, **given)
    assert payload["character"] is None
    assert refused(payload)[::2] == (code, field)
    assert await characters(api) == 0


async def test_missing_look_is_told_of_a_character(api: Api) -> None:
    assert refused(await api.do(CREATE, name="Ash"))[1] == (
        "Give `appearance` or `baseAppearanceDescription`: one of them must say how the character looks."
    )


async def test_game_of_somebody_else_is_refused(api: Api) -> None:
    game = await steps.game(api, "Mistvale")
    bob = await api.another("bob")
    payload = await bob.do(CREATE, name="Ash", appearance="x", gameId=game)
    assert refused(payload)[::2] == ("NOT_FOUND", ["gameId"])
    assert await characters(api) == 0


async def test_concurrent_calls_with_one_key_make_one_character(api: Api) -> None:
    given = {"templateKey": "elven-ranger", "idempotencyKey": "once"}
    payloads = await asyncio.gather(*(api.do(CREATE, **given) for _ in range(4)))
    assert len({payload["character"]["id"] for payload in payloads}) == 1
    assert await characters(api) == 1


async def test_viewer_may_not_create(api: Api) -> None:
    viewer = await api.another("vera", role=Role.VIEWER)
    assert (await viewer.run(CREATE, input={"templateKey": "elven-ranger"})).code == "FORBIDDEN"
    assert await characters(api) == 0
