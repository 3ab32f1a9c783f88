"""Every field, and whoever calls it: nobody, its owner, somebody else, a key that was revoked.

Somebody else's id must behave exactly like one that never was: the same answer but for the id, and nothing changed.
"""

import asyncio
import base64
import copy
import dataclasses
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from graphql import get_named_type
from sqlalchemy import select
from strawberry.types import ExecutionResult

from app.composition import web
from app.http import application
from app.identity import Doors
from generators.hosted.generator import HostedGenerator
from generators.hosted.settings import HostedSettings
from resolvers.activity import cursor_of
from resolvers.identity import create_key, list_keys, revoke_key
from schema import schema
from store.database.sessions import Database
from store.database.tables import AuditEntry, Role
from tests import client
from tests.client import Api
from tests.executor import workshop
from tests.isolation import rows, shapes, world
from tests.isolation.changes import CHANGES
from tests.isolation.rows import Row
from tests.isolation.world import World
from tests.patience import PATIENCE
from tests.postgres import Copies

pytestmark = pytest.mark.asyncio

FIELDS = shapes.roots()


@dataclasses.dataclass
class Two:
    """Two people with a world each. `ours` is the owner's, `theirs` an editor's who has nothing to do with it."""

    owner: Api
    other: Api
    ours: World
    theirs: World

    @property
    def db(self) -> Database:
        return self.owner.shop.db


@pytest.fixture(scope="module")
def built(databases: Copies, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Two]]:
    """A database with both worlds, of which every test gets a copy, and who they are there."""
    url = databases.create()

    async def build() -> Two:
        db = Database(url)
        async with client.serving(db, tmp_path_factory.mktemp("built")) as owner:
            other = await owner.another("bob")
            ours = await world.build(db, owner.viewer.user_id)
            theirs = await world.build(db, other.viewer.user_id)
        await db.close()
        return Two(owner, other, ours, theirs)

    yield url, asyncio.run(build())
    databases.drop(url)


@pytest.fixture
def database_url(databases: Copies, built: tuple[str, Two]) -> Iterator[str]:
    url = databases.create(like=built[0])
    yield url
    databases.drop(url)


@pytest_asyncio.fixture
async def two(db: Database, tmp_path: Path, built: tuple[str, Two]) -> AsyncIterator[Two]:
    _, then = built
    hosted = HostedGenerator(HostedSettings(openai_api_key="sk-nobody-calls"), _no_file)
    async with client.serving(db, tmp_path, workshop.scripted(), hosted) as owner:
        other = dataclasses.replace(owner, viewer=then.other.viewer, secret=then.other.secret)
        yield Two(owner, other, then.ours, then.theirs)
        await hosted.close()


def every_row() -> Iterator[tuple[str, Row]]:
    for name, found in rows.ROOTS.items():
        for each in found if isinstance(found, tuple) else (found,):
            yield name, each


def every_id() -> Iterator[tuple[str, Row, str]]:
    """Each place of each row that holds an id, as a path: "input.subjectIds.0"."""
    for name, found in every_row():
        for path in places(arguments(name, found)):
            yield name, found, path


def arguments(name: str, found: Row) -> dict[str, Any]:
    return {"input": found.given} if name.startswith("Mutation.") else found.given


def places(given: Any, inside: str = "") -> Iterator[str]:
    items = given.items() if isinstance(given, dict) else enumerate(given) if isinstance(given, list) else ()
    for name, value in items:
        path = f"{inside}.{name}".lstrip(".")
        if isinstance(value, str) and value.startswith("$"):
            yield path
        yield from places(value, path)


def put(given: dict[str, Any], path: str, value: str) -> dict[str, Any]:
    changed: Any = copy.deepcopy(given)
    place = changed
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for step in way:
        place = place[step]
    place[last] = value
    result: dict[str, Any] = changed
    return result


def at(given: Any, path: str) -> Any:
    for part in path.split("."):
        given = given[int(part) if part.isdigit() else part]
    return given


def document(name: str) -> str:
    """The operation that calls one field with everything it takes, and asks for everything it leads to."""
    root, _, field = name.partition(".")
    taken = FIELDS[name].args
    declared = shapes.declared(taken)
    passed = ", ".join(f"{each}: ${each}" for each in taken)
    head = f"{root.lower()} {f'({declared})' if declared else ''}"
    call = f"{field}{f'({passed})' if passed else ''}"
    return f"{head} {{ {call} {shapes.selection(get_named_type(FIELDS[name].type))} }}"


