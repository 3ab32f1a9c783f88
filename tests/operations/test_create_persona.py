"""mutation createPersona"""

import asyncio

import pytest
from sqlalchemy import func, select

from store.database.tables import IdempotencyKey, Persona, Role
from tests.client import Api, refused

pytestmark = pytest.mark.asyncio

CREATE = """
mutation ($input: CreatePersonaInput!) {
  createPersona(input: $input) {
    persona { id name appearance baseAppearanceDescription personality baseImageStatus appearanceLocked
              owner { handle role } baseImage { id } baseImageHistory { totalCount } }
    userErrors { code message field }
  }
}
"""


async def personas(api: Api) -> int:
    async with api.shop.db.session() as session:
        return (await session.scalar(select(func.count()).select_from(Persona))) or 0


async def test_name_and_appearance_make_a_persona(api: Api) -> None:
    with api.statements() as statements:
        payload = await api.do(CREATE, name="  Mira ", appearance="a baker", personality="calm")
    assert payload["userErrors"] == []
    persona = payload["persona"]
    del persona["id"]
    assert persona == {
        "name": "Mira",
        "appearance": "a baker",
        "baseAppearanceDescription": None,
        "personality": "calm",
        "baseImageStatus": "PENDING_UPLOAD",
        "appearanceLocked": False,
        "owner": {"handle": "owner", "role": "OWNER"},
        "baseImage": None,
        "baseImageHistory": {"totalCount": 0},
    }
    assert len(statements) == 3  # insert, owner, count


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"name": " ", "appearance": "a baker"}, "INVALID_INPUT", ["name"]),
        ({"name": "Mira"}, "INVALID_INPUT", ["appearance"]),
        ({"name": "Mira", "appearance": " \n"}, "INVALID_INPUT", ["appearance"]),
        ({"name": "M" * 201, "appearance": "a baker"}, "TOO_LONG", ["name"]),
        ({"name": "Mira", "appearance": "a" * 8001}, "TOO_LONG", ["appearance"]),
        (
            {"name": "Mira", "baseAppearanceDescription": "a" * 8001},
            "TOO_LONG",
            ["baseAppearanceDescription"],
        ),
        ({"name": "Mira", "appearance": "x", "personality": "p" * 8001}, "TOO_LONG", ["personality"]),
        ({"name": "Mi\0ra", "appearance": "a baker"}, "INVALID_INPUT", ["name"]),
        (
            {"name": "Mira", "appearance": "a baker", "idempotencyKey": "k" * 256},
            "TOO_LONG",
            ["idempotencyKey"],
        ),
    ],
)
async def test_unusable_input_is_refused(
    api: Api, given: dict[str, str], code: str, field: list[str]
) -> None:
    payload = await api.do(CREATE, **given)
    assert payload["persona"] is None
    assert refused(payload)[0] == code
    assert refused(payload)[2] == field
    assert await personas(api) == 0


async def test_longest_texts_are_kept(api: Api) -> None:
    given = {
        "name": "M" * 200,
        "appearance": "a" * 8000,
        "baseAppearanceDescription": "b" * 8000,
        "personality": "p" * 8000,
    }
    persona = (await api.do(CREATE, **given))["persona"]
    assert {name: persona[name] for name in given} == given


async def test_same_key_and_input_make_one_persona(api: Api) -> None:
    given = {"name": "Mira", "appearance": "a baker", "idempotencyKey": "once"}
    first = await api.do(CREATE, **given)
    again = await api.do(CREATE, **given)
    assert again == first
    assert await personas(api) == 1


async def test_same_key_with_another_input_is_refused(api: Api) -> None:
    await api.do(CREATE, name="Mira", appearance="a baker", idempotencyKey="once")
    payload = await api.do(CREATE, name="Tom", appearance="a baker", idempotencyKey="once")
    assert refused(payload) == (
        "IDEMPOTENCY_MISMATCH",
        "This idempotencyKey was used with another input. Use a new key.",
        ["idempotencyKey"],
    )
    assert await personas(api) == 1


async def test_refused_call_leaves_its_key_free(api: Api) -> None:
    await api.do(CREATE, name="Mira", idempotencyKey="once")
    payload = await api.do(CREATE, name="Mira", appearance="a baker", idempotencyKey="once")
    assert payload["userErrors"] == []


async def test_keys_of_two_users_do_not_meet(api: Api) -> None:
    given = {"name": "Mira", "appearance": "a baker", "idempotencyKey": "once"}
    bob = await api.another("bob")
    first = await api.do(CREATE, **given)
    second = await bob.do(CREATE, **given)
    assert first["persona"]["id"] != second["persona"]["id"]


async def test_concurrent_calls_with_one_key_make_one_persona(api: Api) -> None:
    given = {"name": "Mira", "appearance": "a baker", "idempotencyKey": "once"}
    payloads = await asyncio.gather(*(api.do(CREATE, **given) for _ in range(8)))
    assert len({payload["persona"]["id"] for payload in payloads}) == 1
    assert await personas(api) == 1


async def test_key_held_by_a_call_at_work_is_told_after_two_seconds(api: Api) -> None:
    async with api.shop.db.begin() as session:
        session.add(
            IdempotencyKey(
                user_id=api.viewer.user_id,
                mutation="createPersona",
                key="once",
                input_digest=b"",
                created_ids={},
            )
        )
        await session.flush()
        payload = await api.do(CREATE, name="Mira", appearance="a baker", idempotencyKey="once")
    assert refused(payload)[0] == "IDEMPOTENCY_CONCURRENT"
    assert await personas(api) == 0


async def test_key_is_free_again_after_two_days(api: Api) -> None:
    first = await api.do(CREATE, name="Mira", appearance="a baker", idempotencyKey="once")
    async with api.shop.db.begin() as session:
        row = (await session.scalars(select(IdempotencyKey))).one()
        row.created_at = row.created_at.replace(year=row.created_at.year - 1)
    second = await api.do(CREATE, name="Tom", appearance="a baker", idempotencyKey="once")
    assert second["userErrors"] == []
    assert second["persona"]["id"] != first["persona"]["id"]


async def test_viewer_may_not_create(api: Api) -> None:
    viewer = await api.another("vera", role=Role.VIEWER)
    answer = await viewer.run(CREATE, input={"name": "Mira", "appearance": "a baker"})
    assert answer.code == "FORBIDDEN"
    assert answer.body["data"] == {"createPersona": None}
    assert await personas(api) == 0
