"""mutation approvePost"""

import asyncio
import dataclasses
from typing import Any

import pytest
from sqlalchemy import select

from executor.chores import Fenced, Write
from executor.publishing import Publishing
from generators.events import Failed
from store.database.tables import (
    Job,
    JobKind,
    Publication,
    PublicationState,
    TaskKind,
    Variant,
    VariantStatus,
)
from store.queue import Claim
from tests.client import Api, key, refused
from tests.operations import posts, steps
from tests.operations.posts import APPROVE_POST

pytestmark = pytest.mark.asyncio

CANCEL = (
    "mutation ($input: CancelJobInput!) { cancelJob(input: $input) { job { status } userErrors { code } } }"
)
REJECT = "mutation ($input: RejectVariantInput!) { rejectVariant(input: $input) { variant { status } userErrors { code } } }"


async def publications(api: Api) -> list[Publication]:
    async with api.shop.db.session() as session:
        return list((await session.scalars(select(Publication))).all())


async def test_chosen_picture_is_published_with_the_post(api: Api) -> None:
    post = await posts.post(api)
    first, second = await posts.candidates(api, post, count=2)
    before = await posts.of(api, post)
    assert before["status"] == "AWAITING_APPROVAL"
    [preview] = [one for one in before["candidates"]["nodes"] if one["id"] == second]
    assert preview["previewMode"] is True
    assert (await api.http.get(preview["url"])).status_code == 200
    copy = api.places.copies.previews / preview["fileName"]
    assert copy.is_file()

    payload = await api.do(APPROVE_POST, postId=post, variantId=second)
    assert payload["userErrors"] == []
    assert payload["post"] == {"id": post, "status": "PUBLISHING", "featuredImageUrl": None}
    assert payload["job"]["kind"] == "PUBLICATION"
    assert payload["job"]["title"] == "Publish A lighthouse"
    async with api.working():
        await api.ended(payload["job"]["id"])

    after = await posts.of(api, post)
    address = after["featuredImageUrl"]
    assert after["status"] == "PUBLISHED"
    assert after["publishedAt"] is not None
    assert address.startswith("/published/image_gen/")
    assert address.endswith("_2.png")
    featured = after["featuredImage"]
    assert featured.pop("publishedAt") is not None
    assert featured == {
        "id": second,
        "status": "PUBLISHED",
        "cdnUrl": address,
        "url": address,
        "previewMode": False,
    }
    assert {one["id"]: one["status"] for one in after["candidates"]["nodes"]} == {
        first: "DRAFT",
        second: "PUBLISHED",
    }
    found = await api.http.get(address)
    assert (found.status_code, found.headers["content-type"]) == (200, "image/png")
    assert (await api.http.get(preview["url"])).status_code == 404
    assert (await api.http.get(preview["thumbnailUrl"])).status_code == 200
    assert not copy.exists()
    assert (await posts.job(api, payload["job"]["id"])) == {
        "status": "SUCCEEDED",
        "failure": None,
        "progress": {"message": f"Published at {address}"},
    }
    assert "post.approved" in await steps.actions(api)
    async with api.shop.db.session() as session:
        variant = await session.get_one(Variant, key(second))
        assert variant.file_id is not None
    hidden = (
        await api.run(
            "query ($id: ID!) { node(id: $id) { ... on Variant { imageHash localPath } } }", id=second
        )
    ).data
    assert (
        api.shop.vault.is_sound(hidden["node"]["imageHash"]),
        hidden["node"]["localPath"] is not None,
    ) == (True, True)


async def test_asked_twice_and_at_once_it_is_done_once(api: Api) -> None:
    post = await posts.post(api)
    [candidate] = await posts.candidates(api, post)

    payloads = await asyncio.gather(
        *(api.do(APPROVE_POST, postId=post, variantId=candidate) for _ in range(5))
    )

    assert [payload["userErrors"] for payload in payloads] == [[]] * 5
    assert len({payload["job"]["id"] for payload in payloads}) == 1
    async with api.working():
        await api.ended(payloads[0]["job"]["id"])
    again = await api.do(APPROVE_POST, postId=post, variantId=candidate)
    assert again["job"]["id"] == payloads[0]["job"]["id"]
    assert again["post"]["status"] == "PUBLISHED"
    [publication] = await publications(api)
    assert publication.state is PublicationState.PUBLISHED
    assert (await steps.actions(api)).count("post.approved") == 1
    async with api.shop.db.session() as session:
        jobs = (await session.scalars(select(Job.id).where(Job.kind == JobKind.PUBLICATION))).all()
    assert len(jobs) == 1


class Impatient:
    """Somebody who clicks again when the picture is shown and its publication has not ended yet."""

    def __init__(self, api: Api, **asked: str) -> None:
        self.api, self.asked = api, asked
        self.payload: Any = None

    async def do(self, claim: Claim, fenced: Fenced) -> Write | Failed:
        ending = await Publishing(self.api.shop.db, self.api.shop.vault, self.api.places).do(claim, fenced)
        self.payload = await self.api.do(APPROVE_POST, **self.asked)
        return ending


async def test_asked_again_while_the_publication_is_about_to_end_it_stays_published(api: Api) -> None:
    post = await posts.post(api)
    [candidate] = await posts.candidates(api, post)
    again = Impatient(api, postId=post, variantId=candidate)

    await posts.published(dataclasses.replace(api, chores={TaskKind.PUBLISH: again}), post, candidate)

    assert again.payload["userErrors"] == []
    assert again.payload["post"]["status"] == "PUBLISHED"
    assert (await posts.of(api, post))["status"] == "PUBLISHED"
    assert (await steps.actions(api)).count("post.approved") == 1


