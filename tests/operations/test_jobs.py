"""query jobs"""

from typing import Any

import pytest

from tests.client import Api
from tests.operations import steps
from tests.operations.test_cancel_job import CANCEL

pytestmark = pytest.mark.asyncio

JOBS = """
query ($filter: JobFilter) {
  jobs(filter: $filter) { nodes { id status progress { fraction } subject { name } owner { handle } } }
}
"""


async def found(api: Api, **given: Any) -> list[str]:
    nodes = (await api.run(JOBS, filter=given)).data["jobs"]["nodes"]
    return [node["id"] for node in nodes]


async def test_filters_narrow_the_list(api: Api) -> None:
    mira, tom = await steps.persona(api), await steps.persona(api, "Tom")
    first = (await steps.generated(api, mira))["id"]
    second = (await steps.generated(api, tom))["id"]
    await api.do(CANCEL, jobId=first)
    assert await found(api) == [second, first]
    assert await found(api, subjectId=mira) == [first]
    assert await found(api, status=["QUEUED", "RUNNING"]) == [second]
    assert await found(api, kind="IMAGE", status=["CANCELED"]) == [first]
    assert await found(api, kind="ARTICLE") == []


async def test_nobody_sees_anothers_jobs(api: Api) -> None:
    mira = await steps.persona(api)
    await steps.generated(api, mira)
    bob = await api.another("bob")
    assert await found(bob) == []
    assert await found(bob, subjectId=mira) == []


async def test_failed_job_is_data(api: Api) -> None:
    mira = await steps.persona(api, appearance="a baker [fail=OUT_OF_MEMORY]")
    job = await steps.generated(api, mira, count=2)
    async with api.working():
        await api.ended(job["id"])
    document = """{ jobs { nodes { status failedCount failure { code message retryable }
                                   variants { nodes { status failure { code } url } } } } }"""
    assert (await api.run(document)).data["jobs"]["nodes"] == [
        {
            "status": "FAILED",
            "failedCount": 2,
            "failure": {
                "code": "OUT_OF_MEMORY",
                "message": "The script says OUT_OF_MEMORY.",
                "retryable": False,
            },
            "variants": {
                "nodes": [{"status": "FAILED", "failure": {"code": "OUT_OF_MEMORY"}, "url": None}] * 2
            },
        }
    ]
    assert (await steps.state(api, mira))["baseImageStatus"] == "PENDING_UPLOAD"


async def test_progress_of_many_jobs_is_read_together(api: Api) -> None:
    ids = [(await steps.generated(api, await steps.persona(api, name)))["id"] for name in ("a", "b", "c")]
    async with api.working():
        for each in ids:
            await api.ended(each)
    with api.statements() as statements:
        answer = await api.run("{ jobs { nodes { progress { fraction variants { step } } } } }")
    assert answer.data["jobs"]["nodes"] == [{"progress": {"fraction": 1.0, "variants": [{"step": 2}]}}] * 3
    assert len(statements) == 4  # the page; then jobs, variants and tasks of them all


async def test_relations_cost_one_statement_each(api: Api) -> None:
    for name in ("a", "b", "c"):
        await steps.generated(api, await steps.persona(api, name))
    with api.statements() as statements:
        await api.run("{ jobs { nodes { subject { name } owner { handle } retryOf { id } } } }")
    assert len(statements) == 3