async def called(api: Api, name: str, given: dict[str, Any]) -> Any:
    """The whole answer; of a subscription, the first event and what ended it."""
    if not name.startswith("Subscription."):
        return (await api.run(document(name), **given)).body
    if name == "Subscription.activity":
        given = {"after": cursor_of(0)}
    source = await schema.subscribe(document(name), given, context_value=api.context())
    if isinstance(source, ExecutionResult):
        return {"data": source.data, "errors": [str(error) for error in source.errors or ()]}
    async with aclosing(source), asyncio.timeout(PATIENCE):
        result = await anext(source)
    assert isinstance(result, ExecutionResult)
    return {"data": result.data, "errors": [error.message for error in result.errors or ()]}


def uuids(answer: Any) -> set[str]:
    return {found for each in shapes.ids_in(answer) if (found := world.uuid_in(each))}


# ---------------------------------------------------------------- the matrix is whole


async def test_every_field_of_the_roots_has_a_row_and_no_row_is_left_over() -> None:
    assert set(rows.ROOTS) == set(FIELDS)


async def test_every_field_that_leads_to_something_with_an_id_has_a_row() -> None:
    assert set(rows.INNER) == set(shapes.inner())


async def test_every_kind_of_node_has_a_thing_that_is_asked_for() -> None:
    assert set(rows.NODES) == set(shapes.nodes())


@pytest.mark.parametrize("name", sorted(FIELDS))
async def test_every_id_that_a_field_takes_is_in_a_row(name: str) -> None:
    taken = set(shapes.id_paths(FIELDS[name]))
    covered = {
        ".".join(part for part in path.split(".") if not part.isdigit())
        for each, _, path in every_id()
        if each == name
    }

    assert covered == taken


# ---------------------------------------------------------------- nobody, and a key that was revoked


async def test_nobody_and_a_revoked_key_get_nothing_from_any_field(two: Two) -> None:
    owner = two.owner.viewer.user_id
    secret = await create_key(two.db, owner, "lost")
    [lost] = [key for key in await list_keys(two.db, owner) if key.name == "lost"]
    await revoke_key(two.db, owner, lost.id)
    before = await world.fingerprint(two.db, owner)
    app = application(web(two.owner.server, Doors(two.db, None)))
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url="http://localhost"
    ) as http:
        for name, found in every_row():
            body = {"query": document(name), "variables": two.ours.of(arguments(name, found))}
            for headers in ({}, {"authorization": f"Bearer {secret}"}):
                reply = await http.post("/graphql", json=body, headers=headers)
                refused = (reply.status_code, reply.json()["errors"][0]["extensions"]["code"])
                assert refused == (401, "UNAUTHENTICATED"), name
                assert "data" not in reply.json(), name

    assert await world.fingerprint(two.db, owner) == before


# ---------------------------------------------------------------- somebody else, then the owner


