"""query presets, mutations savePreset and deletePreset"""

from typing import Any

import pytest
from sqlalchemy import func, select

from resolvers import presets
from store.database.tables import Preset
from tests.client import Api, refused
from tests.operations import steps

pytestmark = pytest.mark.asyncio
FIELDS = (
    "id key name isSystem owner { handle } model { key } parameters batchCount smartPrompt useCase createdAt"
)
PRESETS = f"{{ presets {{ {FIELDS} }} }}"
SAVE = f"""
mutation ($input: SavePresetInput!) {{
  savePreset(input: $input) {{ preset {{ {FIELDS} }} userErrors {{ code message field }} }}
}}
"""
DELETE = """
mutation ($input: DeletePresetInput!) {
  deletePreset(input: $input) { preset { key } userErrors { code message field } }
}
"""
NODE = "query ($id: ID!) { node(id: $id) { ... on Preset { key isSystem } } }"
MINE: dict[str, Any] = {
    "key": "mine",
    "name": " My cards ",
    "model": "scripted",
    "width": 128,
    "height": 64,
    "steps": 6,
    "guidance": 3,
    "negativePrompt": "",
    "batchCount": 2,
    "smartPrompt": True,
}


async def listed(api: Api) -> Any:
    return (await api.run(PRESETS)).data["presets"]


async def kept(api: Api) -> int:
    async with api.shop.db.session() as session:
        return await session.scalar(select(func.count()).select_from(Preset)) or 0


async def test_built_in_ones_are_there_for_everybody(api: Api) -> None:
    with api.statements() as statements:
        found = await listed(api)
    assert [each["key"] for each in found] == [
        "portrait", "product", "avatar", "scene", "poster", "thumbnail", "draft", "standard", "high", "print",
    ]  # fmt: skip
    assert all(each["isSystem"] and each["owner"] is None and each["createdAt"] is None for each in found)
    assert {each["model"]["key"] for each in found} == {"scripted"}
    tiers = {each["key"]: each["parameters"] for each in found}
    assert tiers["draft"] == {"width": 512, "height": 512, "steps": 20, "quality": "low"}
    assert tiers["high"] == {"width": 1024, "height": 1024, "steps": 50, "quality": "high"}
    assert len(statements) == 1
    bob = await api.another("bob")
    assert (await bob.run(NODE, id=found[0]["id"])).data["node"] == {"key": "portrait", "isSystem": True}


async def test_saved_preset_is_listed_found_and_replaced_by_its_key(api: Api) -> None:
    with api.statements() as statements:
        payload = await api.do(SAVE, **MINE)
    assert payload["userErrors"] == []
    preset = payload["preset"]
    assert preset["parameters"] == {
        "width": 128,
        "height": 64,
        "steps": 6,
        "guidance": 3.0,
        "negativePrompt": "",
    }
    assert (preset["name"], preset["isSystem"], preset["owner"]) == ("My cards", False, {"handle": "owner"})
    assert len(statements) == 4
    again = await api.do(SAVE, **{**MINE, "name": "Cards", "steps": None})
    assert again["preset"]["id"] == preset["id"]
    assert "steps" not in again["preset"]["parameters"]
    assert (await listed(api))[-1] == again["preset"]
    assert (await api.run(NODE, id=preset["id"])).data["node"] == {"key": "mine", "isSystem": False}
    assert await kept(api) == 1


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"key": "My key"}, "INVALID_INPUT", "key"),
        ({"key": "a--b"}, "INVALID_INPUT", "key"),
        ({"key": "portrait"}, "CONFLICT", "key"),
        ({"name": "  "}, "INVALID_INPUT", "name"),
        ({"model": "x"}, "UNKNOWN_MODEL", "model"),
        ({"width": 100}, "INVALID_INPUT", "width"),
        ({"steps": 0}, "INVALID_INPUT", "steps"),
        ({"quality": "high"}, "NOT_SUPPORTED", "quality"),
        ({"batchCount": 9}, "INVALID_INPUT", "batchCount"),
    ],
)
async def test_unusable_preset_is_refused(api: Api, given: Any, code: str, field: str) -> None:
    payload = await api.do(SAVE, **{**MINE, **given})
    assert payload["preset"] is None
    assert refused(payload)[::2] == (code, [field])
    assert await kept(api) == 0


async def test_more_than_the_most_are_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presets, "MOST_PRESETS", 2)
    for key in ("a", "b"):
        await api.do(SAVE, **{**MINE, "key": key})
    assert refused(await api.do(SAVE, **{**MINE, "key": "c"}))[0] == "INVALID_STATE"
    assert (await api.do(SAVE, **{**MINE, "key": "b"}))["userErrors"] == []
    assert await kept(api) == 2


async def test_deleted_preset_is_gone_and_built_in_ones_stay(api: Api) -> None:
    preset = (await api.do(SAVE, **MINE))["preset"]
    payload = await api.do(DELETE, key="mine")
    assert payload == {"preset": {"key": "mine"}, "userErrors": []}
    assert await kept(api) == 0
    assert (await api.run(NODE, id=preset["id"])).data["node"] is None
    assert await steps.actions(api) == ["preset.deleted"]
    assert refused(await api.do(DELETE, key="mine")) == ("NOT_FOUND", "You have no preset 'mine'.", ["key"])
    assert refused(await api.do(DELETE, key="high")) == (
        "NOT_SUPPORTED",
        "A built-in preset cannot be deleted.",
        ["key"],
    )


async def test_presets_are_their_owners_alone(api: Api) -> None:
    preset = (await api.do(SAVE, **MINE))["preset"]
    bob = await api.another("bob")
    assert len(await listed(bob)) == 10
    assert (await bob.run(NODE, id=preset["id"])).data["node"] is None
    assert refused(await bob.do(DELETE, key="mine"))[0] == "NOT_FOUND"
    assert (await bob.do(SAVE, **MINE))["preset"]["id"] != preset["id"]
    assert await kept(api) == 2
