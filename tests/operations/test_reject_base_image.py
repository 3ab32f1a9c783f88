"""mutation rejectBaseImage"""

import pytest

from store.database.tables import Role
from tests.client import Api, refused
from tests.operations import steps
from tests.operations.steps import APPROVE, REJECT, UNLOCK

pytestmark = pytest.mark.asyncio


async def test_current_draft_gives_way_to_the_newest_that_is_left(api: Api) -> None:
    mira = await steps.persona(api)
    first, second = await steps.drafts(api, mira, count=2)
    with api.statements() as statements:
        payload = await api.do(REJECT, subjectId=mira, reason="too blurred")
    assert payload["userErrors"] == []
    assert payload["subject"] == {
        "baseImageStatus": "DRAFT",
        "baseImage": {"id": first},
        "baseImageHistory": {
            "nodes": [
                {"id": second, "versionNumber": 2, "status": "REJECTED", "rejectionReason": "too blurred"},
                {"id": first, "versionNumber": 1, "status": "DRAFT", "rejectionReason": None},
            ]
        },
    }
    assert (await steps.actions(api))[-1] == "base_image.rejected"
    assert len(statements) == 9


async def test_last_draft_leaves_the_persona_rejected(api: Api) -> None:
    mira = await steps.persona(api)
    await steps.drafts(api, mira)
    payload = await api.do(REJECT, subjectId=mira)
    assert payload["subject"]["baseImageStatus"] == "REJECTED"
    assert payload["subject"]["baseImage"] is None


async def test_named_draft_is_rejected_and_the_current_one_stays(api: Api) -> None:
    mira = await steps.persona(api)
    first, second = await steps.drafts(api, mira, count=2)
    payload = await api.do(REJECT, subjectId=mira, variantId=first)
    assert payload["subject"]["baseImage"] == {"id": second}
    assert [node["status"] for node in payload["subject"]["baseImageHistory"]["nodes"]] == [
        "DRAFT",
        "REJECTED",
    ]


async def test_without_a_draft_it_is_refused(api: Api) -> None:
    mira = await steps.persona(api)
    payload = await api.do(REJECT, subjectId=mira)
    assert refused(payload) == (
        "NO_BASE_IMAGE",
        "There is no draft to reject: the base image is PENDING_UPLOAD.",
        ["subjectId"],
    )
    assert await steps.actions(api) == []


async def test_rejected_one_cannot_be_rejected_again(api: Api) -> None:
    mira = await steps.persona(api)
    first, _ = await steps.drafts(api, mira, count=2)
    await api.do(REJECT, subjectId=mira, variantId=first, reason="once")
    payload = await api.do(REJECT, subjectId=mira, variantId=first, reason="twice")
    assert refused(payload)[::2] == ("INVALID_STATE", ["variantId"])


async def test_approved_one_stays_until_unlocked(api: Api) -> None:
    mira = await steps.persona(api)
    await steps.drafts(api, mira, count=2)
    await api.do(APPROVE, subjectId=mira)
    payload = await api.do(REJECT, subjectId=mira)
    assert refused(payload) == (
        "APPEARANCE_LOCKED",
        "An approved base image stays until the appearance is unlocked.",
        ["subjectId"],
    )
    await api.do(UNLOCK, subjectId=mira)
    assert (await api.do(REJECT, subjectId=mira))["userErrors"] == []


async def test_other_draft_can_be_rejected_beside_an_approved_one(api: Api) -> None:
    mira = await steps.persona(api)
    first, second = await steps.drafts(api, mira, count=2)
    await api.do(APPROVE, subjectId=mira)
    payload = await api.do(REJECT, subjectId=mira, variantId=first)
    assert payload["subject"]["baseImageStatus"] == "APPROVED"
    assert payload["subject"]["baseImage"] == {"id": second}


async def test_reason_longer_than_allowed_is_refused(api: Api) -> None:
    mira = await steps.persona(api)
    await steps.drafts(api, mira)
    payload = await api.do(REJECT, subjectId=mira, reason="r" * 8001)
    assert refused(payload)[::2] == ("TOO_LONG", ["reason"])
    assert (await steps.state(api, mira))["baseImageStatus"] == "DRAFT"


async def test_foreign_and_malformed_ids_are_refused(api: Api) -> None:
    mira = await steps.persona(api)
    await steps.drafts(api, mira)
    bob = await api.another("bob")
    assert refused(await bob.do(REJECT, subjectId=mira))[::2] == ("NOT_FOUND", ["subjectId"])
    assert refused(await api.do(REJECT, subjectId=""))[::2] == ("INVALID_ID", ["subjectId"])
    assert (await steps.state(api, mira))["baseImageStatus"] == "DRAFT"


async def test_viewer_may_not_reject(api: Api) -> None:
    viewer = await api.another("vera", role=Role.VIEWER)
    assert (await viewer.run(REJECT, input={"subjectId": "x"})).code == "FORBIDDEN"
