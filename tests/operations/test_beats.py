"""mutations createBeat, updateBeat, deleteBeat"""

import asyncio

import pytest

from store.database.tables import Role
from tests.client import Api, refused
from tests.operations import steps
from tests.operations.steps import CREATE_BEAT

pytestmark = pytest.mark.asyncio

UPDATE = """
mutation ($input: UpdateBeatInput!) {
  updateBeat(input: $input) { beat { title position } userErrors { code message field } }
}
"""
DELETE = """
mutation ($input: DeleteBeatInput!) {
  deleteBeat(input: $input) { beat { title } userErrors { code message field } }
}
"""
BEATS = (
    "query ($id: ID!) { node(id: $id) { ... on Game { beats { nodes { title position game { id } } } } } }"
)


async def order(api: Api, game: str) -> str:
    nodes = (await api.run(BEATS, id=game)).data["node"]["beats"]["nodes"]
    assert [node["position"] for node in nodes] == list(range(1, len(nodes) + 1))
    assert {node["game"]["id"] for node in nodes} <= {game}
    return "".join(node["title"] for node in nodes)


async def written(api: Api, titles: str) -> tuple[str, dict[str, str]]:
    game = await steps.game(api)
    return game, {title: await steps.beat(api, game, title) for title in titles}


async def test_beats_come_at_the_end_or_between(api: Api) -> None:
    game, _ = await written(api, "AB")
    with api.statements() as statements:
        await api.do(CREATE_BEAT, gameId=game, title="C", position=2)
    assert len(statements) == 4  # the game, locked; count; shift; insert
    assert await order(api, game) == "ACB"


@pytest.mark.parametrize(
    ("title", "position", "after"),
    [("A", 4, "BCDA"), ("D", 1, "DABC"), ("B", 3, "ACBD"), ("C", 2, "ACBD"), ("B", 2, "ABCD")],
)
async def test_moved_beat_takes_its_place(api: Api, title: str, position: int, after: str) -> None:
    game, beats = await written(api, "ABCD")
    payload = await api.do(UPDATE, beatId=beats[title], position=position)
    assert payload == {"beat": {"title": title, "position": position}, "userErrors": []}
    assert await order(api, game) == after


async def test_deleted_beat_leaves_no_gap(api: Api) -> None:
    game, beats = await written(api, "ABC")
    with api.statements() as statements:
        assert (await api.do(DELETE, beatId=beats["A"]))["beat"] == {"title": "A"}
    assert len(statements) == 6  # the beat; its game, locked; the beat again; audit; delete; shift
    assert await order(api, game) == "BC"
    assert await steps.actions(api) == ["beat.deleted"]


async def test_beats_made_at_the_same_instant_get_places_of_their_own(api: Api) -> None:
    game = await steps.game(api)
    await asyncio.gather(*(steps.beat(api, game, title, position=1) for title in "ABCDEF"))
    assert sorted(await order(api, game)) == list("ABCDEF")


@pytest.mark.parametrize("position", [0, 3, -1])
async def test_place_outside_the_game_is_refused(api: Api, position: int) -> None:
    game, beats = await written(api, "AB")
    assert refused(await api.do(UPDATE, beatId=beats["A"], position=position))[::2] == (
        "INVALID_INPUT",
        ["position"],
    )
    assert await order(api, game) == "AB"


async def test_unusable_input_is_refused(api: Api) -> None:
    game, beats = await written(api, "A")
    assert refused(await api.do(CREATE_BEAT, gameId=game, title=" "))[::2] == ("INVALID_INPUT", ["title"])
    assert refused(await api.do(CREATE_BEAT, gameId=game, title="B", position=3))[2] == ["position"]
    assert refused(await api.do(UPDATE, beatId=beats["A"], title=""))[::2] == ("INVALID_INPUT", ["title"])
    assert await order(api, game) == "A"


async def test_same_key_makes_one_beat(api: Api) -> None:
    game = await steps.game(api)
    await api.do(CREATE_BEAT, gameId=game, title="A", idempotencyKey="once")
    await api.do(CREATE_BEAT, gameId=game, title="A", idempotencyKey="once")
    assert await order(api, game) == "A"


async def test_foreign_beats_and_games_are_not_found(api: Api) -> None:
    game, beats = await written(api, "A")
    bob = await api.another("bob")
    assert refused(await bob.do(CREATE_BEAT, gameId=game, title="B"))[::2] == ("NOT_FOUND", ["gameId"])
    assert refused(await bob.do(UPDATE, beatId=beats["A"], title="B"))[::2] == ("NOT_FOUND", ["beatId"])
    assert refused(await bob.do(DELETE, beatId=beats["A"]))[::2] == ("NOT_FOUND", ["beatId"])
    assert await order(api, game) == "A"


async def test_viewer_may_not_change_beats(api: Api) -> None:
    viewer = await api.another("vera", role=Role.VIEWER)
    for document, given in (
        (CREATE_BEAT, {"gameId": "x", "title": "x"}),
        (UPDATE, {"beatId": "x"}),
        (DELETE, {"beatId": "x"}),
    ):
        assert (await viewer.run(document, input=given)).code == "FORBIDDEN"
