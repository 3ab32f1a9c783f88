"""mutations createPost and updatePost, queries posts and post: texts, slugs, filters."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from store.database.tables import Post, PostStatus, Role
from tests.client import Api, key, refused
from tests.operations import posts, steps
from tests.operations.posts import CREATE_POST

pytestmark = pytest.mark.asyncio
UPDATE = """
mutation ($input: UpdatePostInput!) {
  updatePost(input: $input) {
    post { title slug content excerpt imagePrompt persona { name } updatedAt createdAt }
    userErrors { code message field }
  }
}
"""
LIST = """
query ($first: Int, $after: String, $filter: PostFilter, $order: PostOrder) {
  posts(first: $first, after: $after, filter: $filter, orderBy: $order) {
    nodes { title } totalCount pageInfo { hasNextPage endCursor }
  }
}
"""


async def titles(api: Api, **given: Any) -> list[str]:
    return [one["title"] for one in (await api.run(LIST, **given)).data["posts"]["nodes"]]


async def count(api: Api) -> int:
    async with api.shop.db.session() as session:
        return await session.scalar(select(func.count()).select_from(Post)) or 0


async def test_post_is_made_from_what_is_given(api: Api) -> None:
    mira = await steps.persona(api)

    payload = await api.do(
        CREATE_POST,
        title="  Größe, Müßiggang & Tee  ",
        content="Once upon a time.",
        excerpt="A tale.",
        imagePrompt="a teapot",
        personaId=mira,
    )

    assert payload["userErrors"] == []
    made = payload["post"]
    assert made.pop("id")
    assert made == {
        "title": "Größe, Müßiggang & Tee",
        "slug": "grosse-mussiggang-tee",
        "content": "Once upon a time.",
        "excerpt": "A tale.",
        "imagePrompt": "a teapot",
        "status": "DRAFT",
        "featuredImageUrl": None,
        "author": {"handle": api.viewer.handle},
        "persona": {"name": "Mira"},
    }
    listed = await api.run(
        "query ($id: ID!) { node(id: $id) { ... on Persona { posts { nodes { slug } totalCount } } } }",
        id=mira,
    )
    assert listed.data["node"]["posts"] == {"nodes": [{"slug": "grosse-mussiggang-tee"}], "totalCount": 1}


async def test_second_post_of_a_title_is_numbered(api: Api) -> None:
    slugs = [(await api.do(CREATE_POST, title="Tea", content="."))["post"]["slug"] for _ in range(3)]

    assert slugs == ["tea", "tea-2", "tea-3"]
    assert (await api.do(CREATE_POST, content="No title."))["post"]["slug"] is None
    assert (await api.do(CREATE_POST, title="🌍", content="."))["post"]["slug"] != ""


async def test_slug_of_ones_own_is_taken_or_refused(api: Api) -> None:
    bob = await api.another("bob")
    assert (await api.do(CREATE_POST, title="Tea", slug="my-tea", content="."))["post"]["slug"] == "my-tea"

    assert refused(await api.do(CREATE_POST, slug="my-tea", content=".")) == (
        "CONFLICT",
        "You have a post with the slug 'my-tea' already.",
        ["slug"],
    )
    assert refused(await api.do(CREATE_POST, slug="My Tea", content=".")) == (
        "INVALID_INPUT",
        "A slug is made of a-z, 0-9 and single hyphens between them.",
        ["slug"],
    )
    assert (await bob.do(CREATE_POST, slug="my-tea", content="."))["userErrors"] == []
    assert await count(api) == 2
    mine = await api.run('{ post(slug: "my-tea") { author { handle } } }')
    assert mine.data["post"]["author"]["handle"] == api.viewer.handle
    assert (await api.run('{ post(slug: "other") { id } }')).data == {"post": None}


async def test_many_of_one_title_at_the_same_instant_never_break(api: Api) -> None:
    payloads = await asyncio.gather(*(api.do(CREATE_POST, title="Tea", content=".") for _ in range(6)))

    made = [payload["post"]["slug"] for payload in payloads if payload["post"]]
    said = {payload["userErrors"][0]["code"] for payload in payloads if payload["userErrors"]}
    assert len(set(made)) == len(made) > 0
    assert said <= {"CONFLICT"}
    assert await count(api) == len(made)


async def test_too_long_foreign_and_forbidden_are_refused(api: Api) -> None:
    mira = await steps.persona(api)
    bob, vera = await api.another("bob"), await api.another("vera", role=Role.VIEWER)

    assert refused(await api.do(CREATE_POST, content="x" * 100_001))[::2] == ("TOO_LONG", ["content"])
    assert refused(await bob.do(CREATE_POST, content=".", personaId=mira))[::2] == (
        "NOT_FOUND",
        ["personaId"],
    )
    assert (await vera.run(CREATE_POST, input={"content": "."})).code == "FORBIDDEN"
    assert await count(api) == 0


async def test_replay_with_its_key_makes_nothing_new(api: Api) -> None:
    first = await api.do(CREATE_POST, title="Tea", content=".", idempotencyKey="k")

    assert await api.do(CREATE_POST, title="Tea", content=".", idempotencyKey="k") == first
    assert refused(await api.do(CREATE_POST, title="Tee", content=".", idempotencyKey="k"))[0] == (
        "IDEMPOTENCY_MISMATCH"
    )
    assert await count(api) == 1


async def test_changes_what_is_given_and_keeps_the_slug(api: Api) -> None:
    post = await posts.post(api, title="Tea", excerpt="Hot.", imagePrompt="a cup")
    mira = await steps.persona(api)

    changed = await api.do(UPDATE, postId=post, title="Coffee", excerpt=None, personaId=mira)

    assert changed["userErrors"] == []
    updated, created = changed["post"].pop("updatedAt"), changed["post"].pop("createdAt")
    assert updated > created
    assert changed["post"] == {
        "title": "Coffee",
        "slug": "tea",
        "content": "Once.",
        "excerpt": None,
        "imagePrompt": "a cup",
        "persona": {"name": "Mira"},
    }
    renamed = await api.do(UPDATE, postId=post, slug="coffee", content="Twice.")
    assert (renamed["post"]["slug"], renamed["post"]["content"]) == ("coffee", "Twice.")


async def test_change_that_cannot_be_changes_nothing(api: Api) -> None:
    post, _other = await posts.post(api, title="Tea"), await posts.post(api, title="Coffee")
    bob = await api.another("bob")

    assert refused(await api.do(UPDATE, postId=post, title="New", slug="coffee"))[::2] == (
        "CONFLICT",
        ["slug"],
    )
    assert refused(await bob.do(UPDATE, postId=post, title="Mine"))[::2] == ("NOT_FOUND", ["postId"])
    async with api.shop.db.begin() as session:
        (await session.get_one(Post, key(post))).status = PostStatus.WRITING
    assert refused(await api.do(UPDATE, postId=post, title="New")) == (
        "INVALID_STATE",
        "The post is being written. Wait for its job, or cancel it.",
        ["postId"],
    )
    assert (await posts.of(api, post))["title"] == "Tea"


async def test_list_is_filtered_ordered_and_paged(api: Api) -> None:
    mira = await steps.persona(api)
    for number in range(3):
        await posts.post(api, title=f"Post {number}", personaId=mira if number == 1 else None)
    bob = await api.another("bob")

    assert await titles(api) == ["Post 2", "Post 1", "Post 0"]
    assert await titles(api, order={"direction": "ASC"}) == ["Post 0", "Post 1", "Post 2"]
    assert await titles(api, filter={"personaId": mira}) == ["Post 1"]
    assert await titles(api, filter={"status": ["PUBLISHED"]}) == []
    assert await titles(api, filter={"status": ["DRAFT"]}) == ["Post 2", "Post 1", "Post 0"]
    assert await titles(bob) == []
    page = (await api.run(LIST, first=2)).data["posts"]
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (3, True)
    assert await titles(api, first=2, after=page["pageInfo"]["endCursor"]) == ["Post 0"]


async def test_list_takes_one_statement_however_long(api: Api) -> None:
    mira = await steps.persona(api)
    for number in range(4):
        await posts.post(api, title=f"Post {number}", personaId=mira)

    with api.statements() as seen:
        await api.run("{ posts { nodes { title author { handle } persona { name } } } }")

    assert len(seen) == 3, "\n".join(seen)
