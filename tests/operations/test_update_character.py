"""mutation updateCharacter, and what approving does to a character's seed"""

from typing import Any

import pytest

from store.database.tables import Role
from tests.client import Api, refused
from tests.operations import steps
from tests.operations.steps import APPROVE, UNLOCK

pytestmark = pytest.mark.asyncio

UPDATE = """
mutation ($input: UpdateCharacterInput!) {
  updateCharacter(input: $input) {
    character { name appearance baseAppearanceDescription artStyle styleModifiers referenceSeed game { id } }
    userErrors { code message field }
  }
}
"""
SEED = "query ($id: ID!) { node(id: $id) { ... on Character { referenceSeed } } }"
LARGE_SEED = 2**53 - 2


async def seed_of(api: Api, character: str) -> Any:
    return (await api.run(SEED, id=character)).data["node"]["referenceSeed"]


async def test_what_is_absent_stays_and_null_is_cleared(api: Api) -> None:
    game = await steps.game(api, "Mistvale")
    ash = await steps.character(api, gameId=game, artStyle="ink", styleModifiers=["loose"])
    with api.statements() as statements:
        payload = await api.do(UPDATE, subjectId=ash, name="Ashe", artStyle=None, gameId=None)
    assert payload["userErrors"] == []
    assert payload["character"] == {
        "name": "Ashe",
        "appearance": "a ranger",
        "baseAppearanceDescription": None,
        "artStyle": None,
        "styleModifiers": ["loose"],
        "referenceSeed": None,
        "game": None,
    }
    assert len(statements) == 2  # the character, locked; update


async def test_character_moves_into_another_game(api: Api) -> None:
    game = await steps.game(api, "Mistvale")
    ash = await steps.character(api)
    assert (await api.do(UPDATE, subjectId=ash, gameId=game))["character"]["game"] == {"id": game}
    assert refused(await api.do(UPDATE, subjectId=ash, gameId="x"))[::2] == ("INVALID_ID", ["gameId"])
    assert refused(await api.do(UPDATE, subjectId=ash, gameId=ash))[::2] == ("NOT_FOUND", ["gameId"])


async def test_approving_fixes_the_seed_and_unlocking_keeps_it(api: Api) -> None:
    ash = await steps.character(api)
    await steps.drafts(api, ash, seed=LARGE_SEED)
    assert await seed_of(api, ash) is None
    await api.do(APPROVE, subjectId=ash)
    assert await seed_of(api, ash) == LARGE_SEED
    await api.do(UNLOCK, subjectId=ash)
    assert await seed_of(api, ash) == LARGE_SEED


async def test_seed_fixed_by_hand_stays_on_approval_until_it_is_given_back(api: Api) -> None:
    ash = await steps.character(api)
    await api.do(UPDATE, subjectId=ash, referenceSeed=42)
    await steps.drafts(api, ash, seed=7)
    await api.do(APPROVE, subjectId=ash)
    assert await seed_of(api, ash) == 42
    payload = await api.do(UPDATE, subjectId=ash, referenceSeed=None)
    assert payload["character"]["referenceSeed"] == 7


async def test_seed_given_back_before_any_approval_is_none(api: Api) -> None:
    ash = await steps.character(api, referenceSeed=42)
    assert (await api.do(UPDATE, subjectId=ash, referenceSeed=None))["character"]["referenceSeed"] is None


async def test_look_is_locked_by_approval_and_the_style_is_not(api: Api) -> None:
    ash = await steps.character(api)
    await steps.drafts(api, ash)
    await api.do(APPROVE, subjectId=ash)
    payload = await api.do(UPDATE, subjectId=ash, appearance="a bard", artStyle="ink")
    assert refused(payload)[::2] == ("APPEARANCE_LOCKED", ["appearance"])
    payload = await api.do(UPDATE, subjectId=ash, artStyle="ink")
    assert (payload["character"]["artStyle"], payload["character"]["appearance"]) == ("ink", "a ranger")


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"name": " "}, "INVALID_INPUT", ["name"]),
        ({"appearance": None}, "INVALID_INPUT", ["appearance"]),
        ({"referenceSeed": -1}, "INVALID_INPUT", ["referenceSeed"]),
        ({"styleModifiers": [str(n) for n in range(13)]}, "INVALID_INPUT", ["styleModifiers"]),
        ({"styleModifiers": ["m" * 201]}, "TOO_LONG", ["styleModifiers"]),
    ],
)
async def test_unusable_input_changes_nothing(
    api: Api, given: dict[str, Any], code: str, field: list[str]
) -> None:
    ash = await steps.character(api)
    assert refused(await api.do(UPDATE, subjectId=ash, **given))[::2] == (code, field)
    kept = (await api.do(UPDATE, subjectId=ash))["character"]
    assert (kept["name"], kept["appearance"], kept["referenceSeed"]) == ("Ash", "a ranger", None)


async def test_persona_and_foreign_ids_are_no_characters(api: Api) -> None:
    ash = await steps.character(api)
    mira = await steps.persona(api)
    bob = await api.another("bob")
    assert refused(await api.do(UPDATE, subjectId=mira, name="x"))[::2] == ("NOT_FOUND", ["subjectId"])
    assert refused(await bob.do(UPDATE, subjectId=ash, name="x"))[::2] == ("NOT_FOUND", ["subjectId"])
    assert (await api.do(UPDATE, subjectId=ash))["character"]["name"] == "Ash"


async def test_viewer_may_not_update(api: Api) -> None:
    viewer = await api.another("vera", role=Role.VIEWER)
    assert (await viewer.run(UPDATE, input={"subjectId": "x"})).code == "FORBIDDEN"