@pytest.mark.parametrize(("name", "found"), list(every_row()))
async def test_somebody_else_cannot_tell_the_owners_things_from_none_and_the_owner_is_served(
    two: Two, name: str, found: Row
) -> None:
    owners = await world.belongings(two.db, two.ours.user_id)
    before = await world.fingerprint(two.db, two.ours.user_id)
    for path in places(arguments(name, found)):
        await cannot_tell(two, name, found, path, owners)
    own = await called(two.other, name, two.theirs.of(arguments(name, found)))

    assert not uuids(own) & owners
    if found.scope:
        assert own["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert await world.fingerprint(two.db, two.ours.user_id) == before

    noted = await actions(two, two.ours.user_id)
    await is_served(two.owner, name, found, two.ours)
    if name.startswith("Mutation.") and found.refused is None:
        action = CHANGES[name.removeprefix("Mutation.")].action
        fresh = (await actions(two, two.ours.user_id))[len(noted) :]
        assert fresh == [] if action is None else action in fresh


async def test_reviewers_see_held_pictures_of_all_and_nothing_else_of_their_owners(two: Two) -> None:
    reviewer = await two.owner.another("rita", Role.REVIEWER)
    owners = await world.belongings(two.db, two.ours.user_id)

    seen = uuids(await called(reviewer, "Query.reviewQueue", {}))

    held, whose = world.uuid_in(two.ours.ids["held"]), world.uuid_in(two.ours.ids["user"])
    assert seen & owners == {held, whose}
    assert world.uuid_in(two.theirs.ids["held"]) in seen
    for name in ("Mutation.releaseVariant", "Mutation.blockVariant"):
        refused = await called(reviewer, name, {"input": {"variantId": two.ours.ids["scene"]}})
        absent = world.never_was(two.ours.ids["scene"])
        unknown = await called(reviewer, name, {"input": {"variantId": absent}})
        assert _without(refused, two.ours.ids["scene"]) == _without(unknown, absent)
    released = await called(
        reviewer, "Mutation.releaseVariant", {"input": {"variantId": two.ours.ids["held"]}}
    )
    assert uuids(released) & owners == {held, whose}


async def actions(two: Two, user_id: uuid.UUID) -> list[str]:
    """What the audit log has of that person's, oldest first."""
    statement = select(AuditEntry.action).where(AuditEntry.owner_id == user_id)
    async with two.db.session() as session:
        return list(await session.scalars(statement.order_by(AuditEntry.created_at, AuditEntry.id)))


async def cannot_tell(two: Two, name: str, found: Row, path: str, owners: set[str]) -> None:
    """One id of the owner's among the caller's own: the answer is that for an id that never was."""
    mine = two.theirs.of(arguments(name, found))
    foreign = two.ours.of(at(arguments(name, found), path))
    absent = world.never_was(foreign)

    with_foreign = await called(two.other, name, put(mine, path, foreign))
    with_absent = await called(two.other, name, put(mine, path, absent))

    named = world.uuid_in(foreign)
    assert named in owners, path
    assert _without(with_foreign, foreign) == _without(with_absent, absent), path
    assert not uuids(with_foreign) & (owners - {named}), path
    if name.startswith(("Mutation.", "Subscription.")):
        expected = ("FORBIDDEN",) if found.scope else (found.told, "NOT_FOUND", "There is no")
        assert any(words in json.dumps(with_foreign) for words in expected), with_foreign
        assert "INTERNAL" not in json.dumps(with_foreign), with_foreign


async def is_served(owner: Api, name: str, found: Row, ours: World) -> None:
    """With one's own things the call goes through, so the refusals above were about whose they are."""
    answer = await called(owner, name, ours.of(arguments(name, found)))
    told = json.dumps(answer)
    if found.refused is None:
        assert not answer.get("errors"), told
        assert '"code": ' not in told.replace('"failure": {', ""), told
    else:
        assert f'"code": "{found.refused}"' in told, told


@pytest.mark.parametrize("kind", sorted(rows.NODES))
async def test_everything_that_hangs_on_a_thing_is_its_owners(two: Two, kind: str) -> None:
    asked = (
        f"query ($id: ID!) {{ node(id: $id) {{ ... on {kind} {shapes.selection(shapes.nodes()[kind])} }} }}"
    )
    thing = rows.NODES[kind]

    theirs = (await two.other.run(asked, id=two.theirs.ids[thing])).data
    foreign = (await two.other.run(asked, id=two.ours.ids[thing])).data

    assert world.uuid_in(two.theirs.ids[thing]) in uuids(theirs)
    assert not uuids(theirs) & await world.belongings(two.db, two.ours.user_id)
    assert foreign == {"node": None}


@pytest.mark.parametrize(
    ("name", "path"),
    [(name, path) for name, found in rows.INNER.items() for path in places(found.given)],
)
async def test_id_of_somebody_else_in_a_field_of_ones_own_finds_nothing(
    two: Two, name: str, path: str
) -> None:
    kind, _, field = name.partition(".")
    inner = shapes.inner()[name]
    declared = shapes.declared(inner.args)
    passed = ", ".join(f"{each}: ${each}" for each in inner.args)
    asked = (
        f"query ($of: ID!, {declared}) {{ node(id: $of) {{ ... on {kind} {{ "
        f"{field}({passed}) {shapes.selection(get_named_type(inner.type))} }} }} }}"
    )
    given = rows.INNER[name].given
    foreign = two.ours.of(at(given, path))
    mine, of = two.theirs.of(given), two.theirs.ids[rows.NODES[kind]]

    with_foreign = await two.other.run(asked, of=of, **put(mine, path, foreign))
    with_absent = await two.other.run(asked, of=of, **put(mine, path, world.never_was(foreign)))

    assert with_foreign.data == with_absent.data
    assert not uuids(with_foreign.data) & await world.belongings(two.db, two.ours.user_id)


def _without(answer: Any, given: str) -> str:
    plain = base64.b64decode(given).decode().partition(":")[2]
    return json.dumps(answer).replace(given, "ID").replace(plain, "UUID")


async def _no_file(file: object) -> bytes:
    raise FileNotFoundError(str(file))
