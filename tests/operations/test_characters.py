"""query characters and characterTemplates; a character as a Subject"""

from typing import Any

import pytest

from resolvers.prompts import CHARACTER_REFERENCE_STYLE
from tests.client import Api, refused
from tests.operations import steps
from tests.operations.steps import APPROVE

pytestmark = pytest.mark.asyncio

LIST = """
query ($filter: CharacterFilter, $orderBy: SubjectOrder, $first: Int, $after: String) {
  characters(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
    totalCount nodes { name } pageInfo { endCursor hasNextPage }
  }
}
"""
TEMPLATES = "{ characterTemplates { key name appearance artStyle styleModifiers } }"
AS_SUBJECT = """
query ($id: ID!) {
  node(id: $id) {
    __typename ... on Subject { name baseImageStatus baseImage { fileName composedPrompt subject { __typename } } }
  }
}
"""


async def names(api: Api, **wanted: Any) -> list[str]:
    return [node["name"] for node in (await api.run(LIST, **wanted)).data["characters"]["nodes"]]


async def test_list_holds_the_viewers_characters_and_no_personas(api: Api) -> None:
    await steps.persona(api, "Mira")
    await steps.character(api, "Ash")
    await steps.character(api, "Brakka")
    bob = await api.another("bob")
    await steps.character(bob, "Corin")
    with api.statements() as statements:
        assert await names(api) == ["Brakka", "Ash"]
    assert len(statements) == 2  # the page, the count


async def test_conditions_and_order_are_heeded(api: Api) -> None:
    game = await steps.game(api, "Mistvale")
    await steps.character(api, "Ash", gameId=game)
    await steps.character(api, "Brakka", gameId=game)
    bashir = await steps.character(api, "Bashir")
    await steps.drafts(api, bashir)
    assert await names(api, orderBy={"field": "NAME", "direction": "ASC"}) == ["Ash", "Bashir", "Brakka"]
    assert await names(api, filter={"gameId": game}) == ["Brakka", "Ash"]
    assert await names(api, filter={"nameContains": "ASH"}) == ["Bashir", "Ash"]
    assert await names(api, filter={"status": ["DRAFT"]}) == ["Bashir"]
    assert await names(api, filter={"status": ["DRAFT"], "gameId": game}) == []


async def test_pages_go_on(api: Api) -> None:
    for name in ("Ash", "Brakka", "Corin"):
        await steps.character(api, name)
    page = (await api.run(LIST, first=2)).data["characters"]
    assert [node["name"] for node in page["nodes"]] == ["Corin", "Brakka"]
    assert page["pageInfo"]["hasNextPage"] is True
    assert await names(api, first=2, after=page["pageInfo"]["endCursor"]) == ["Ash"]


async def test_filter_by_a_malformed_game_is_an_error(api: Api) -> None:
    assert (await api.run(LIST, filter={"gameId": "nonsense"})).code == "INVALID_ID"


async def test_at_least_eight_templates_are_whole(api: Api) -> None:
    templates = (await api.run(TEMPLATES)).data["characterTemplates"]
    assert len(templates) >= 8
    assert len({template["key"] for template in templates}) == len(templates)
    assert all(all(template.values()) for template in templates)


async def test_reference_image_is_drawn_in_the_characters_style(api: Api) -> None:
    ash = await steps.character(api, artStyle="ink", styleModifiers=["loose lines", "soft washes"])
    await steps.drafts(api, ash)
    node = (await api.run(AS_SUBJECT, id=ash)).data["node"]
    assert node["__typename"] == "Character"
    assert node["baseImageStatus"] == "DRAFT"
    assert node["baseImage"]["subject"] == {"__typename": "Character"}
    assert node["baseImage"]["composedPrompt"] == (
        f"a ranger. ink. loose lines. soft washes. {CHARACTER_REFERENCE_STYLE}"
    )


async def test_approving_without_an_image_names_the_character(api: Api) -> None:
    ash = await steps.character(api)
    assert refused(await api.do(APPROVE, subjectId=ash)) == (
        "NO_BASE_IMAGE",
        "Cannot approve baseline: character does not have a base image",
        ["subjectId"],
    )
