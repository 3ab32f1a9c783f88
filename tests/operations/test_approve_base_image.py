"""mutation approveBaseImage"""

import asyncio

import pytest

from store.database.tables import Role
from tests.client import Api, refused
from tests.operations import steps
from tests.operations.steps import APPROVE, REJECT, UNLOCK

pytestmark = pytest.mark.asyncio


async def test_current_draft_is_approved_and_locks_the_appearance(api: Api) -> None:
    mira = await steps.persona(api)
    _, second = await steps.drafts(api, mira, count=2)
    with api.statements() as statements:
        payload = await api.do(APPROVE, subjectId=mira)
    subject = payload["subject"]
    assert payload["userErrors"] == []
    assert subject["baseImage"].pop("approvedAt") is not None
    assert subject == {
        "id": mira,
        "baseImageStatus": "APPROVED",
        "appearanceLocked": True,
        "baseImage": {"id": second, "status": "APPROVED"},
    }
    assert await steps.actions(api) == ["base_image.generated", "base_image.approved"]
    assert len(statements) == 8


async def test_older_version_is_approved_by_its_id(api: Api) -> None:
    mira = await steps.persona(api)
    first, _ = await steps.drafts(api, mira, count=2)
    payload = await api.do(APPROVE, subjectId=mira, variantId=first)
    assert payload["subject"]["baseImage"]["id"] == first
    assert (await steps.state(api, mira))["baseImageHistory"]["nodes"] == [
        {"versionNumber": 2, "status": "DRAFT"},
        {"versionNumber": 1, "status": "APPROVED"},
    ]


@pytest.mark.parametrize("rejected", [False, True])
async def test_without_an_image_it_is_refused(api: Api, rejected: bool) -> None:
    mira = await steps.persona(api)
    if rejected:
        await steps.drafts(api, mira)
        await api.do(REJECT, subjectId=mira)
    before = await steps.state(api, mira)
    payload = await api.do(APPROVE, subjectId=mira)
    assert payload["subject"] is None
    assert refused(payload) == (
        "NO_BASE_IMAGE",
        "Cannot approve baseline: persona does not have a base image",
        ["subjectId"],
    )
    assert await steps.state(api, mira) == before


async def test_rejected_version_needs_a_replacement(api: Api) -> None:
    mira = await steps.persona(api)
    first, _ = await steps.drafts(api, mira, count=2)
    await api.do(REJECT, subjectId=mira, variantId=first)
    payload = await api.do(APPROVE, subjectId=mira, variantId=first)
    assert refused(payload) == (
        "INVALID_STATE",
        "A rejected base image needs a replacement: upload or generate another one.",
        ["variantId"],
    )
    assert (await steps.state(api, mira))["baseImageStatus"] == "DRAFT"


async def test_unfinished_version_is_refused(api: Api) -> None:
    mira = await steps.persona(api)
    [waiting] = (await steps.generated(api, mira))["variants"]["nodes"]
    payload = await api.do(APPROVE, subjectId=mira, variantId=waiting["id"])
    assert refused(payload) == (
        "INVALID_STATE",
        "Version 1 is QUEUED; only a DRAFT can be decided on.",
        ["variantId"],
    )


async def test_approved_one_stays_until_unlocked(api: Api) -> None:
    mira = await steps.persona(api)
    first, second = await steps.drafts(api, mira, count=2)
    await api.do(APPROVE, subjectId=mira)
    for given in ({}, {"variantId": first}, {"variantId": second}):
        payload = await api.do(APPROVE, subjectId=mira, **given)
        assert refused(payload)[::2] == ("APPEARANCE_LOCKED", ["subjectId"])
    await api.do(UNLOCK, subjectId=mira)
    payload = await api.do(APPROVE, subjectId=mira, variantId=first)
    assert payload["subject"]["baseImage"]["id"] == first


async def test_picture_finished_after_the_approval_is_only_history(api: Api) -> None:
    mira = await steps.persona(api)
    [first] = await steps.drafts(api, mira)
    late = await steps.generated(api, mira)
    await api.do(APPROVE, subjectId=mira)
    async with api.working():
        await api.ended(late["id"])
    state = await steps.state(api, mira)
    assert state["baseImageStatus"] == "APPROVED"
    assert state["baseImage"]["id"] == first
    assert state["baseImageHistory"]["nodes"][0] == {"versionNumber": 2, "status": "DRAFT"}


async def test_two_approvals_at_once_approve_one_picture(api: Api) -> None:
    mira = await steps.persona(api)
    first, second = await steps.drafts(api, mira, count=2)
    payloads = await asyncio.gather(
        api.do(APPROVE, subjectId=mira, variantId=first), api.do(APPROVE, subjectId=mira, variantId=second)
    )
    assert sorted(len(payload["userErrors"]) for payload in payloads) == [0, 1]
    statuses = [node["status"] for node in (await steps.state(api, mira))["baseImageHistory"]["nodes"]]
    assert sorted(statuses) == ["APPROVED", "DRAFT"]


async def test_other_subjects_foreign_and_malformed_ids_are_refused(api: Api) -> None:
    mira, tom = await steps.persona(api), await steps.persona(api, "Tom")
    [his] = await steps.drafts(api, tom)
    await steps.drafts(api, mira)
    bob = await api.another("bob")
    assert refused(await api.do(APPROVE, subjectId=mira, variantId=his)) == (
        "NOT_FOUND",
        "There is no variant with this id.",
        ["variantId"],
    )
    assert refused(await bob.do(APPROVE, subjectId=mira))[::2] == ("NOT_FOUND", ["subjectId"])
    assert refused(await api.do(APPROVE, subjectId=mira, variantId=mira))[::2] == ("NOT_FOUND", ["variantId"])
    assert refused(await api.do(APPROVE, subjectId=mira, variantId="x"))[::2] == ("INVALID_ID", ["variantId"])
    assert (await steps.state(api, mira))["baseImageStatus"] == "DRAFT"
    assert (await steps.state(api, tom))["baseImageStatus"] == "DRAFT"


async def test_viewer_may_not_approve(api: Api) -> None:
    viewer = await api.another("vera", role=Role.VIEWER)
    assert (await viewer.run(APPROVE, input={"subjectId": "x"})).code == "FORBIDDEN"
