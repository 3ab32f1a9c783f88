"""mutation unlockAppearance"""

import pytest

from store.database.tables import Role
from tests.client import Api, refused
from tests.operations import steps
from tests.operations.steps import APPROVE, UNLOCK

pytestmark = pytest.mark.asyncio


async def test_approved_picture_becomes_a_draft_again(api: Api) -> None:
    mira = await steps.persona(api)
    first, _ = await steps.drafts(api, mira, count=2)
    await api.do(APPROVE, subjectId=mira, variantId=first)
    with api.statements() as statements:
        payload = await api.do(UNLOCK, subjectId=mira)
    assert payload == {
        "subject": {
            "baseImageStatus": "DRAFT",
            "appearanceLocked": False,
            "baseImage": {"id": first, "status": "DRAFT", "approvedAt": None},
        },
        "userErrors": [],
    }
    assert (await steps.actions(api))[-1] == "appearance.unlocked"
    assert len(statements) == 7


@pytest.mark.parametrize("with_draft", [False, True])
async def test_what_is_not_locked_cannot_be_unlocked(api: Api, with_draft: bool) -> None:
    mira = await steps.persona(api)
    if with_draft:
        await steps.drafts(api, mira)
    before = await steps.state(api, mira)
    payload = await api.do(UNLOCK, subjectId=mira)
    status = "DRAFT" if with_draft else "PENDING_UPLOAD"
    assert refused(payload) == (
        "INVALID_STATE",
        f"The appearance is not locked: the base image is {status}.",
        ["subjectId"],
    )
    assert await steps.state(api, mira) == before


async def test_foreign_subject_is_not_found_and_stays_locked(api: Api) -> None:
    mira = await steps.persona(api)
    await steps.drafts(api, mira)
    await api.do(APPROVE, subjectId=mira)
    bob = await api.another("bob")
    assert refused(await bob.do(UNLOCK, subjectId=mira))[::2] == ("NOT_FOUND", ["subjectId"])
    assert (await steps.state(api, mira))["appearanceLocked"] is True


async def test_viewer_may_not_unlock(api: Api) -> None:
    viewer = await api.another("vera", role=Role.VIEWER)
    assert (await viewer.run(UNLOCK, input={"subjectId": "x"})).code == "FORBIDDEN"
