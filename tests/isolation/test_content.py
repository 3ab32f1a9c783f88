"""Every text that the contract takes is held against the content rules; found by introspection, none by hand.

A new text in any mutation is tried by itself. A new text of a query must be said to be one that is looked for, which
keeps and shows nothing, or one that goes to somebody else and is read like the rest.
"""

import copy
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from graphql import (
    GraphQLInputObjectType,
    GraphQLList,
    get_named_type,
    get_nullable_type,
)

from executor.content.guard import Guard
from executor.content.rules import Rules
from store.database.sessions import Database
from tests import client
from tests.client import Api
from tests.isolation import rows, shapes, world
from tests.isolation.world import World
from tests.operations.test_content_rules import Flagging
from tests.operations.test_upload_base_image import picture

pytestmark = pytest.mark.asyncio

BAD = "a b l 0 0 d b \u0430 t h"
RULES = '[[rule]]\nname = "gore"\naction = "refuse"\nwords = ["bloodbath"]\n'
FOUND = "is not taken: the content rule 'gore' found 'b l 0 0 d b \u0430 t h'."
CODES = {
    "idempotencyKey": "tells one call from another; shown to nobody",
    "key": "names a preset of one's own",
    "presetKey": "must be the key of a preset",
    "templateKey": "must be the key of a template",
    "quality": "must be one of the model's",
    "url": "an address; it is called, not shown as words",
    "email": "an address; only owners see it",
}
READ = {"stockPhotos.query": "goes to a provider, and its answers are shown"}
LOOKED_FOR = {
    "personas.filter.nameContains": "only compared with one's own names",
    "characters.filter.nameContains": "only compared with one's own names",
    "post.slug": "only compared with one's own slugs",
    "activity.after": "a cursor",
}
PAGES = frozenset({"after", "before"})
NESTED = {"variantId": "$spare"}
"""What a nested input must have besides the text."""


@pytest_asyncio.fixture
async def ruled(db: Database, tmp_path: Path) -> AsyncIterator[Api]:
    async with client.serving(db, tmp_path, guard=Guard(Rules.parse(RULES))) as found:
        yield found


def texts(
    kind: GraphQLInputObjectType, inside: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], bool]]:
    """The path of every String in an input, and whether it is one of a list; nested inputs too."""
    for name, field in kind.fields.items():
        inner, path = get_named_type(field.type), (*inside, name)
        many = isinstance(get_nullable_type(field.type), GraphQLList)
        if isinstance(inner, GraphQLInputObjectType):
            yield from texts(inner, (*path, "0") if many else path)
        elif inner.name == "String":
            yield path, many


def sent_texts() -> Iterator[tuple[str, tuple[str, ...], bool]]:
    """Every text of every mutation: the field, the path into its input, whether it stands in a list."""
    for name, field in shapes.fields_of("Mutation").items():
        for argument in field.args.values():
            kind = get_named_type(argument.type)
            assert isinstance(kind, GraphQLInputObjectType)
            for path, many in texts(kind):
                yield name, path, many


def asked_texts() -> set[str]:
    """Every text that queries and subscriptions take, but for the places in pages."""
    found = set()
    for root in ("Query", "Subscription"):
        for name, field in shapes.fields_of(root).items():
            for called, argument in field.args.items():
                kind = get_named_type(argument.type)
                if (
                    isinstance(kind, GraphQLInputObjectType) and name != "estimateCost"
                ):  # makes and keeps nothing
                    found |= {f"{name}.{called}.{'.'.join(path)}" for path, _ in texts(kind)}
                elif kind.name == "String" and (called not in PAGES or root == "Subscription"):
                    found.add(f"{name}.{called}")
    return found


def with_text(given: dict[str, Any], path: tuple[str, ...], *, many: bool) -> dict[str, Any]:
    """An input with a banned word at that path."""
    changed = copy.deepcopy(given)
    place: Any = changed
    *way, last = path
    for at, step in enumerate(way):
        if step == "0":
            continue
        listed = at + 1 < len(way) and way[at + 1] == "0"
        if not isinstance(place.get(step), list if listed else dict):
            place[step] = [dict(NESTED)] if listed else {}
        place = place[step][0] if listed else place[step]
    place[last] = [BAD] if many else BAD
    return changed


def base(name: str) -> dict[str, Any]:
    """A row of the matrix: with what the mutation is called when all is well."""
    found = rows.ROOTS[f"Mutation.{name}"]
    return (found[0] if isinstance(found, tuple) else found).given


