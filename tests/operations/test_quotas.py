"""User.usage, and what happens at its limits; query estimateCost"""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from store.database.sessions import Database
from store.database.tables import Job, LedgerEntry, Task, Usage, Variant
from tests.client import Api, refused
from tests.operations import steps
from tests.operations.test_generate_images import GENERATE, QUICK, finished
from tests.operations.test_generate_images_hosted import FLARE
from tests.operations.writers import hosting
from tests.peers.openai import KEY

pytestmark = pytest.mark.asyncio
USAGE = """
{
  viewer {
    usage {
      imagesToday dailyImageLimit imagesThisMonth monthlyImageLimit spentThisMonthUsd heldUsd monthlyBudgetUsd
    }
  }
}
"""
ESTIMATE = """
query ($input: GenerateImagesInput!) {
  estimateCost(input: $input) { costUsd secondsLow secondsHigh imagesLeftToday budgetLeftUsd }
}
"""
CANCEL = "mutation ($input: CancelJobInput!) { cancelJob(input: $input) { userErrors { message } } }"


async def usage(api: Api) -> Any:
    return (await api.run(USAGE)).data["viewer"]["usage"]


async def rows(api: Api, *tables: Any) -> list[int]:
    async with api.shop.db.session() as session:
        return [await session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


async def test_local_owner_has_no_limits_and_is_counted(api: Api) -> None:
    await finished(api, count=2)
    assert await usage(api) == {
        "imagesToday": 2,
        "dailyImageLimit": None,
        "imagesThisMonth": 2,
        "monthlyImageLimit": None,
        "spentThisMonthUsd": "0",
        "heldUsd": "0",
        "monthlyBudgetUsd": None,
    }


async def test_limit_refuses_the_whole_call_and_says_what_is_left_and_until_when(api: Api) -> None:
    await steps.limit(api, daily_images=3, monthly_images=30)
    assert (await api.do(GENERATE, prompt="x", count=2, **QUICK))["userErrors"] == []
    payload = await api.do(GENERATE, prompt="x", count=2, **QUICK)
    code, words, field = refused(payload)
    assert (code, field) == ("QUOTA_EXCEEDED", None)
    assert words.startswith("2 pictures were asked for; 1 of your daily 3 left. The limit renews on ")
    assert words.endswith(" 00:00 UTC.")
    assert await rows(api, Job, Variant, Task, LedgerEntry) == [1, 2, 2, 2]
    assert (await usage(api))["imagesToday"] == 2


async def test_base_images_and_retries_count_too(api: Api) -> None:
    await steps.limit(api, monthly_images=2)
    mira = await steps.persona(api)
    job = await steps.generated(api, mira, count=2)
    assert refused(await api.do(steps.GENERATE, subjectId=mira))[0] == "QUOTA_EXCEEDED"
    await api.do(CANCEL, jobId=job["id"])
    assert (await usage(api))["imagesThisMonth"] == 0
    retry = "mutation ($input: RetryJobInput!) { retryJob(input: $input) { job { id } userErrors { code message field } } }"
    assert (await api.do(retry, jobId=job["id"]))["userErrors"] == []
    assert (await usage(api))["imagesThisMonth"] == 2


async def test_failed_picture_is_given_back(api: Api) -> None:
    await steps.limit(api, daily_images=1)
    await finished(api, prompt="x [fail=BAD_REQUEST]")
    assert (await usage(api))["imagesToday"] == 0
    await finished(api)
    assert (await usage(api))["imagesToday"] == 1


async def test_paid_picture_is_billed_as_the_provider_did(api: Api) -> None:
    await finished(api, prompt="x [price=0.04]")
    found = await usage(api)
    assert (found["spentThisMonthUsd"], found["heldUsd"], found["imagesToday"]) == ("0.04", "0", 1)


async def test_200_parallel_calls_against_a_budget_for_37_accept_exactly_37(
    db: Database, tmp_path: Path
) -> None:
    async with hosting(db, tmp_path, openai_api_key=KEY) as (api, peer, _):
        given = {"prompt": "a fox", "models": [FLARE]}
        price = Decimal((await api.run(ESTIMATE, input=given)).data["estimateCost"]["costUsd"])
        await steps.limit(api, monthly_budget_usd=37 * price)

        answers = await asyncio.gather(*(api.do(GENERATE, **given) for _ in range(200)))

        refusals = [refused(each)[0] for each in answers if each["userErrors"]]
        assert refusals == ["BUDGET_EXCEEDED"] * 163
        assert await rows(api, Job, Variant, Task, LedgerEntry) == [37] * 4
        async with db.session() as session:
            [kept] = (await session.scalars(select(Usage))).all()
        assert (kept.held_usd, kept.spent_usd, kept.held_images) == (37 * price, Decimal(0), 37)
        assert peer.seen == []


async def test_usage_is_its_owners_alone(api: Api) -> None:
    await finished(api)
    bob = await api.another("bob")
    assert (await usage(bob))["imagesToday"] == 0


async def test_estimate_says_what_would_be_held_and_what_is_left(api: Api) -> None:
    await steps.limit(api, daily_images=5, monthly_budget_usd=Decimal("1.5"))
    given = {"prompt": "x", "count": 2, **QUICK}
    with api.statements() as statements:
        first = (await api.run(ESTIMATE, input=given)).data["estimateCost"]
    assert first == {
        "costUsd": "0",
        "secondsLow": None,
        "secondsHigh": None,
        "imagesLeftToday": 5,
        "budgetLeftUsd": "1.5",
    }
    assert len(statements) == 1
    assert await rows(api, Job, Usage) == [0, 0]
    await finished(api, **given)
    again = (await api.run(ESTIMATE, input=given)).data["estimateCost"]
    assert again["imagesLeftToday"] == 3
    assert 0 < again["secondsLow"] < again["secondsHigh"] <= 2 * again["secondsLow"] + 0.001


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"prompt": " "}, "INVALID_INPUT"),
        ({"prompt": "x", "models": ["nope"]}, "UNKNOWN_MODEL"),
        ({"prompt": "x", "subjectId": "nonsense"}, "INVALID_ID"),
        ({"prompt": "x" * 5000}, "TOO_LONG"),
    ],
)
async def test_estimate_of_what_would_be_refused_is_an_error(api: Api, given: Any, code: str) -> None:
    assert (await api.run(ESTIMATE, input=given)).code == code
