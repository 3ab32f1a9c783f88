"""query games; mutations createGame, updateGame, deleteGame"""

import pytest

from store.database.tables import Role
from tests.client import Api, refused
from tests.operations import steps
from tests.operations.steps import CREATE_GAME

pytestmark = pytest.mark.asyncio

LIST = """
query { games { totalCount nodes { name owner { handle } characters { nodes { name } }
                                   beats { nodes { title position } } } } }
"""
UPDATE = """
mutation ($input: UpdateGameInput!) { updateGame(input: $input) { game { name } userErrors { code message field } } }
"""
DELETE = """
mutation ($input: DeleteGameInput!) { deleteGame(input: $input) { game { name } userErrors { code message field } } }
"""
NODE = "query ($id: ID!) { node(id: $id) { __typename } }"


async def test_games_show_their_characters_and_beats(api: Api) -> None:
    game = await steps.game(api, " Mistvale ")
    await steps.character(api, "Ash", gameId=game)
    await steps.beat(api, game, "At the gate")
    await steps.game(await api.another("bob"), "Elsewhere")
    with api.statements() as statements:
        games = (await api.run(LIST)).data["games"]
    assert games == {
        "totalCount": 1,
        "nodes": [
            {
                "name": "Mistvale",
                "owner": {"handle": "owner"},
                "characters": {"nodes": [{"name": "Ash"}]},
                "beats": {"nodes": [{"title": "At the gate", "position": 1}]},
            }
        ],
    }
    assert len(statements) == 5  # count, games, owner, characters, beats


async def test_game_is_renamed(api: Api) -> None:
    game = await steps.game(api)
    with api.statements() as statements:
        payload = await api.do(UPDATE, gameId=game, name=" Fogvale ")
    assert payload == {"game": {"name": "Fogvale"}, "userErrors": []}
    assert len(statements) == 2  # the game, locked; update
    assert refused(await api.do(UPDATE, gameId=game, name=" "))[::2] == ("INVALID_INPUT", ["name"])
    assert (await api.do(UPDATE, gameId=game))["game"] == {"name": "Fogvale"}


async def test_deleted_game_takes_its_beats_and_leaves_its_characters(api: Api) -> None:
    game = await steps.game(api)
    ash = await steps.character(api, gameId=game)
    beat = await steps.beat(api, game)
    assert (await api.do(DELETE, gameId=game))["game"] == {"name": "Mistvale"}
    assert (await api.run(NODE, id=game)).data["node"] is None
    assert (await api.run(NODE, id=beat)).data["node"] is None
    assert (await api.run(NODE, id=ash)).data["node"] == {"__typename": "Character"}
    assert await steps.actions(api) == ["game.deleted"]


async def test_unusable_input_is_refused(api: Api) -> None:
    assert refused(await api.do(CREATE_GAME, name="  "))[::2] == ("INVALID_INPUT", ["name"])
    assert refused(await api.do(CREATE_GAME, name="M" * 201))[::2] == ("TOO_LONG", ["name"])
    assert (await api.run(LIST)).data["games"]["totalCount"] == 0


async def test_same_key_makes_one_game(api: Api) -> None:
    first = await api.do(CREATE_GAME, name="Mistvale", idempotencyKey="once")
    assert await api.do(CREATE_GAME, name="Mistvale", idempotencyKey="once") == first
    assert (await api.run(LIST)).data["games"]["totalCount"] == 1


async def test_foreign_game_is_not_found(api: Api) -> None:
    game = await steps.game(api)
    bob = await api.another("bob")
    for document in (UPDATE, DELETE):
        assert refused(await bob.do(document, gameId=game))[::2] == ("NOT_FOUND", ["gameId"])
    assert (await api.run(LIST)).data["games"]["totalCount"] == 1


async def test_viewer_may_not_change_games(api: Api) -> None:
    viewer = await api.another("vera", role=Role.VIEWER)
    assert (await viewer.run(CREATE_GAME, input={"name": "x"})).code == "FORBIDDEN"
    assert (await viewer.run(UPDATE, input={"gameId": "x"})).code == "FORBIDDEN"
    assert (await viewer.run(DELETE, input={"gameId": "x"})).code == "FORBIDDEN"
