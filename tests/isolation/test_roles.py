"""Every mutation and every role: who lacks the scope is told FORBIDDEN, and nothing happens; nobody else is."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from resolvers.identity import ALL, Scope
from store.database.sessions import Database
from store.database.tables import Role
from tests import client
from tests.client import Answer, Api
from tests.isolation import rows, shapes, world
from tests.isolation.changes import CHANGES
from tests.isolation.rows import Row
from tests.isolation.world import World

pytestmark = pytest.mark.asyncio

MAY = {
    Role.OWNER: {"READ", "WRITE", "PUBLISH", "REVIEW", "ADMIN"},
    Role.EDITOR: {"READ", "WRITE", "PUBLISH"},
    Role.REVIEWER: {"READ", "WRITE", "REVIEW"},
    Role.VIEWER: {"READ"},
}


@pytest_asyncio.fixture
async def api(db: Database, tmp_path: Path) -> AsyncIterator[Api]:
    async with client.serving(db, tmp_path) as found:
        yield found


def row(name: str) -> Row:
    found = rows.ROOTS[f"Mutation.{name}"]
    return found[0] if isinstance(found, tuple) else found


def nothing_there(given: Any, mine: World) -> Any:
    """The row with ids that name nothing, so that a call that is let in changes nothing of what there is."""
    if isinstance(given, dict):
        return {name: nothing_there(value, mine) for name, value in given.items()}
    if isinstance(given, list):
        return [nothing_there(value, mine) for value in given]
    return world.never_was(mine.ids[given[1:]]) if isinstance(given, str) and given[:1] == "$" else given


async def called(api: Api, mine: World, name: str) -> Answer:
    title = name[0].upper() + name[1:]
    document = f"mutation ($input: {title}Input!) {{ {name}(input: $input) {{ userErrors {{ code }} }} }}"
    return await api.run(document, input=nothing_there(row(name).given, mine))


async def forbidden(api: Api, mine: World) -> set[str]:
    """The mutations that this caller is not let into."""
    found = set()
    for name in CHANGES:
        answer = await called(api, mine, name)
        if "errors" in answer.body:
            assert answer.code == "FORBIDDEN", (name, answer.body)
            assert answer.body["data"] == {name: None}
            found.add(name)
    return found


async def test_every_mutation_says_what_it_needs_and_what_it_leaves_behind() -> None:
    assert set(CHANGES) == set(shapes.fields_of("Mutation"))
    assert [name for name, each in CHANGES.items() if (each.action is None) == (each.why is None)] == []


@pytest.mark.parametrize("role", list(Role))
async def test_role_is_let_into_what_it_may_do_and_nothing_else(api: Api, role: Role) -> None:
    other = await api.another("somebody", role)
    mine = await world.build(api.shop.db, other.viewer.user_id)
    before = await world.fingerprint(api.shop.db, other.viewer.user_id)

    shut = await forbidden(other, mine)

    assert shut == {name for name, each in CHANGES.items() if each.scope not in MAY[role]}
    if role is Role.VIEWER:
        assert await world.fingerprint(api.shop.db, other.viewer.user_id) == before


@pytest.mark.parametrize("scope", list(Scope))
async def test_key_with_one_scope_beside_reading_opens_what_needs_it_and_nothing_else(
    api: Api, scope: Scope
) -> None:
    narrow = await api.another("somebody", Role.OWNER, frozenset({Scope.READ, scope}))
    mine = await world.build(api.shop.db, narrow.viewer.user_id)

    shut = await forbidden(narrow, mine)

    assert shut == {name for name, each in CHANGES.items() if each.scope != scope.value}


@pytest.mark.parametrize("role", list(Role))
async def test_key_opens_nothing_that_the_role_does_not(api: Api, role: Role) -> None:
    other = await api.another("somebody", role, ALL)

    answer = await other.run("{ viewer { role } reviewQueue { totalCount } }")

    assert ("errors" in answer.body) == ("REVIEW" not in MAY[role])


async def test_key_that_may_not_read_finds_nothing(api: Api) -> None:
    blind = await api.another("somebody", Role.OWNER, ALL - {Scope.READ})
    mine = await world.build(api.shop.db, blind.viewer.user_id)

    answer = await blind.run("query ($id: ID!) { node(id: $id) { id } }", id=mine.ids["persona"])
    lists = [
        await blind.run(f"{{ {name} {{ totalCount }} }}")
        for name in (
            "personas",
            "variants",
            "jobs",
            "posts",
            "games",
            "apiKeys",
            "users",
            "webhooks",
            "auditLog",
        )
    ]

    for each in (answer, *lists):
        assert "FORBIDDEN" in str(each.body), each.body
