"""mutation publishVariant, and what publishing does when the target fails; autoPublish of generateImages."""

import asyncio
import dataclasses
from typing import Any

import pytest
from sqlalchemy import select
from typing_extensions import override

from executor.publishing import Places
from store.database.tables import Publication, PublicationState, Role, Variant
from store.files.cloudinary import CloudinarySettings, CloudinaryTarget
from store.files.containers import MediaType
from store.files.local import LocalFolder
from store.files.targets import Published, TargetError
from store.publications import Order, publish
from tests.client import Api, key, refused
from tests.executor import workshop
from tests.kills import victims
from tests.operations import posts, steps
from tests.peers.cloudinary import CLOUD, KEY, SECRET, CloudinaryPeer
from tests.peers.serving import serving

pytestmark = pytest.mark.asyncio
PUBLISH = """
mutation ($input: PublishVariantInput!) {
  publishVariant(input: $input) {
    variant { id status cdnUrl } job { id kind status title } userErrors { code message field }
  }
}
"""
VARIANT = """
query ($id: ID!) {
  node(id: $id) { ... on Variant { status cdnUrl url previewMode publishedAt downloadUrl } }
}
"""
CANCEL = (
    "mutation ($input: CancelJobInput!) { cancelJob(input: $input) { job { status } userErrors { code } } }"
)
DELETE = "mutation ($input: DeleteSubjectInput!) { deleteSubject(input: $input) { userErrors { code } } }"
RETRY = "mutation ($input: RetryJobInput!) { retryJob(input: $input) { job { id } userErrors { code message field } } }"


class Failing(LocalFolder):
    """The real folder, failing a few times first."""

    def __init__(self, inner: LocalFolder, times: int, *, retryable: bool) -> None:
        super().__init__(inner._folder, inner._base_url)
        self.left = times
        self._retryable = retryable

    @override
    async def upload(self, key: str, data: bytes, media_type: MediaType) -> Published:
        if self.left:
            self.left -= 1
            raise TargetError("the bucket is on fire", retryable=self._retryable)
        return await super().upload(key, data, media_type)


def failing(api: Api, times: int, *, retryable: bool) -> Api:
    target = api.places.targets["local"]
    assert isinstance(target, LocalFolder)
    places = Places(targets={"local": Failing(target, times, retryable=retryable)}, copies=api.places.copies)
    return dataclasses.replace(api, places=places)


async def scene(api: Api, **given: Any) -> str:
    """The id of a finished picture of its own."""
    payload = await api.do(posts.GENERATE, **{"prompt": "a lighthouse", **steps.QUICK, **given})
    assert payload["userErrors"] == []
    async with api.working():
        await api.ended(payload["job"]["id"])
    return str(payload["job"]["variants"]["nodes"][0]["id"])


async def of(api: Api, variant_id: str) -> Any:
    return (await api.run(VARIANT, id=variant_id)).data["node"]


async def done(api: Api, job_id: str) -> Any:
    async with api.working():
        await api.ended(job_id)
    return await posts.job(api, job_id)


async def test_picture_is_published_on_its_own(api: Api) -> None:
    picture = await scene(api)

    payloads = await asyncio.gather(*(api.do(PUBLISH, variantId=picture) for _ in range(4)))

    assert [payload["userErrors"] for payload in payloads] == [[]] * 4
    assert len({payload["job"]["id"] for payload in payloads}) == 1
    assert payloads[0]["variant"] == {"id": picture, "status": "DRAFT", "cdnUrl": None}
    assert (await done(api, payloads[0]["job"]["id"]))["status"] == "SUCCEEDED"
    shown = await of(api, picture)
    assert shown["publishedAt"] is not None
    assert shown["status"] == "PUBLISHED"
    assert shown["previewMode"] is False
    assert shown["cdnUrl"] == shown["url"] == shown["downloadUrl"]
    assert (await api.http.get(shown["url"])).status_code == 200
    assert (await steps.actions(api)).count("variant.published") == 1
    again = await api.do(PUBLISH, variantId=picture)
    assert (again["job"]["id"], again["job"]["status"]) == (payloads[0]["job"]["id"], "SUCCEEDED")


async def test_target_that_fails_for_a_while_is_asked_again(api: Api) -> None:
    picture = await scene(api)
    api = failing(api, 1, retryable=True)

    payload = await api.do(PUBLISH, variantId=picture)

    assert (await done(api, payload["job"]["id"]))["status"] == "SUCCEEDED"
    assert (await of(api, picture))["status"] == "PUBLISHED"


async def test_target_that_refuses_leaves_a_draft_that_can_be_published_later(api: Api) -> None:
    picture = await scene(api)
    broken = failing(api, 1, retryable=False)
    payload = await broken.do(PUBLISH, variantId=picture)

    ended = await done(broken, payload["job"]["id"])

    assert ended["failure"] == {
        "code": "PROVIDER_DOWN",
        "message": "the bucket is on fire",
        "retryable": False,
    }
    assert (await of(api, picture))["status"] == "DRAFT"
    assert refused(await api.do(RETRY, jobId=payload["job"]["id"]))[0] == "NOT_SUPPORTED"
    again = await api.do(PUBLISH, variantId=picture)
    assert again["job"]["id"] != payload["job"]["id"]
    assert (await done(api, again["job"]["id"]))["status"] == "SUCCEEDED"
    async with api.shop.db.session() as session:
        [publication] = (await session.scalars(select(Publication))).all()
    assert publication.state is PublicationState.PUBLISHED


