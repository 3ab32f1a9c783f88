"""Every text and every id of every mutation, sent too long or malformed: refused by its name, and nothing happens.

Calls come from the rows of the matrix; where the texts and ids are, the contract itself says.
"""

import itertools
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from graphql import GraphQLInputField, GraphQLInputObjectType, GraphQLList, get_named_type, get_nullable_type

from store.database.sessions import Database
from tests import client
from tests.client import Api
from tests.isolation import rows, shapes, world
from tests.isolation.rows import Row
from tests.isolation.world import World

pytestmark = pytest.mark.asyncio

MOST = re.compile(r"At most ([\d,]+) characters")
MUTATIONS = {name: field for name, field in shapes.roots().items() if name.startswith("Mutation.")}
NONSENSE = ("", "nonsense", "UGVyc29uYTo=", "x" * 5000)
ERRORS = "userErrors { code field }"


@pytest_asyncio.fixture
async def owner(db: Database, tmp_path: Path) -> AsyncIterator[tuple[Api, World]]:
    async with client.serving(db, tmp_path) as api:
        yield api, await world.build(db, api.viewer.user_id)


def taken(name: str) -> GraphQLInputObjectType:
    kind = get_named_type(MUTATIONS[name].args["input"].type)
    assert isinstance(kind, GraphQLInputObjectType)
    return kind


def texts(
    kind: GraphQLInputObjectType, inside: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], GraphQLInputField]]:
    """Every field for text, with the way to it."""
    for name, field in kind.fields.items():
        within = get_named_type(field.type)
        if isinstance(within, GraphQLInputObjectType):
            yield from texts(within, (*inside, name))
        elif within.name == "String":
            yield (*inside, name), field


def row_with(name: str, first: str) -> dict[str, Any]:
    """The row's input that names that field, else the first one."""
    found = rows.ROOTS[name]
    every = [each.given for each in (found if isinstance(found, tuple) else (found,))]
    return next((given for given in every if first in given), every[0])


def put(kind: GraphQLInputObjectType, given: dict[str, Any], way: tuple[str, ...], value: str) -> Any:
    """`given` with that text in its place, in a list or an input of its own where the contract wants one."""
    first, *rest = way
    field = kind.fields[first]
    listed = isinstance(get_nullable_type(field.type), GraphQLList)
    within = get_named_type(field.type)
    if not rest:
        return {**given, first: [value] if listed else value}
    assert isinstance(within, GraphQLInputObjectType)
    before = given.get(first) or {}
    inner = put(within, before[0] if isinstance(before, list) else before, tuple(rest), value)
    return {**given, first: [inner] if listed else inner}


def refusal(payload: Any) -> tuple[str, list[str]] | None:
    """Code and field of the first refusal, the place in lists left out; of a bulk call, its first result's."""
    told = payload["userErrors"] or [
        error for each in payload.get("results", []) for error in each["userErrors"]
    ]
    if not told:
        return None
    return told[0]["code"], [part for part in told[0]["field"] or [] if not part.isdigit()]


async def sent(api: Api, name: str, given: dict[str, Any]) -> Any:
    """The payload's refusals."""
    field = name.partition(".")[2]
    out = get_named_type(MUTATIONS[name].type)
    bulk = " results { userErrors { code field } }" if "results" in shapes.fields_of(out.name) else ""
    kind = MUTATIONS[name].args["input"].type
    document = f"mutation ($input: {kind}) {{ {field}(input: $input) {{ {ERRORS}{bulk} }} }}"
    return await api.do(document, **given)


async def test_text_longer_than_the_contract_says_is_refused_by_its_name(owner: tuple[Api, World]) -> None:
    api, ours = owner
    before = await world.fingerprint(api.shop.db, ours.user_id)
    wrong, seen = [], 0
    for name in MUTATIONS:
        for way, field in texts(taken(name)):
            most = MOST.search(field.description or "")
            assert most is not None, (name, way)
            long = "a" * (int(most[1].replace(",", "")) + 1)
            given = ours.of(put(taken(name), row_with(name, way[0]), way, long))
            told = refusal(await sent(api, name, given))
            seen += 1
            if told != ("TOO_LONG", list(way)):
                wrong.append((name, way, told))

    assert wrong == []
    assert seen > 100
    assert await world.fingerprint(api.shop.db, ours.user_id) == before


def ids() -> Iterator[tuple[str, Row, tuple[str, ...]]]:
    """Each place of each row that holds an id."""
    for name in MUTATIONS:
        found = rows.ROOTS[name]
        for each in found if isinstance(found, tuple) else (found,):
            for way in _ids(each.given):
                yield name, each, way


def _ids(given: Any, inside: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, value in given.items():
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, dict):
            yield from _ids(first, (*inside, name))
        elif isinstance(first, str) and first.startswith("$"):
            yield (*inside, name)


async def test_malformed_id_is_a_user_error_that_names_it(owner: tuple[Api, World]) -> None:
    api, ours = owner
    before = await world.fingerprint(api.shop.db, ours.user_id)
    wrong, seen = [], 0
    for (name, found, way), nonsense in itertools.product(ids(), NONSENSE):
        given = ours.of(put(taken(name), found.given, way, nonsense))
        told = refusal(await sent(api, name, given))
        seen += 1
        if told != ("INVALID_ID", list(way)):
            wrong.append((name, way, nonsense[:20], told))

    assert wrong == []
    assert seen > 150
    assert await world.fingerprint(api.shop.db, ours.user_id) == before
