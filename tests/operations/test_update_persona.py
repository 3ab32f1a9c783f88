"""mutation updatePersona"""

from typing import Any

import pytest

from store.database.tables import Persona, Role
from tests.client import Api, key, refused
from tests.operations import steps

pytestmark = pytest.mark.asyncio

UPDATE = """
mutation ($input: UpdatePersonaInput!) {
  updatePersona(input: $input) {
    persona { name appearance baseAppearanceDescription personality createdAt updatedAt }
    userErrors { code message field }
  }
}
"""


async def row(api: Api, persona_id: str) -> Persona:
    async with api.shop.db.session() as session:
        return await session.get_one(Persona, key(persona_id))


async def test_absent_fields_stay_and_null_clears(api: Api) -> None:
    mira = await steps.persona(api, baseAppearanceDescription="red hair", personality="calm")
    with api.statements() as statements:
        payload = await api.do(UPDATE, subjectId=mira, personality=None, name="Mira B.")
    persona = payload["persona"]
    created, updated = persona.pop("createdAt"), persona.pop("updatedAt")
    assert payload["userErrors"] == []
    assert persona == {
        "name": "Mira B.",
        "appearance": "a baker",
        "baseAppearanceDescription": "red hair",
        "personality": None,
    }
    assert updated > created
    assert len(statements) == 2


async def test_one_of_the_two_looks_can_be_cleared_but_not_both(api: Api) -> None:
    mira = await steps.persona(api, baseAppearanceDescription="red hair")
    cleared = await api.do(UPDATE, subjectId=mira, appearance=None)
    assert cleared["persona"]["appearance"] is None
    payload = await api.do(UPDATE, subjectId=mira, baseAppearanceDescription=" ")
    assert refused(payload)[0] == "INVALID_INPUT"
    assert (await row(api, mira)).base_appearance_description == "red hair"


async def test_nothing_given_changes_nothing(api: Api) -> None:
    mira = await steps.persona(api)
    before = await row(api, mira)
    payload = await api.do(UPDATE, subjectId=mira)
    assert payload["userErrors"] == []
    assert (await row(api, mira)).updated_at == before.updated_at


async def test_name_cannot_be_null(api: Api) -> None:
    mira = await steps.persona(api)
    answer = await api.run(UPDATE, input={"subjectId": mira, "name": None})
    assert "null" in answer.errors[0]["message"]
    assert (await row(api, mira)).name == "Mira"


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"name": ""}, "INVALID_INPUT", "name"),
        ({"name": "n" * 201}, "TOO_LONG", "name"),
        ({"appearance": "a" * 8001}, "TOO_LONG", "appearance"),
        ({"personality": "a" * 8001}, "TOO_LONG", "personality"),
    ],
)
async def test_unusable_input_changes_nothing(api: Api, given: dict[str, Any], code: str, field: str) -> None:
    mira = await steps.persona(api)
    payload = await api.do(UPDATE, subjectId=mira, **given)
    assert refused(payload)[::2] == (code, [field])
    unchanged = await row(api, mira)
    assert (unchanged.name, unchanged.appearance, unchanged.personality) == ("Mira", "a baker", None)


@pytest.mark.parametrize("field", ["appearance", "baseAppearanceDescription"])
async def test_locked_look_cannot_be_edited(api: Api, field: str) -> None:
    mira = await steps.persona(api, baseAppearanceDescription="red hair")
    await steps.drafts(api, mira)
    await api.do(steps.APPROVE, subjectId=mira)
    payload = await api.do(UPDATE, subjectId=mira, name="Other", **{field: "another look"})
    assert refused(payload)[::2] == ("APPEARANCE_LOCKED", [field])
    unchanged = await row(api, mira)
    assert (unchanged.name, unchanged.look) == ("Mira", "red hair")


async def test_locked_persona_takes_a_name_a_personality_and_the_same_look(api: Api) -> None:
    mira = await steps.persona(api)
    await steps.drafts(api, mira)
    await api.do(steps.APPROVE, subjectId=mira)
    payload = await api.do(UPDATE, subjectId=mira, name="Other", personality="bold", appearance="a baker")
    assert payload["userErrors"] == []
    assert payload["persona"]["name"] == "Other"


async def test_unlocked_look_can_be_edited_again(api: Api) -> None:
    mira = await steps.persona(api)
    await steps.drafts(api, mira)
    await api.do(steps.APPROVE, subjectId=mira)
    await api.do(steps.UNLOCK, subjectId=mira)
    payload = await api.do(UPDATE, subjectId=mira, appearance="a pilot")
    assert payload["persona"]["appearance"] == "a pilot"


async def test_foreign_and_malformed_ids_are_refused(api: Api) -> None:
    mira = await steps.persona(api)
    bob = await api.another("bob")
    assert refused(await bob.do(UPDATE, subjectId=mira, name="Mine"))[::2] == ("NOT_FOUND", ["subjectId"])
    assert refused(await api.do(UPDATE, subjectId="x", name="Mine"))[::2] == ("INVALID_ID", ["subjectId"])
    assert (await row(api, mira)).name == "Mira"


async def test_viewer_may_not_update(api: Api) -> None:
    viewer = await api.another("vera", role=Role.VIEWER)
    answer = await viewer.run(UPDATE, input={"subjectId": "x", "name": "Mine"})
    assert answer.code == "FORBIDDEN"
