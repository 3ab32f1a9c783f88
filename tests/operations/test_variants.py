"""query variants"""

import hashlib
from typing import Any

import pytest

from tests.client import Api
from tests.operations import steps
from tests.operations.test_upload_base_image import UPLOAD, picture

pytestmark = pytest.mark.asyncio

VARIANTS = """
query ($filter: VariantFilter, $orderBy: VariantOrder, $first: Int, $after: String) {
  variants(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
    totalCount pageInfo { endCursor } nodes { id versionNumber }
  }
}
"""
EVERYTHING = """
query ($id: ID!) {
  node(id: $id) {
    ... on Variant {
      owner { handle } job { id } subject { id name } purpose versionNumber status source
      model { key name provider } modelKey modelVersion originalPrompt enhancedPrompt enhancedBy composedPrompt
      negativePrompt parameters conditioning { kind } url cdnUrl fileName downloadUrl localPath
      small: thumbnailUrl large: thumbnailUrl(size: PX_512) placeholder previewMode width height seed imageHash
      perceptualHash likeness quality generationTimeMs costUsd providerJobId
      provenance { madeByAi digitalSourceType system systemVersion software } isFavorite rating keep
      rejectionReason heldReason fallbackFrom failure { code message retryable } createdAt finishedAt approvedAt
      publishedAt
    }
  }
}
"""


async def found(api: Api, **given: Any) -> list[str]:
    nodes = (await api.run(VARIANTS, filter=given)).data["variants"]["nodes"]
    return [node["id"] for node in nodes]


async def test_filters_narrow_the_list(api: Api) -> None:
    mira, tom = await steps.persona(api), await steps.persona(api, "Tom")
    first, second = await steps.drafts(api, mira, count=2)
    uploaded = (await api.send(UPLOAD, ("me.png", picture()), subjectId=tom))["variant"]["id"]
    job = await steps.generated(api, tom)
    [waiting] = [node["id"] for node in job["variants"]["nodes"]]
    with api.statements() as statements:
        assert await found(api) == [waiting, uploaded, second, first]
    assert len(statements) == 2  # the page and its count
    assert await found(api, subjectId=mira) == [second, first]
    assert await found(api, jobId=job["id"]) == [waiting]
    assert await found(api, status=["QUEUED"]) == [waiting]
    assert await found(api, status=["DRAFT", "QUEUED"], subjectId=tom) == [waiting, uploaded]
    assert await found(api, source="UPLOAD") == [uploaded]
    assert await found(api, purpose="SCENE") == []


async def test_oldest_come_first_when_that_is_asked_for(api: Api) -> None:
    mira = await steps.persona(api)
    first, second, third = await steps.drafts(api, mira, count=3)
    oldest = {"field": "CREATED_AT", "direction": "ASC"}

    page = (await api.run(VARIANTS, orderBy=oldest, first=2)).data["variants"]
    rest = (await api.run(VARIANTS, orderBy=oldest, after=page["pageInfo"]["endCursor"])).data["variants"]

    assert [node["id"] for node in page["nodes"] + rest["nodes"]] == [first, second, third]
    assert await found(api) == [third, second, first]
    newest = await api.run(VARIANTS, orderBy={"direction": "DESC"}, after=page["pageInfo"]["endCursor"])
    assert newest.code == "BAD_USER_INPUT"


async def test_nobody_sees_anothers_pictures_by_any_filter(api: Api) -> None:
    mira = await steps.persona(api)
    job = await steps.generated(api, mira)
    bob = await api.another("bob")
    assert await found(bob) == []
    assert await found(bob, subjectId=mira) == []
    assert await found(bob, jobId=job["id"]) == []


async def test_malformed_and_wrong_ids_in_a_filter_are_told(api: Api) -> None:
    mira = await steps.persona(api)
    assert (await api.run(VARIANTS, filter={"subjectId": "x"})).code == "INVALID_ID"
    assert (await api.run(VARIANTS, filter={"jobId": mira})).code == "NOT_FOUND"


async def test_finished_picture_says_all_about_itself(api: Api) -> None:
    mira = await steps.persona(api)
    job = await steps.generated(api, mira, seed=2**53 - 1, negativePrompt="blur")
    async with api.working():
        await api.ended(job["id"])
    [made] = await found(api)
    variant = (await api.run(EVERYTHING, id=made)).data["node"]
    for name in ("createdAt", "finishedAt"):
        assert variant.pop(name).endswith("Z")
    assert variant.pop("composedPrompt").startswith("a baker. Headshot, portrait photograph")
    addresses = [variant.pop(name) for name in ("url", "small", "large", "downloadUrl")]
    replies = [await api.http.get(address) for address in addresses]
    assert [(reply.status_code, reply.headers["content-type"]) for reply in replies] == [
        (200, "image/png"),
        (200, "image/webp"),
        (200, "image/webp"),
        (200, "image/png"),
    ]
    assert replies[3].headers["content-disposition"] == f'attachment; filename="{variant["fileName"]}"'
    assert hashlib.sha256(replies[0].content).hexdigest() == variant["imageHash"]
    assert (await api.http.get(addresses[0][:-1])).status_code == 403
    assert [address.partition("?")[0].rpartition("/")[2] for address in addresses] == [
        "original",
        "256",
        "512",
        "original",
    ]
    assert addresses[3] == f"{addresses[0]}&download={variant['fileName']}"
    path = variant.pop("localPath")
    assert path.endswith(variant["imageHash"])
    hashes = [variant.pop(name) for name in ("imageHash", "perceptualHash", "placeholder")]
    assert [len(each) for each in hashes[:2]] == [64, 16]
    assert variant.pop("generationTimeMs") >= 0
    assert variant.pop("fileName").endswith("_local_v1.png")
    parameters = variant.pop("parameters")
    assert (parameters["steps"], parameters["width"], parameters["height"]) == (2, 64, 64)
    assert parameters["note"] == "Plain shapes for tests and demonstrations; no picture of anything."
    assert variant == {
        "owner": {"handle": "owner"},
        "job": {"id": job["id"]},
        "subject": {"id": mira, "name": "Mira"},
        "purpose": "BASE_IMAGE",
        "versionNumber": 1,
        "status": "DRAFT",
        "source": "LOCAL",
        "model": {"key": "scripted", "name": "Scripted shapes", "provider": "LOCAL"},
        "modelKey": "scripted",
        "modelVersion": "1",
        "originalPrompt": "a baker",
        "enhancedPrompt": None,
        "enhancedBy": None,
        "negativePrompt": "blur",
        "conditioning": [],
        "cdnUrl": None,
        "previewMode": True,
        "width": 64,
        "height": 64,
        "seed": 2**53 - 1,
        "likeness": None,
        "quality": None,
        "costUsd": None,
        "providerJobId": None,
        "provenance": {
            "madeByAi": True,
            "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
            "system": "scripted",
            "systemVersion": "1",
            "software": "Likeness",
        },
        "isFavorite": False,
        "rating": None,
        "keep": False,
        "rejectionReason": None,
        "heldReason": None,
        "fallbackFrom": None,
        "failure": None,
        "approvedAt": None,
        "publishedAt": None,
    }
