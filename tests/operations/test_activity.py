"""subscription activity"""

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest
from sqlalchemy import delete, select
from strawberry.types import ExecutionResult

from resolvers.activity import cursor_of, sequence_of
from schema import schema
from store.database.sessions import Database
from store.database.tables import ActivityEntry, Persona, Subject
from store.events import Topic
from tests.client import Api, key
from tests.operations import steps
from tests.patience import PATIENCE

pytestmark = pytest.mark.asyncio

ACTIVITY = """
subscription ($after: String) {
  activity(after: $after) { cursor node { __typename id } }
}
"""
BEGINNING = cursor_of(0)


async def stream(api: Api, after: str | None) -> AsyncGenerator[Any, None]:
    source = await schema.subscribe(ACTIVITY, {"after": after}, context_value=api.context())
    async with aclosing(source):
        async for result in source:
            assert isinstance(result, ExecutionResult)
            assert result.errors is None, result.errors
            assert result.data is not None
            yield result.data["activity"]


async def taken(api: Api, after: str | None, count: int) -> list[Any]:
    async with aclosing(stream(api, after)) as events, asyncio.timeout(PATIENCE):
        return [await anext(events) for _ in range(count)]


async def test_everything_that_changed_comes_in_order_without_gaps(api: Api) -> None:
    mira = await steps.persona(api)
    job = await steps.generated(api, mira, count=1, steps=2)
    async with api.working():
        events = await taken(api, BEGINNING, 8)

    assert [sequence_of(event["cursor"]) for event in events] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert events[0]["node"] == {"__typename": "Persona", "id": mira}
    assert {"Persona", "Job", "Variant"} == {event["node"]["__typename"] for event in events}
    assert job["id"] in [event["node"]["id"] for event in events]


async def test_reconnect_goes_on_after_its_cursor(api: Api) -> None:
    await steps.persona(api)
    second = await steps.persona(api)
    third = await steps.persona(api)
    [first] = await taken(api, BEGINNING, 1)

    after = await taken(api, first["cursor"], 2)

    assert [event["node"]["id"] for event in after] == [second, third]


async def test_without_a_cursor_it_begins_now(api: Api) -> None:
    await steps.persona(api)
    async with aclosing(stream(api, None)) as events, asyncio.timeout(PATIENCE):
        waiting = asyncio.ensure_future(anext(events))
        while not api.shop.broadcast.subscribers(Topic.ALL):  # noqa: ASYNC110 -- it subscribes without a word
            await asyncio.sleep(0)
        fresh = await steps.persona(api)

        assert (await waiting)["node"]["id"] == fresh


async def test_others_see_nothing_of_it(api: Api) -> None:
    other = await api.another("somebody else")
    mine = await steps.persona(api)
    theirs = await steps.persona(other)

    [seen] = await taken(other, BEGINNING, 1)

    assert seen["node"]["id"] == theirs != mine


async def test_deleted_things_are_passed_over(api: Api, db: Database) -> None:
    gone = await steps.persona(api)
    kept = await steps.persona(api)
    async with db.begin() as session:
        await session.delete(await session.get_one(Subject, key(gone)))

    [seen] = await taken(api, BEGINNING, 1)

    assert (seen["node"]["id"], sequence_of(seen["cursor"])) == (kept, 2)


async def test_rolled_back_change_leaves_no_gap(api: Api, db: Database) -> None:
    await steps.persona(api)

    async def think_better_of_it() -> None:
        async with db.begin() as session:
            session.add(Persona(owner_id=api.viewer.user_id, name="Nobody", appearance="nothing"))
            await session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await think_better_of_it()
    await steps.persona(api)

    async with db.session() as session:
        entries = (
            await session.scalars(select(ActivityEntry.sequence).order_by(ActivityEntry.sequence))
        ).all()
    assert entries == [1, 2]


async def test_change_at_the_same_instant_is_numbered_without_gaps(api: Api, db: Database) -> None:
    events, *_ = await asyncio.gather(taken(api, BEGINNING, 12), *(steps.persona(api) for _ in range(12)))

    assert [sequence_of(event["cursor"]) for event in events] == list(range(1, 13))
    assert len({event["node"]["id"] for event in events}) == 12
    [again] = await taken(api, events[6]["cursor"], 1)
    assert again == events[7]
    async with db.session() as session:
        entries = (
            await session.scalars(select(ActivityEntry.sequence).order_by(ActivityEntry.sequence))
        ).all()
    assert entries == list(range(1, 13))


@pytest.mark.parametrize("cursor", ["", "x", base64.b64encode(b"activity:-1").decode(), "é"])
async def test_foreign_cursor_is_refused(api: Api, cursor: str) -> None:
    source = await schema.subscribe(ACTIVITY, {"after": cursor}, context_value=api.context())

    async with aclosing(source):
        result = await anext(source)

    assert isinstance(result, ExecutionResult)
    assert result.errors is not None
    assert result.errors[0].extensions == {"code": "BAD_USER_INPUT"}


async def test_cursor_before_what_is_kept_is_refused_instead_of_leaving_a_gap(api: Api, db: Database) -> None:
    for name in ("Mira", "Tom", "Ida"):
        await steps.persona(api, name)
    async with db.begin() as session:
        await session.execute(delete(ActivityEntry).where(ActivityEntry.sequence <= 2))

    source = await schema.subscribe(ACTIVITY, {"after": cursor_of(1)}, context_value=api.context())
    async with aclosing(source):
        refused = await anext(source)
    [kept] = await taken(api, cursor_of(2), 1)
    async with db.begin() as session:
        await session.execute(delete(ActivityEntry))
    source = await schema.subscribe(ACTIVITY, {"after": cursor_of(2)}, context_value=api.context())
    async with aclosing(source):
        all_gone = await anext(source)

    for result in (refused, all_gone):
        assert isinstance(result, ExecutionResult)
        assert result.errors is not None
        assert "not kept any more" in result.errors[0].message
    assert sequence_of(kept["cursor"]) == 3
