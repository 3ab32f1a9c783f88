"""EXPLAIN of every list: 20,000 pictures of forty people, and none is read that the page does not need.

A list may not walk through a big table (Seq Scan), nor fetch all of one person's rows to sort them where an index
has the order. bench/lists.py asks the same of a million.
"""

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from graphql import get_named_type
from sqlalchemy import event

from resolvers.identity import ALL, Viewer, create_key
from schema.ids import encode
from store.database.sessions import Database
from store.database.tables import Role
from tests import client
from tests.client import Api
from tests.isolation import shapes
from tests.plans import crowd, lists
from tests.plans.lists import List
from tests.postgres import Copies

pytestmark = pytest.mark.asyncio

BIG = frozenset(
    {
        "variants", "jobs", "posts", "subjects", "games", "beats", "audit_entries", "webhook_deliveries", "embeddings",
        "tasks", "files",
    }
)  # fmt: skip
PAGE = 5
ME = 7


@dataclasses.dataclass(frozen=True)
class Seen:
    """One statement that a request sent."""

    statement: str
    parameters: Any


@pytest.fixture(scope="module")
def crowded_url(databases: Copies) -> Iterator[str]:
    url = databases.create()

    async def fill() -> None:
        db = Database(url)
        await crowd.fill(db, crowd.Crowd())
        await db.close()

    asyncio.run(fill())
    yield url
    databases.drop(url)


@pytest_asyncio.fixture
async def me(crowded_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    db = Database(crowded_url)
    async with client.serving(db, tmp_path) as found:
        user_id = await crowd.thing(db, "user", ME, 0)
        viewer = Viewer(user_id=user_id, role=Role.OWNER, scopes=ALL, handle=f"user {ME}")
        secret = await create_key(db, user_id, "me")
        yield dataclasses.replace(found, viewer=viewer, secret=secret)
    await db.close()


@contextlib.contextmanager
def selects(api: Api) -> Iterator[list[Seen]]:
    """Every SELECT inside the block, with its parameters."""
    seen: list[Seen] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().startswith("SELECT"):
            seen.append(Seen(statement, parameters))

    engine = api.shop.db.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def connections() -> set[str]:
    """Every list of the contract."""
    return {
        f"{name}.{field_name}"
        for name, kind in shapes.CORE.type_map.items()
        for field_name, field in getattr(kind, "fields", {}).items()
        if "type" in dir(field) and get_named_type(field.type).name.endswith("Connection")
    }


def document(name: str, found: List, given: dict[str, Any]) -> str:
    kind, _, field = name.partition(".")
    holder: Any = shapes.CORE.type_map[kind]
    arguments = holder.fields[field].args
    taken = [*given, "first", "after", "last", "before"]
    declared = ", ".join(f"${each}: {arguments[each].type}" for each in taken)
    passed = ", ".join(f"{each}: ${each}" for each in taken)
    asked = (
        f"{field}({passed}) {{ totalCount pageInfo {{ startCursor endCursor hasNextPage hasPreviousPage }} "
        "nodes { id } }"
    )
    if name == "Query.auditLog":
        asked = asked.replace("nodes { id }", "nodes { action }")
    if found.of is None:
        return f"query ({declared}) {{ {asked} }}"
    return f"query ($of: ID!, {declared}) {{ node(id: $of) {{ ... on {kind} {{ {asked} }} }} }}"


async def ready(api: Api, given: Any) -> Any:
    """With ids in place of their names."""
    if isinstance(given, dict):
        return {name: await ready(api, value) for name, value in given.items()}
    return await thing(api, given[1:]) if isinstance(given, str) and given.startswith("$") else given


async def thing(api: Api, kind: str) -> str:
    name, number = lists.KINDS[kind]
    return encode(kind, await crowd.thing(api.shop.db, name, ME, number))


def every_list() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, found in lists.LISTS.items():
        for given in found.asked:
            yield name, given


async def plan(api: Api, seen: Seen) -> Any:
    async with api.shop.db.engine.connect() as connection:
        rows = await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {seen.statement}", seen.parameters)
        found = rows.scalar_one()
    return (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]


def nodes(of: Any) -> Iterator[Any]:
    yield of
    for inner in of.get("Plans", ()):
        yield from nodes(inner)


async def walked(api: Api, seen: list[Seen]) -> list[tuple[str, str]]:
    """The big tables that are read from end to end, with the statement."""
    return [
        (node["Relation Name"], each.statement)
        for each in seen
        for node in nodes(await plan(api, each))
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] in BIG
    ]


async def test_every_list_of_the_contract_is_asked_for() -> None:
    assert set(lists.LISTS) == connections()


async def test_every_way_of_filtering_is_asked_for() -> None:
    asked: set[str] = set()
    offered: set[str] = set()
    for name, found in lists.LISTS.items():
        kind, _, field = name.partition(".")
        holder: Any = shapes.CORE.type_map[kind]
        argument = holder.fields[field].args.get("filter")
        if argument is not None:
            taken: Any = get_named_type(argument.type)
            offered |= {f"{taken.name}.{each}" for each in taken.fields}
            asked |= {f"{taken.name}.{each}" for given in found.asked for each in given.get("filter") or ()}

    assert asked == offered


@pytest.mark.parametrize(("name", "given"), list(every_list()))
async def test_list_finds_its_way_by_an_index(me: Api, name: str, given: dict[str, Any]) -> None:
    found = lists.LISTS[name]
    asked = document(name, found, given)
    variables = await ready(me, given)
    if found.of is not None:
        variables["of"] = await thing(me, found.of)
    with selects(me) as seen:
        first = page(await me.run(asked, **variables, first=PAGE))
        await me.run(asked, **variables, first=PAGE, after=first["pageInfo"]["endCursor"])
        await me.run(asked, **variables, last=PAGE, before=first["pageInfo"]["endCursor"])
        await me.run(asked, **variables, last=PAGE)

    assert len(seen) > len(variables)
    assert await walked(me, seen) == []


async def test_walk_through_a_big_table_is_noticed(me: Api) -> None:
    by_title = Seen("SELECT id FROM jobs WHERE title = $1", ("title",))

    assert await walked(me, [by_title]) == [("jobs", by_title.statement)]


async def test_neighbours_are_looked_for_among_ones_own(me: Api) -> None:
    asked = "query ($id: ID!) { similarVariants(id: $id, first: 5) { id } }"
    with selects(me) as seen:
        answer = await me.run(asked, id=await thing(me, "Variant"))

    assert len(answer.data["similarVariants"]) == PAGE
    assert await walked(me, seen) == []


@pytest.mark.parametrize("name", ["Query.variants", "Query.jobs", "Query.posts", "Query.auditLog"])
async def test_newest_page_is_read_in_order_without_sorting(me: Api, name: str) -> None:
    with selects(me) as seen:
        await me.run(document(name, lists.LISTS[name], {}), first=PAGE)
    pages = [each for each in seen if "ORDER BY" in each.statement]

    plans = [await plan(me, each) for each in pages]

    assert len(plans) == 1
    assert [node["Node Type"] for each in plans for node in nodes(each)] == ["Limit", "Index Scan"]


def page(answer: client.Answer) -> Any:
    [found] = answer.data.values()
    if "pageInfo" not in found:
        [found] = found.values()
    assert found["totalCount"] > 0 or found["nodes"] == []
    return found
