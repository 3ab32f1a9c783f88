"""mutation generateBaseImages"""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from store.database.tables import Job, Task, Variant
from tests.client import Api, refused
from tests.operations import steps

pytestmark = pytest.mark.asyncio
GENERATE = """
mutation ($input: GenerateBaseImagesInput!) {
  generateBaseImages(input: $input) {
    jobs { id title subject { id } variants { nodes { versionNumber purpose seed conditioning { kind } } } }
    userErrors { code message field }
  }
}
"""


async def rows(api: Api) -> list[int]:
    async with api.shop.db.session() as session:
        return [
            await session.scalar(select(func.count()).select_from(table)) or 0
            for table in (Job, Variant, Task)
        ]


async def test_each_subject_gets_a_job_in_the_order_named(api: Api) -> None:
    people = [await steps.persona(api, name) for name in ("Ann", "Bob", "Cy")]
    wanted = [people[2], people[0], people[1]]
    payload = await api.do(GENERATE, subjectIds=wanted, count=2, **steps.QUICK)
    assert payload["userErrors"] == []
    assert [job["subject"]["id"] for job in payload["jobs"]] == wanted
    assert [job["title"] for job in payload["jobs"]] == [
        f"Base image of {name}" for name in ("Cy", "Ann", "Bob")
    ]
    assert all(
        [(each["versionNumber"], each["purpose"]) for each in job["variants"]["nodes"]]
        == [(1, "BASE_IMAGE"), (2, "BASE_IMAGE")]
        for job in payload["jobs"]
    )
    async with api.working():
        for job in payload["jobs"]:
            await api.ended(job["id"])
    for person in people:
        assert (await steps.state(api, person))["baseImageStatus"] == "DRAFT"
    assert await steps.actions(api) == ["base_image.generated"] * 3


async def test_one_that_cannot_be_refuses_all_and_names_its_place(api: Api) -> None:
    ann, bob = await steps.persona(api, "Ann"), await steps.persona(api, "Bob")
    await steps.drafts(api, bob)
    await api.do(steps.APPROVE, subjectId=bob)
    before = await rows(api)
    assert refused(await api.do(GENERATE, subjectIds=[ann, bob])) == (
        "APPEARANCE_LOCKED",
        "Bob: The appearance is locked since the base image was approved. Unlock it first.",
        ["subjectIds", "1"],
    )
    assert await rows(api) == before


async def test_quota_refuses_all(api: Api) -> None:
    people = [await steps.persona(api, name) for name in ("Ann", "Bob", "Cy")]
    await steps.limit(api, daily_images=5)
    assert refused(await api.do(GENERATE, subjectIds=people, count=2))[0] == "QUOTA_EXCEEDED"
    assert await rows(api) == [0, 0, 0]


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"subjectIds": []}, "INVALID_INPUT", ["subjectIds"]),
        ({"count": 9}, "INVALID_INPUT", ["count"]),
        ({"model": "x"}, "UNKNOWN_MODEL", ["model"]),
        ({"autoApprove": {}}, "INVALID_INPUT", ["autoApprove"]),
    ],
)
async def test_unusable_wish_is_refused(api: Api, given: Any, code: str, field: list[str]) -> None:
    ann = await steps.persona(api, "Ann")
    assert refused(await api.do(GENERATE, **{"subjectIds": [ann], **given}))[::2] == (code, field)
    assert await rows(api) == [0, 0, 0]


async def test_doubled_foreign_and_malformed_ids_are_refused(api: Api) -> None:
    ann = await steps.persona(api, "Ann")
    bob = await api.another("bob")
    theirs = await steps.persona(bob, "Theirs")
    assert refused(await api.do(GENERATE, subjectIds=[ann, ann]))[1] == "Name each subject once."
    assert refused(await api.do(GENERATE, subjectIds=[ann, theirs]))[::2] == (
        "NOT_FOUND",
        ["subjectIds", "1"],
    )
    assert refused(await api.do(GENERATE, subjectIds=["x"]))[::2] == ("INVALID_ID", ["subjectIds", "0"])
    assert await rows(api) == [0, 0, 0]


async def test_same_key_enqueues_once_and_answers_in_the_same_order(api: Api) -> None:
    people = [await steps.persona(api, f"P{number}") for number in range(11)]
    first = await api.do(GENERATE, subjectIds=people, idempotencyKey="k")
    assert await api.do(GENERATE, subjectIds=people, idempotencyKey="k") == first
    assert (await rows(api))[0] == 11


async def test_calls_that_share_subjects_in_other_orders_never_deadlock(api: Api) -> None:
    people = [await steps.persona(api, name) for name in ("Ann", "Bob", "Cy", "Di")]
    payloads = await asyncio.gather(
        *(api.do(GENERATE, subjectIds=people[::direction]) for direction in (1, -1) * 6)
    )
    assert all(payload["userErrors"] == [] for payload in payloads)
    assert (await rows(api))[0] == 48
