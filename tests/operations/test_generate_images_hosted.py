"""mutation generateImages with hosted models: what is held, billed, and asked in place of a failing one."""

from pathlib import Path
from typing import Any

import pytest

from store.database.sessions import Database
from tests.client import Api, refused
from tests.operations import steps
from tests.operations.test_generate_images import approved
from tests.operations.writers import hosting
from tests.peers.openai import KEY

pytestmark = pytest.mark.asyncio
FLARE, SUNBURST = "gpt-image-2.6-flare", "gpt-image-2.6-sunburst"
SLOW_DOWN = b'{"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}}'
GENERATE = """
mutation ($input: GenerateImagesInput!) {
  generateImages(input: $input) { job { id } userErrors { code message field } }
}
"""
STATE = """
query ($id: ID!) {
  node(id: $id) {
    ... on Job {
      status costUsd
      variants {
        nodes { status source modelKey fallbackFrom costUsd conditioning { kind source { id } } failure { code } }
      }
    }
  }
}
"""
USAGE = "{ viewer { usage { imagesToday spentThisMonthUsd heldUsd } } }"
ESTIMATE = "query ($input: GenerateImagesInput!) { estimateCost(input: $input) { costUsd budgetLeftUsd } }"


async def usage(api: Api) -> Any:
    return (await api.run(USAGE)).data["viewer"]["usage"]


async def made(api: Api, **given: Any) -> Any:
    payload = await api.do(GENERATE, **{"prompt": "a fox", "models": [FLARE], **given})
    assert payload["userErrors"] == []
    async with api.working():
        await api.ended(payload["job"]["id"])
    return (await api.run(STATE, id=payload["job"]["id"])).data["node"]


async def test_estimate_is_held_and_the_bill_is_captured(db: Database, tmp_path: Path) -> None:
    async with hosting(db, tmp_path, openai_api_key=KEY) as (api, peer, _):
        given = {"prompt": "a fox", "models": [FLARE], "count": 2}
        estimate = (await api.run(ESTIMATE, input=given)).data["estimateCost"]["costUsd"]
        payload = await api.do(GENERATE, **given)
        assert (await usage(api))["heldUsd"] == estimate != "0"
        async with api.working():
            await api.ended(payload["job"]["id"])
        found = (await api.run(STATE, id=payload["job"]["id"])).data["node"]
        assert [each["source"] for each in found["variants"]["nodes"]] == ["CLOUD", "CLOUD"]
        assert await usage(api) == {
            "imagesToday": 2,
            "spentThisMonthUsd": found["costUsd"],
            "heldUsd": "0",
        }
        assert found["costUsd"] not in ("0", estimate)
        assert len(peer.bills) == 2


async def test_budget_for_one_refuses_two_before_any_call(db: Database, tmp_path: Path) -> None:
    async with hosting(db, tmp_path, openai_api_key=KEY) as (api, peer, _):
        one = (await api.run(ESTIMATE, input={"prompt": "a fox", "models": [FLARE]})).data["estimateCost"]
        await steps.limit(api, monthly_budget_usd=one["costUsd"])
        code, words, _ = refused(await api.do(GENERATE, prompt="a fox", models=[FLARE], count=2))
        assert code == "BUDGET_EXCEEDED"
        assert f"${one['costUsd']} of your monthly budget of ${one['costUsd']} is left." in words
        assert peer.seen == []
        assert (await usage(api))["heldUsd"] == "0"


async def test_another_hosted_model_takes_over_and_says_for_whom(db: Database, tmp_path: Path) -> None:
    async with hosting(db, tmp_path, openai_api_key=KEY) as (api, peer, faults):
        faults.add("answer", path="generations", status=429, body=SLOW_DOWN)
        found = await made(api, fallbackModels=[SUNBURST])
        [variant] = found["variants"]["nodes"]
        assert (variant["status"], variant["modelKey"], variant["fallbackFrom"]) == ("DRAFT", SUNBURST, FLARE)
        assert [each["model"] for each in peer.bills] == [SUNBURST]
        assert (await usage(api))["imagesToday"] == 1


async def test_local_and_hosted_models_do_not_stand_in_for_one_another(db: Database, tmp_path: Path) -> None:
    async with hosting(db, tmp_path, openai_api_key=KEY) as (api, _, _):
        for model, other in ((FLARE, "scripted"), ("scripted", FLARE)):
            payload = await api.do(GENERATE, prompt="x", models=[model], fallbackModels=[other])
            assert refused(payload)[::2] == ("NOT_SUPPORTED", ["fallbackModels"])


async def test_subject_is_held_by_the_approved_picture_as_a_reference(db: Database, tmp_path: Path) -> None:
    async with hosting(db, tmp_path, openai_api_key=KEY) as (api, peer, _):
        mira, base = await approved(api)
        found = await made(api, subjectId=mira, prompt="in a library")
        [variant] = found["variants"]["nodes"]
        assert variant["conditioning"] == [
            {"kind": "PROMPT", "source": None},
            {"kind": "REFERENCE_IMAGE", "source": {"id": base}},
        ]
        [bill] = peer.bills
        assert (bill["images"], bill["prompt"]) == (1, "a baker. in a library.")


async def test_what_the_provider_refuses_is_given_back(db: Database, tmp_path: Path) -> None:
    async with hosting(db, tmp_path, openai_api_key=KEY) as (api, peer, _):
        peer.behave.append("blocked")
        found = await made(api)
        [variant] = found["variants"]["nodes"]
        assert (found["status"], variant["failure"]) == ("FAILED", {"code": "REJECTED_CONTENT"})
        assert await usage(api) == {"imagesToday": 0, "spentThisMonthUsd": "0", "heldUsd": "0"}


async def test_size_that_the_model_does_not_make_is_refused_before_any_call(
    db: Database, tmp_path: Path
) -> None:
    async with hosting(db, tmp_path, openai_api_key=KEY) as (api, peer, _):
        payload = await api.do(GENERATE, prompt="x", models=[FLARE], width=3072, height=512)
        assert refused(payload)[::2] == ("NOT_SUPPORTED", ["models"])
        assert peer.seen == []