async def test_another_picture_replaces_the_featured_one(api: Api) -> None:
    post = await posts.post(api)
    first, second = await posts.candidates(api, post, count=2)
    await posts.published(api, post, first)
    one = await posts.of(api, post)

    await posts.published(api, post, second)

    two = await posts.of(api, post)
    assert two["featuredImage"]["id"] == second
    assert two["featuredImageUrl"] != one["featuredImageUrl"]
    assert two["publishedAt"] == one["publishedAt"]
    await posts.published(api, post, first)
    assert (await posts.of(api, post))["featuredImageUrl"] == one["featuredImageUrl"]
    assert len(await publications(api)) == 2


async def test_another_picture_waits_while_one_is_being_published(api: Api) -> None:
    post = await posts.post(api)
    first, second = await posts.candidates(api, post, count=2)
    await api.do(APPROVE_POST, postId=post, variantId=first)

    payload = await api.do(APPROVE_POST, postId=post, variantId=second)

    assert refused(payload) == (
        "INVALID_STATE",
        "Another picture of this post is being published. Wait for it, or cancel its job.",
        ["variantId"],
    )


async def test_cancelled_publication_leaves_the_post_to_be_approved_again(api: Api) -> None:
    post = await posts.post(api)
    [candidate] = await posts.candidates(api, post)
    payload = await api.do(APPROVE_POST, postId=post, variantId=candidate)

    await api.do(CANCEL, jobId=payload["job"]["id"])

    state = await posts.of(api, post)
    assert (state["status"], state["featuredImageUrl"]) == ("AWAITING_APPROVAL", None)
    assert state["candidates"]["nodes"][0]["status"] == "APPROVED"
    await posts.published(api, post, candidate)
    assert (await posts.of(api, post))["status"] == "PUBLISHED"


async def test_picture_rejected_meanwhile_is_not_published(api: Api) -> None:
    post = await posts.post(api)
    [candidate] = await posts.candidates(api, post)
    payload = await api.do(APPROVE_POST, postId=post, variantId=candidate)
    await api.do(REJECT, variantId=candidate)

    async with api.working():
        await api.ended(payload["job"]["id"])

    ended = await posts.job(api, payload["job"]["id"])
    assert ended["failure"]["message"] == "The picture is REJECTED; it cannot be published."
    assert (await posts.of(api, post))["status"] == "AWAITING_APPROVAL"
    previews = api.places.copies.previews
    assert previews is not None
    assert not any((previews.parent / "published").rglob("*.png"))


async def test_original_goes_where_it_is_not_to_be_kept(api: Api) -> None:
    post = await posts.post(api)
    [candidate] = await posts.candidates(api, post)
    api = dataclasses.replace(api, places=dataclasses.replace(api.places, keep_original=False))

    await posts.published(api, post, candidate)

    row = "query ($id: ID!) { node(id: $id) { ... on Variant { imageHash localPath thumbnailUrl url } } }"
    shown = (await api.run(row, id=candidate)).data["node"]
    assert not api.shop.vault.exists(shown["imageHash"])
    assert shown["localPath"] is None
    assert (await api.http.get(shown["url"])).status_code == 200
    assert (await api.http.get(shown["thumbnailUrl"])).status_code == 200


async def test_original_that_another_picture_needs_stays(api: Api) -> None:
    post = await posts.post(api)
    [candidate] = await posts.candidates(api, post, seed=7)
    [twin] = await posts.candidates(api, post, seed=7)
    api = dataclasses.replace(api, places=dataclasses.replace(api.places, keep_original=False))
    urls = {one["id"]: one["url"] for one in (await posts.of(api, post))["candidates"]["nodes"]}
    assert urls[candidate] == urls[twin]

    await posts.published(api, post, candidate)

    assert (await api.http.get(urls[twin])).status_code == 200


@pytest.mark.parametrize("status", ["HELD", "REJECTED", "BLOCKED", "FAILED"])
async def test_picture_that_is_not_to_be_shown_is_refused(api: Api, status: str) -> None:
    post = await posts.post(api)
    [candidate] = await posts.candidates(api, post)
    async with api.shop.db.begin() as session:
        (await session.get_one(Variant, key(candidate))).status = VariantStatus(status)

    payload = await api.do(APPROVE_POST, postId=post, variantId=candidate)

    assert refused(payload) == (
        "INVALID_STATE",
        f"The picture is {status}; only a DRAFT or an APPROVED one can be published.",
        ["variantId"],
    )
    assert await publications(api) == []
    assert (await posts.of(api, post))["status"] == "AWAITING_APPROVAL"


async def test_foreign_posts_and_pictures_are_refused(api: Api) -> None:
    post, other = await posts.post(api), await posts.post(api)
    [candidate] = await posts.candidates(api, post)
    bob = await api.another("bob")

    assert refused(await bob.do(APPROVE_POST, postId=post, variantId=candidate))[::2] == (
        "NOT_FOUND",
        ["postId"],
    )
    assert refused(await api.do(APPROVE_POST, postId=other, variantId=candidate)) == (
        "INVALID_INPUT",
        "This picture is neither a candidate of this post nor attached to it.",
        ["variantId"],
    )
    mine = await bob.do(posts.CREATE_POST, content="Mine.")
    payload = await bob.do(APPROVE_POST, postId=mine["post"]["id"], variantId=candidate)
    assert refused(payload)[::2] == ("NOT_FOUND", ["variantId"])
    assert await publications(api) == []


async def test_statements_do_not_grow(api: Api) -> None:
    post = await posts.post(api)
    [candidate] = await posts.candidates(api, post)

    with api.statements() as seen:
        await api.do(APPROVE_POST, postId=post, variantId=candidate)

    assert len(seen) <= 16, "\n".join(seen)
