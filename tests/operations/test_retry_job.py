"""mutation retryJob"""

from typing import Any

import pytest
from sqlalchemy import func, select

from store.database.sessions import Database
from store.database.tables import Job, Role
from tests import client
from tests.client import Api, refused
from tests.executor import workshop
from tests.operations import steps
from tests.operations.test_cancel_job import CANCEL

pytestmark = pytest.mark.asyncio

RETRY = """
mutation ($input: RetryJobInput!) {
  retryJob(input: $input) {
    job { id title status subject { id } retryOf { id status }
          variants { nodes { versionNumber status seed composedPrompt negativePrompt parameters } } }
    userErrors { code message field }
  }
}
"""


async def jobs(api: Api) -> int:
    async with api.shop.db.session() as session:
        return (await session.scalar(select(func.count()).select_from(Job))) or 0


async def test_cancelled_variants_are_made_by_a_new_job(api: Api) -> None:
    mira = await steps.persona(api)
    first = await steps.generated(api, mira, count=2, seed=5, negativePrompt="")
    await api.do(CANCEL, jobId=first["id"])
    with api.statements() as statements:
        payload = await api.do(RETRY, jobId=first["id"])
    assert payload["userErrors"] == []
    job = payload["job"]
    assert job.pop("id") != first["id"]
    variants = job.pop("variants")["nodes"]
    assert job == {
        "title": "Base image of Mira",
        "status": "QUEUED",
        "subject": {"id": mira},
        "retryOf": {"id": first["id"], "status": "CANCELED"},
    }
    assert [(each["versionNumber"], each["seed"], each["status"]) for each in variants] == [
        (3, 5, "QUEUED"),
        (4, 6, "QUEUED"),
    ]
    assert [each["negativePrompt"] for each in variants] == ["", ""]
    assert [each["parameters"]["steps"] for each in variants] == [2, 2]
    assert (await steps.actions(api))[-1] == "job.retried"
    assert len(statements) == 13


async def test_retried_job_makes_the_picture_it_owes(api: Api) -> None:
    mira = await steps.persona(api)
    first = await steps.generated(api, mira)
    await api.do(CANCEL, jobId=first["id"])
    again = (await api.do(RETRY, jobId=first["id"]))["job"]
    async with api.working():
        await api.ended(again["id"])
    state = await steps.state(api, mira)
    assert state["baseImageStatus"] == "DRAFT"
    assert state["baseImage"]["versionNumber"] == 2


async def test_only_what_is_missing_is_made(db: Database, tmp_path: Any) -> None:
    async with client.serving(db, tmp_path) as api:
        mira = await steps.persona(api, appearance="a baker")
        job = await steps.generated(api, mira, count=2, steps=2)
        async with api.working():
            await api.ended(job["id"])
        async with db.begin() as session:
            [_, second] = await workshop.variants_of(db, client.key(job["id"]))
            row = await session.get_one(type(second), second.id)
            row.status = row.status.FAILED
            row.file_id = None
        payload = await api.do(RETRY, jobId=job["id"])
        [variant] = payload["job"]["variants"]["nodes"]
        assert variant["seed"] == second.seed


async def test_job_that_made_everything_has_nothing_to_retry(api: Api) -> None:
    mira = await steps.persona(api)
    job = await steps.generated(api, mira)
    async with api.working():
        await api.ended(job["id"])
    payload = await api.do(RETRY, jobId=job["id"])
    assert payload["job"] is None
    assert refused(payload) == (
        "INVALID_STATE",
        "Nothing is missing: every variant of this job was made.",
        ["jobId"],
    )
    assert await jobs(api) == 1


async def test_unfinished_job_is_refused(api: Api) -> None:
    mira = await steps.persona(api)
    job = await steps.generated(api, mira)
    payload = await api.do(RETRY, jobId=job["id"])
    assert refused(payload) == (
        "INVALID_STATE",
        "The job is QUEUED; only a finished job can be tried again.",
        ["jobId"],
    )


async def test_locked_appearance_refuses_a_retry(api: Api) -> None:
    mira = await steps.persona(api)
    job = await steps.generated(api, mira)
    await api.do(CANCEL, jobId=job["id"])
    await steps.drafts(api, mira)
    await api.do(steps.APPROVE, subjectId=mira)
    payload = await api.do(RETRY, jobId=job["id"])
    assert refused(payload)[::2] == ("APPEARANCE_LOCKED", ["jobId"])
    assert await jobs(api) == 2


async def test_same_key_retries_once(api: Api) -> None:
    mira = await steps.persona(api)
    job = await steps.generated(api, mira)
    await api.do(CANCEL, jobId=job["id"])
    first = await api.do(RETRY, jobId=job["id"], idempotencyKey="once")
    again = await api.do(RETRY, jobId=job["id"], idempotencyKey="once")
    assert again == first
    assert await jobs(api) == 2


async def test_foreign_job_is_not_found(api: Api) -> None:
    mira = await steps.persona(api)
    job = await steps.generated(api, mira)
    bob = await api.another("bob")
    assert refused(await bob.do(RETRY, jobId=job["id"]))[::2] == ("NOT_FOUND", ["jobId"])
    assert await jobs(api) == 1


async def test_viewer_may_not_retry(api: Api) -> None:
    viewer = await api.another("vera", role=Role.VIEWER)
    assert (await viewer.run(RETRY, input={"jobId": "x"})).code == "FORBIDDEN"
