"""mutation cancelJob"""

import pytest

from store.database.tables import JobStatus, Role
from tests.client import Api, key, refused
from tests.operations import steps

pytestmark = pytest.mark.asyncio

CANCEL = """
mutation ($input: CancelJobInput!) {
  cancelJob(input: $input) {
    job { id status finishedAt failure { code } variants { nodes { status } } progress { sequence status } }
    userErrors { code message field }
  }
}
"""


async def test_waiting_job_is_cancelled_at_once(api: Api) -> None:
    mira = await steps.persona(api)
    job = await steps.generated(api, mira, count=2)
    with api.statements() as statements:
        payload = await api.do(CANCEL, jobId=job["id"])
    assert payload["userErrors"] == []
    canceled = payload["job"]
    assert canceled.pop("finishedAt") is not None
    assert canceled == {
        "id": job["id"],
        "status": "CANCELED",
        "failure": None,
        "variants": {"nodes": [{"status": "CANCELED"}] * 2},
        "progress": {"sequence": 2 << 20, "status": "CANCELED"},
    }
    assert (await steps.state(api, mira))["baseImageStatus"] == "PENDING_UPLOAD"
    assert len(statements) == 22


async def test_running_job_never_succeeds_after_it_was_cancelled(api: Api) -> None:
    mira = await steps.persona(api)
    job = await steps.generated(api, mira, steps=1000)
    seen = []
    async with api.working():
        async for state in api.shop.progress.watch(key(job["id"])):
            seen.append(state.job.status)
            if state.job.status is JobStatus.RUNNING and state.variants[0].step > 1:
                await api.do(CANCEL, jobId=job["id"])
    assert seen[-1] is JobStatus.CANCELED
    assert JobStatus.SUCCEEDED not in seen
    assert (await steps.state(api, mira))["baseImageHistory"]["nodes"] == [
        {"versionNumber": 1, "status": "CANCELED"}
    ]


async def test_cancelling_twice_is_no_error(api: Api) -> None:
    mira = await steps.persona(api)
    job = await steps.generated(api, mira)
    first = await api.do(CANCEL, jobId=job["id"])
    assert await api.do(CANCEL, jobId=job["id"]) == first


async def test_finished_job_stays_as_it_is(api: Api) -> None:
    mira = await steps.persona(api)
    job = await steps.generated(api, mira)
    async with api.working():
        await api.ended(job["id"])
    payload = await api.do(CANCEL, jobId=job["id"])
    assert refused(payload) == (
        "INVALID_STATE",
        "The job is SUCCEEDED; a finished job cannot be cancelled.",
        ["jobId"],
    )


async def test_foreign_malformed_and_wrong_ids_are_refused(api: Api) -> None:
    mira = await steps.persona(api)
    job = await steps.generated(api, mira)
    bob = await api.another("bob")
    assert refused(await bob.do(CANCEL, jobId=job["id"])) == (
        "NOT_FOUND",
        "There is no job with this id.",
        ["jobId"],
    )
    assert refused(await api.do(CANCEL, jobId=mira))[::2] == ("NOT_FOUND", ["jobId"])
    assert refused(await api.do(CANCEL, jobId="x"))[::2] == ("INVALID_ID", ["jobId"])
    found = await api.run("query ($id: ID!) { node(id: $id) { ... on Job { status } } }", id=job["id"])
    assert found.data == {"node": {"status": "QUEUED"}}


async def test_viewer_may_not_cancel(api: Api) -> None:
    viewer = await api.another("vera", role=Role.VIEWER)
    assert (await viewer.run(CANCEL, input={"jobId": "x"})).code == "FORBIDDEN"
