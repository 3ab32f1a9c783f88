"""mutation rollDice, and dice in createPost"""

import random
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from resolvers import dice
from resolvers.refused import Refused
from store.database.ids import new_id
from store.database.tables import DiceRoll, Post, Role
from tests.client import Api, refused
from tests.operations import posts

ROLL = """
mutation ($input: RollDiceInput!) {
  rollDice(input: $input) {
    diceRoll { id notation total breakdown post { id } } userErrors { code message field }
  }
}
"""
CREATE = """
mutation ($input: CreatePostInput!) {
  createPost(input: $input) {
    post { diceRolls { notation total breakdown post { content } } } userErrors { code message field }
  }
}
"""


async def rolls(api: Api) -> int:
    async with api.shop.db.session() as session:
        return (await session.scalar(select(func.count()).select_from(DiceRoll))) or 0


@pytest.mark.asyncio
async def test_roll_shows_every_die(api: Api) -> None:
    random.seed(4)
    with api.statements() as statements:
        payload = await api.do(ROLL, notation=" 4d6kh3 + 2 [str] ")
    assert payload["userErrors"] == []
    roll = payload["diceRoll"]
    assert roll.pop("id")
    random.seed(4)
    faces = [random.randrange(6) + 1 for _ in range(4)]
    assert roll["total"] == sum(sorted(faces)[1:]) + 2
    assert roll["notation"] == "4d6kh3 + 2 [str]"
    assert roll["breakdown"].startswith("4d6kh3 (")
    assert roll["breakdown"].endswith(f"+ 2 [str] = `{roll['total']}`")
    assert roll["breakdown"].count("~~") == 2  # the lowest die is struck out
    assert roll["post"] is None
    assert len(statements) == 1


@pytest.mark.asyncio
async def test_roll_belongs_to_its_post(api: Api) -> None:
    post = await posts.post(api)
    assert (await api.do(ROLL, notation="1d1", postId=post))["diceRoll"]["post"] == {"id": post}
    bob = await api.another("bob")
    assert refused(await bob.do(ROLL, notation="1d1", postId=post))[::2] == ("NOT_FOUND", ["postId"])
    assert await rolls(api) == 1


@pytest.mark.asyncio
async def test_replay_rolls_nothing(api: Api) -> None:
    first = await api.do(ROLL, notation="1d1000000", idempotencyKey="once")
    assert await api.do(ROLL, notation="1d1000000", idempotencyKey="once") == first
    assert await rolls(api) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("notation", "why"),
    [
        ("", "something is missing at its end, after character 0"),
        ("1d20 +", "something is missing at its end, after character 6"),
        ("(1d4", "something is missing at its end, after character 4"),
        ("1d20adv", "'adv' at character 5 is not understood"),
        ("  1d20adv", "'adv' at character 7 is not understood"),
        ("2d-1", "'-' at character 3 is not understood"),
        ("1d20 & 3", "'& 3' at character 6 is not understood"),
        ("99999d6", "that would be more than 200 dice"),
        ("1d1e1", "that would be more than 200 dice"),
        ("150d6+150d6", "that would be more than 200 dice"),
        ("1d0", "Cannot roll a 0-sided die"),
        ("5/0", "Cannot divide by zero"),
        ("3+1234567890123456789", "the number at character 3 is too long; 18 digits are the most"),
        ("99999*99999", "its total is beyond 2,147,483,647"),
    ],
)
async def test_bad_notation_is_refused_with_the_place(api: Api, notation: str, why: str) -> None:
    payload = await api.do(ROLL, notation=notation)
    assert refused(payload) == (
        "INVALID_NOTATION",
        f"These dice cannot be rolled: {why}.",
        ["notation"],
    )
    assert await rolls(api) == 0


@pytest.mark.asyncio
async def test_notation_longer_than_allowed_is_refused(api: Api) -> None:
    assert refused(await api.do(ROLL, notation="1" * 201))[::2] == ("TOO_LONG", ["notation"])


@pytest.mark.asyncio
async def test_new_post_rolls_its_dice_in_order(api: Api) -> None:
    payload = await api.do(CREATE, content="I jump.", dice=["1d1", "2d1+3"])
    assert payload["post"]["diceRolls"] == [
        {"notation": "1d1", "total": 1, "breakdown": "1d1 (**1**) = `1`", "post": {"content": "I jump."}},
        {
            "notation": "2d1+3",
            "total": 5,
            "breakdown": "2d1 (**1**, **1**) + 3 = `5`",
            "post": {"content": "I jump."},
        },
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("sent", "code", "field"),
    [
        (["1d6", "1d"], "INVALID_NOTATION", ["dice", "1"]),
        (["1d6"] * 21, "INVALID_INPUT", ["dice"]),
        (["1" * 201], "TOO_LONG", ["dice"]),
    ],
)
async def test_post_with_bad_dice_is_not_made(api: Api, sent: list[str], code: str, field: Any) -> None:
    assert refused(await api.do(CREATE, content="I jump.", dice=sent))[::2] == (code, field)
    async with api.shop.db.session() as session:
        assert (await session.scalar(select(func.count()).select_from(Post))) == 0
    assert await rolls(api) == 0


@pytest.mark.asyncio
async def test_post_has_room_for_a_hundred_rolls(api: Api) -> None:
    post = await posts.post(api, dice=["1d1"] * 20)
    for _ in range(80):
        await api.do(ROLL, notation="1d1", postId=post)
    assert refused(await api.do(ROLL, notation="1d1", postId=post))[::2] == ("INVALID_STATE", ["postId"])
    assert await rolls(api) == 100


@pytest.mark.asyncio
async def test_viewer_may_not_roll(api: Api) -> None:
    viewer = await api.another("vera", role=Role.VIEWER)
    assert (await viewer.run(ROLL, input={"notation": "1d6"})).code == "FORBIDDEN"


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(alphabet="0123456789d()+-*/%,kephlmirao<>=. []!@", max_size=200))
def test_any_notation_ends_soon_in_a_roll_or_a_refusal(notation: str) -> None:
    started = time.process_time()
    try:
        roll = dice.rolled(notation, ("notation",), owner_id=new_id())
    except Refused as refusal:
        assert refusal.code == "INVALID_NOTATION"  # noqa: PT017 -- a roll is as good
    else:
        assert abs(roll.total) <= dice.LARGEST
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "notation",
    ["(" * 99 + "1" + ")" * 99, "200d1000e<1000", "200d6rr<7", "200d1000" + "kh1" * 60, "9" * 18 + "d" + "9" * 18,
     "*".join(["999999999999999999"] * 10), "200d6p1p2p3p4p5p6mi6ma1", "-" * 199 + "1"],
)  # fmt: skip
def test_hostile_notation_ends_soon(notation: str) -> None:
    started = time.process_time()
    try:
        dice.rolled(notation, ("notation",), owner_id=new_id())
    except Refused as refusal:
        assert refusal.code == "INVALID_NOTATION"  # noqa: PT017 -- a roll is as good
    assert time.process_time() - started < 2