async def answer(api: Api, mine: World, name: str, path: tuple[str, ...], *, many: bool) -> Any:
    title = name[0].upper() + name[1:]
    document = f"mutation ($input: {title}Input!) {{ {name}(input: $input) {{ userErrors {{ code message field }} }} }}"
    payload = await api.do(document, **mine.of(with_text(base(name), path, many=many)))
    return payload["userErrors"]


async def test_every_text_of_every_mutation_is_refused_by_its_own_name(ruled: Api) -> None:
    mine = await world.build(ruled.shop.db, ruled.viewer.user_id)
    before = await world.fingerprint(ruled.shop.db, ruled.viewer.user_id)
    read = [each for each in sent_texts() if each[1][-1] not in CODES]

    let_through = {}
    for name, path, many in read:
        errors = await answer(ruled, mine, name, path, many=many)
        words = f"{'.'.join(path)} {FOUND}"
        if errors != [{"code": "CONTENT_REFUSED", "message": words, "field": list(path)}]:
            let_through[f"{name}.{'.'.join(path)}"] = errors

    assert let_through == {}
    assert len(read) > 50
    assert await world.fingerprint(ruled.shop.db, ruled.viewer.user_id) == before


async def test_texts_that_are_not_read_are_codes_and_every_code_is_one() -> None:
    assert {path[-1] for _, path, _ in sent_texts()} >= set(CODES)


async def test_texts_of_queries_are_looked_for_or_read() -> None:
    assert asked_texts() == set(READ) | set(LOOKED_FOR)


async def test_query_for_photographs_is_refused_before_anybody_is_asked(ruled: Api) -> None:
    refused = await ruled.run("query ($query: String!) { stockPhotos(query: $query) { alt } }", query=BAD)

    assert refused.code == "CONTENT_REFUSED"
    assert refused.errors[0]["message"] == f"query {FOUND}"


async def test_every_input_field_is_known_by_its_type() -> None:
    """A scalar that could hold words in disguise, such as JSON, would be a way around the rules."""
    kinds = {
        get_named_type(field.type).name
        for kind in shapes.CORE.type_map.values()
        if isinstance(kind, GraphQLInputObjectType)
        for field in kind.fields.values()
        if not isinstance(get_named_type(field.type), GraphQLInputObjectType)
        and not hasattr(get_named_type(field.type), "values")
    }

    assert kinds == {"BigInt", "Boolean", "DateTime", "Decimal", "Float", "ID", "Int", "String", "Upload"}


async def test_every_picture_that_is_sent_ahead_is_shown_to_moderation_when_it_is_used(
    db: Database, tmp_path: Path
) -> None:
    moderation = Flagging("violence")
    async with client.serving(db, tmp_path, guard=Guard(moderation=moderation)) as api:
        mine = await world.build(db, api.viewer.user_id)
        mine.ids["upload"] = await api.upload("me.png", picture())
        before = await world.fingerprint(db, api.viewer.user_id)
        used = [
            (name.removeprefix("Mutation."), row)
            for name, each in rows.ROOTS.items()
            for row in (each if isinstance(each, tuple) else (each,))
            if name.startswith("Mutation.") and "$upload" in str(row.given)
        ]

        refused = []
        for name, row in used:
            if name == "uploadBaseImage":  # becomes a draft itself, so it is held (test_content_rules.py)
                continue
            title = name[0].upper() + name[1:]
            document = (
                f"mutation ($input: {title}Input!) {{ {name}(input: $input) "
                "{ userErrors { code message field } } }"
            )
            [error] = (await api.do(document, **mine.of(row.given)))["userErrors"]
            refused.append((name, error["code"], error["field"]))
            assert error["message"].endswith(
                "is not taken: Flagging's moderation flagged violence. Use another picture."
            )

        assert refused == [
            ("generateBaseImage", "CONTENT_REFUSED", ["maskUploadId"]),
            ("generateImages", "CONTENT_REFUSED", ["referenceUploadIds"]),
            ("generateImages", "CONTENT_REFUSED", ["maskUploadId"]),
            ("analyzeReferences", "CONTENT_REFUSED", ["uploadIds"]),
            ("trainAdapter", "CONTENT_REFUSED", ["uploadIds"]),
        ]
        assert len(moderation.shown) == 5
        assert await world.fingerprint(db, api.viewer.user_id) == before


async def test_ids_of_uploads_are_what_the_test_above_tries() -> None:
    taken = {
        path.rpartition(".")[2]
        for field in shapes.fields_of("Mutation").values()
        for path in shapes.id_paths(field)
        if "pload" in path
    }

    assert taken == {"uploadId", "uploadIds", "referenceUploadIds", "maskUploadId"}