async def test_cancelled_publication_publishes_nothing(api: Api) -> None:
    picture = await scene(api)
    payload = await api.do(PUBLISH, variantId=picture)

    await api.do(CANCEL, jobId=payload["job"]["id"])

    async with api.working():
        assert (await posts.job(api, payload["job"]["id"]))["status"] == "CANCELED"
    assert (await of(api, picture))["cdnUrl"] is None


async def test_every_finished_picture_of_an_auto_publishing_job_is_published(api: Api) -> None:
    payload = await api.do(posts.GENERATE, prompt="a lighthouse", count=2, autoPublish=True, **steps.QUICK)
    async with api.working():
        await api.ended(payload["job"]["id"])
        jobs = "{ jobs(filter: {kind: PUBLICATION}) { nodes { id title } } }"
        publications = (await api.run(jobs)).data["jobs"]["nodes"]
        for one in publications:
            await api.ended(one["id"])

    assert [one["title"] for one in publications] == ["Publish a lighthouse"] * 2
    statuses = [(await of(api, one["id"]))["status"] for one in payload["job"]["variants"]["nodes"]]
    assert statuses == ["PUBLISHED", "PUBLISHED"]
    assert await steps.actions(api) == ["images.generated", "variant.published", "variant.published"]


async def test_auto_publishing_that_fails_leaves_drafts(api: Api) -> None:
    broken = failing(api, 9, retryable=False)
    payload = await broken.do(posts.GENERATE, prompt="a lighthouse", autoPublish=True, **steps.QUICK)
    async with broken.working():
        await broken.ended(payload["job"]["id"])
        [publication] = (await api.run("{ jobs(filter: {kind: PUBLICATION}) { nodes { id } } }")).data[
            "jobs"
        ]["nodes"]
        await broken.ended(publication["id"])

    [picture] = payload["job"]["variants"]["nodes"]
    assert (await of(api, picture["id"]))["status"] == "DRAFT"
    again = await api.do(PUBLISH, variantId=picture["id"])
    assert (await done(api, again["job"]["id"]))["status"] == "SUCCEEDED"


async def test_base_images_foreign_and_unfinished_pictures_are_refused(api: Api) -> None:
    mira = await steps.persona(api)
    [base] = await steps.drafts(api, mira)
    picture = await scene(api)
    bob, vera = await api.another("bob"), await api.another("vera", role=Role.VIEWER)
    waiting = await api.do(posts.GENERATE, prompt="a lighthouse", **steps.QUICK)
    [unfinished] = waiting["job"]["variants"]["nodes"]

    assert refused(await api.do(PUBLISH, variantId=base)) == (
        "NOT_SUPPORTED",
        "This is a base image: it shows how somebody looks and is not published.",
        ["variantId"],
    )
    assert refused(await api.do(PUBLISH, variantId=unfinished["id"])) == (
        "INVALID_STATE",
        "The picture is QUEUED; only a DRAFT or an APPROVED one can be published.",
        ["variantId"],
    )
    assert refused(await bob.do(PUBLISH, variantId=picture))[::2] == ("NOT_FOUND", ["variantId"])
    assert (await vera.run(PUBLISH, input={"variantId": picture})).code == "FORBIDDEN"
    async with api.shop.db.session() as session:
        assert (await session.scalars(select(Publication))).all() == []


async def test_pictures_of_a_deleted_persona_are_taken_back_unless_a_post_shows_them(api: Api) -> None:
    mira = await steps.persona(api)
    alone, post = await scene(api, subjectId=mira), await posts.post(api)
    [featured] = await posts.candidates(api, post, subjectId=mira)
    await done(api, (await api.do(PUBLISH, variantId=alone))["job"]["id"])
    await posts.published(api, post, featured)
    addresses = [(await of(api, one))["cdnUrl"] for one in (alone, featured)]

    assert (await api.do(DELETE, subjectId=mira))["userErrors"] == []
    async with api.working():
        await victims.until(lambda: gone(api, addresses[0]))

    assert (await api.http.get(addresses[1])).status_code == 200
    assert (await posts.of(api, post))["featuredImageUrl"] == addresses[1]


async def gone(api: Api, address: str) -> bool:
    return (await api.http.get(address)).status_code == 404


async def test_picture_published_at_cloudinary_has_its_thumbnails_there(api: Api) -> None:
    peer = CloudinaryPeer()
    with serving(peer.app) as served:
        peer.base = served.url
        url = f"cloudinary://{KEY}:{SECRET}@{CLOUD}?upload_prefix={served.url}"
        target = CloudinaryTarget(CloudinarySettings(cloudinary_url=url))
        places = dataclasses.replace(api.places, targets={"cloudinary": target}, publish_to="cloudinary")
        there = dataclasses.replace(api, places=places)
        picture = await scene(api)
        async with api.shop.db.begin() as session:
            variant = await session.get_one(Variant, key(picture))
            job, _ = await publish(session, Order(variant=variant, target="cloudinary"))
        async with there.working():
            await workshop.ended(api.shop, job.id)
        [public_id] = peer.assets
        shown = "query ($id: ID!) { node(id: $id) { ... on Variant { url thumbnailUrl(size: PX_512) } } }"
        found = (await api.run(shown, id=picture)).data["node"]
    assert found == {
        "url": f"{served.url}/demo/image/upload/v1/{public_id}.png",
        "thumbnailUrl": f"{served.url}/demo/image/upload/c_limit,f_auto,h_512,q_auto,w_512/v1/{public_id}.png",
    }
    assert public_id.startswith(f"image_gen/{api.viewer.user_id}/scripted_")
