"""mutation generateImages: smart prompts, and going on from a finished job"""

from pathlib import Path

import pytest

from store.database.sessions import Database
from tests.client import Api, refused
from tests.operations import steps
from tests.operations.test_generate_images import GENERATE, approved, finished, made, rows, specs
from tests.operations.writers import WRITER, writing

pytestmark = pytest.mark.asyncio


async def test_smart_prompt_without_a_text_model_is_the_templates(api: Api) -> None:
    job = await made(api, prompt="a fox, reading.", smartPrompt=True, useCase="poster")
    [variant] = job["variants"]["nodes"]
    smart = "a fox, reading, one strong focal point, few colours, bold silhouette, room for a headline."
    assert (variant["enhancedPrompt"], variant["enhancedBy"]) == (smart, "template")
    assert variant["originalPrompt"] == "a fox, reading."
    assert variant["composedPrompt"] == smart


STATE = """
query ($id: ID!) {
  node(id: $id) {
    ... on Job {
      status failedCount text failure { code }
      variants { nodes { status enhancedPrompt enhancedBy composedPrompt } }
    }
  }
}
"""


@pytest.mark.parametrize("behave", ["", "content_filter"])
async def test_text_model_rewrites_before_the_pictures_and_its_failure_spoils_nothing(
    db: Database, tmp_path: Path, behave: str
) -> None:
    async with writing(db, tmp_path) as (api, peer):
        mira, _ = await approved(api, baseAppearanceDescription="red hair")
        peer.text, peer.behave = '"Mira reads among tall shelves."', [behave]
        job = await made(api, subjectId=mira, prompt="in a library", smartPrompt=True, count=2)
        assert [each["enhancedBy"] for each in job["variants"]["nodes"]] == ["template"] * 2
        async with api.working():
            await api.ended(job["id"])
        found = (await api.run(STATE, id=job["id"])).data["node"]
    variants = found["variants"]["nodes"]
    assert (found["status"], found["failedCount"], found["failure"]) == ("SUCCEEDED", 0, None)
    assert [each["status"] for each in variants] == ["DRAFT"] * 2
    if behave:
        assert {each["enhancedBy"] for each in variants} == {"template"}
    else:
        assert variants[0]["enhancedPrompt"] == "Mira reads among tall shelves."
        assert variants[0]["enhancedBy"] == WRITER
        assert variants[0]["composedPrompt"] == "red hair. Mira reads among tall shelves."
        assert {spec["prompt"] for spec in await specs(api)} >= {"red hair. Mira reads among tall shelves."}
    assert len(peer.bills) == 1


async def test_canceled_smart_prompt_cancels_the_waiting_pictures(db: Database, tmp_path: Path) -> None:
    async with writing(db, tmp_path) as (api, peer):
        job = await made(api, smartPrompt=True, count=2)
        await api.do(
            "mutation ($input: CancelJobInput!) { cancelJob(input: $input) { userErrors { message } } }",
            jobId=job["id"],
        )
        found = (await api.run(STATE, id=job["id"])).data["node"]
        usage = (await api.run("{ viewer { usage { imagesToday heldUsd } } }")).data["viewer"]["usage"]
    assert found["status"] == "CANCELED"
    assert [each["status"] for each in found["variants"]["nodes"]] == ["CANCELED"] * 2
    assert usage == {"imagesToday": 0, "heldUsd": "0"}
    assert peer.seen == []


async def test_going_on_keeps_what_was_asked_and_counts_on(api: Api) -> None:
    first = await finished(api, title="Lights", project="sea", count=2, seed=5, presetKey="poster")
    second = await finished(api, prompt=None, jobId=first["id"], count=1)
    third = await made(api, prompt="a harbour", jobId=second["id"], width=128)
    assert (second["title"], second["project"], second["presetKey"]) == ("Lights", "sea", "poster")
    assert second["continues"] == {"id": first["id"]}
    [variant] = second["variants"]["nodes"]
    assert (variant["versionNumber"], variant["originalPrompt"]) == (3, "a lighthouse at dawn")
    assert variant["seed"] not in (5, 6)
    [variant] = third["variants"]["nodes"]
    assert (variant["versionNumber"], variant["originalPrompt"]) == (4, "a harbour")
    assert (variant["parameters"]["width"], variant["parameters"]["height"]) == (128, 64)
    assert third["series"] == {"totalCount": 4, "nodes": [{"versionNumber": n} for n in (1, 2, 3, 4)]}


async def test_going_on_from_what_is_not_finished_or_a_base_image_is_refused(api: Api) -> None:
    waiting = await made(api)
    assert refused(await api.do(GENERATE, prompt="x", jobId=waiting["id"])) == (
        "INVALID_STATE",
        "The job is QUEUED; only a finished job can be gone on from.",
        ["jobId"],
    )
    mira = await steps.persona(api)
    base = await steps.generated(api, mira)
    async with api.working():
        await api.ended(base["id"])
    assert refused(await api.do(GENERATE, prompt="x", jobId=base["id"])) == (
        "NOT_SUPPORTED",
        "This job made a base image; refine that with `generateBaseImage`.",
        ["jobId"],
    )
    assert (await rows(api))[0] == 2
