"""mutation generateBaseImage"""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from resolvers.prompts import BASE_IMAGE_STYLE
from store.database.tables import Job, Task, Variant
from tests.client import Api, key, refused
from tests.operations import steps

pytestmark = pytest.mark.asyncio

GENERATE = """
mutation ($input: GenerateBaseImageInput!) {
  generateBaseImage(input: $input) {
    job {
      kind title status retryOf { id } subject { id } failedCount costUsd failure { code }
      variants {
        totalCount
        nodes {
          versionNumber status source purpose modelKey model { name } originalPrompt composedPrompt negativePrompt
          parameters conditioning { kind weight source { id } } seed url thumbnailUrl fileName previewMode width
          imageHash failure { code } provenance { madeByAi digitalSourceType }
        }
      }
    }
    userErrors { code message field }
  }
}
"""


async def rows(api: Api) -> tuple[int, int, int]:
    """How many jobs, variants and tasks there are."""
    async with api.shop.db.session() as session:
        jobs, variants, tasks = [
            len((await session.scalars(select(table.id))).all()) for table in (Job, Variant, Task)
        ]
    return jobs, variants, tasks


async def specs(api: Api) -> list[dict[str, Any]]:
    async with api.shop.db.session() as session:
        return list((await session.scalars(select(Task.spec).order_by(Task.id))).all())


async def test_first_request_enqueues_candidates_with_the_defaults(api: Api) -> None:
    mira = await steps.persona(api, baseAppearanceDescription="red hair, green eyes", personality="calm")
    with api.statements() as statements:
        payload = await api.do(GENERATE, subjectId=mira, count=2, seed=7, width=64, height=64)
    prompt = f"red hair, green eyes. Personality: calm. {BASE_IMAGE_STYLE}"
    assert payload["userErrors"] == []
    job = payload["job"]
    first, second = job["variants"].pop("nodes")
    assert job == {
        "kind": "IMAGE",
        "title": "Base image of Mira",
        "status": "QUEUED",
        "retryOf": None,
        "subject": {"id": mira},
        "failedCount": 0,
        "costUsd": "0",
        "failure": None,
        "variants": {"totalCount": 2},
    }
    assert first.pop("fileName") == f"persona_{key(mira)}_local_v1.png"
    assert first == {
        "versionNumber": 1,
        "status": "QUEUED",
        "source": "LOCAL",
        "purpose": "BASE_IMAGE",
        "modelKey": "scripted",
        "model": {"name": "Scripted shapes"},
        "originalPrompt": "red hair, green eyes",
        "composedPrompt": prompt,
        "negativePrompt": None,
        "parameters": {"width": 64, "height": 64, "steps": 50, "guidance": 1.0, "determinism": "FAST"},
        "conditioning": [],
        "seed": 7,
        "url": None,
        "thumbnailUrl": None,
        "previewMode": True,
        "width": None,
        "imageHash": None,
        "failure": None,
        "provenance": {
            "madeByAi": True,
            "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
        },
    }
    assert (second["versionNumber"], second["seed"]) == (2, 8)
    assert [(spec["seed"], spec["steps"], spec["prompt"]) for spec in await specs(api)] == [
        (7, 50, prompt),
        (8, 50, prompt),
    ]
    assert await steps.actions(api) == ["base_image.generated"]
    assert len(statements) == 11  # the hold is two of them


async def test_size_is_the_checkpoints_own_where_that_is_smaller(api: Api) -> None:
    mira = await steps.persona(api)
    await api.do(GENERATE, subjectId=mira)
    [spec] = await specs(api)
    assert (spec["width"], spec["height"], spec["steps"]) == (128, 128, 50)


async def test_seed_is_random_and_returned_when_absent(api: Api) -> None:
    mira = await steps.persona(api)
    seeds = [
        variant["seed"]
        for _ in range(2)
        for variant in (await steps.generated(api, mira, count=2))["variants"]["nodes"]
    ]
    assert seeds[1] == seeds[0] + 1
    assert len(set(seeds)) == 4
    assert all(0 <= seed < 2**53 for seed in seeds)


async def test_largest_seed_begins_anew_at_zero(api: Api) -> None:
    mira = await steps.persona(api)
    job = await steps.generated(api, mira, count=2, seed=str(2**53 - 1))
    assert [variant["seed"] for variant in job["variants"]["nodes"]] == [2**53 - 1, 0]


async def test_finished_candidates_are_drafts_and_the_newest_is_the_base_image(api: Api) -> None:
    mira = await steps.persona(api)
    made = await steps.drafts(api, mira, count=3)
    assert await steps.state(api, mira) == {
        "baseImageStatus": "DRAFT",
        "appearanceLocked": False,
        "baseImage": {"id": made[2], "versionNumber": 3, "status": "DRAFT"},
        "baseImageHistory": {"nodes": [{"versionNumber": n, "status": "DRAFT"} for n in (3, 2, 1)]},
    }


async def test_draft_is_refined_from_the_newest(api: Api) -> None:
    mira = await steps.persona(api)
    [first] = await steps.drafts(api, mira)
    payload = await api.do(GENERATE, subjectId=mira, **steps.QUICK)
    [variant] = payload["job"]["variants"]["nodes"]
    assert variant["conditioning"] == [{"kind": "INIT_IMAGE", "weight": 0.5, "source": {"id": first}}]
    assert variant["provenance"]["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    _, spec = await specs(api)
    [held] = spec["conditioning"]
    async with api.shop.db.session() as session:
        start = await session.get_one(Variant, key(first))
    assert held["source_id"] == str(start.id)
    assert api.shop.vault.exists(held["file"]["sha256"])


async def test_from_scratch_begins_anew_though_a_draft_exists(api: Api) -> None:
    mira = await steps.persona(api)
    await steps.drafts(api, mira)
    payload = await api.do(GENERATE, subjectId=mira, fromScratch=True, **steps.QUICK)
    assert payload["job"]["variants"]["nodes"][0]["conditioning"] == []


async def test_refine_from_takes_an_older_and_a_rejected_version(api: Api) -> None:
    mira = await steps.persona(api)
    first, second = await steps.drafts(api, mira, count=2)
    await api.do(steps.REJECT, subjectId=mira, variantId=first)
    for chosen in (first, second):
        payload = await api.do(GENERATE, subjectId=mira, refineFrom=chosen, **steps.QUICK)
        [variant] = payload["job"]["variants"]["nodes"]
        assert variant["conditioning"][0]["source"] == {"id": chosen}


async def test_without_a_draft_generating_begins_anew_after_a_rejection(api: Api) -> None:
    mira = await steps.persona(api)
    await steps.drafts(api, mira)
    await api.do(steps.REJECT, subjectId=mira)
    payload = await api.do(GENERATE, subjectId=mira, **steps.QUICK)
    assert payload["job"]["variants"]["nodes"][0]["conditioning"] == []


async def test_null_and_empty_negative_prompts_stay_different(api: Api) -> None:
    mira = await steps.persona(api)
    for given in ({}, {"negativePrompt": None}, {"negativePrompt": ""}, {"negativePrompt": "blur"}):
        await api.do(GENERATE, subjectId=mira, **given)
    assert [spec["negative_prompt"] for spec in await specs(api)] == [None, None, "", "blur"]


async def test_versions_of_parallel_requests_never_meet(api: Api) -> None:
    mira = await steps.persona(api)
    jobs = await asyncio.gather(*(steps.generated(api, mira, count=3) for _ in range(5)))
    numbers = [variant["versionNumber"] for job in jobs for variant in job["variants"]["nodes"]]
    assert sorted(numbers) == list(range(1, 16))


async def test_same_key_enqueues_once(api: Api) -> None:
    mira = await steps.persona(api)
    first = await api.do(GENERATE, subjectId=mira, count=2, idempotencyKey="once")
    again = await api.do(GENERATE, subjectId=mira, count=2, idempotencyKey="once")
    assert again == first
    assert await rows(api) == (1, 2, 2)
    other = await api.do(GENERATE, subjectId=mira, count=3, idempotencyKey="once")
    assert refused(other)[0] == "IDEMPOTENCY_MISMATCH"
    assert await rows(api) == (1, 2, 2)


@pytest.mark.parametrize(
    ("given", "code", "field", "words"),
    [
        ({"count": 0}, "INVALID_INPUT", "count", "count must be between 1 and 8; got 0."),
        ({"count": 9}, "INVALID_INPUT", "count", "count must be between 1 and 8; got 9."),
        ({"steps": 0}, "INVALID_INPUT", "steps", "steps must be between 1 and 1000; got 0."),
        ({"steps": 1001}, "INVALID_INPUT", "steps", "steps must be between 1 and 1000; got 1001."),
        ({"width": 63}, "INVALID_INPUT", "width", "width must be between 64 and 2048; got 63."),
        ({"height": 2056}, "INVALID_INPUT", "height", "height must be between 64 and 2048; got 2056."),
        (
            {"width": 100},
            "INVALID_INPUT",
            "width",
            "width must be a multiple of 8 for Scripted shapes; got 100.",
        ),
        ({"guidance": -1}, "INVALID_INPUT", "guidance", "guidance must be between 0 and 50; got -1.0."),
        ({"seed": -1}, "INVALID_INPUT", "seed", "seed must be between 0 and 9007199254740991; got -1."),
        (
            {"negativePrompt": "n" * 4001},
            "TOO_LONG",
            "negativePrompt",
            "negativePrompt has 4,001 characters; at most 4,000 are allowed.",
        ),
        (
            {"model": "sdxl"},
            "UNKNOWN_MODEL",
            "model",
            "There is no model 'sdxl'. `models` lists them all.",
        ),
        ({"refineFrom": "no id"}, "INVALID_ID", "refineFrom", "This is not an id of this server."),
    ],
)
async def test_unusable_wish_is_refused_before_enqueue(
    api: Api, given: dict[str, Any], code: str, field: str, words: str
) -> None:
    mira = await steps.persona(api)
    payload = await api.do(GENERATE, subjectId=mira, **given)
    assert payload["job"] is None
    assert refused(payload) == (code, words, [field])
    assert await rows(api) == (0, 0, 0)


async def test_refine_from_and_from_scratch_contradict(api: Api) -> None:
    mira = await steps.persona(api)
    [draft] = await steps.drafts(api, mira)
    payload = await api.do(GENERATE, subjectId=mira, refineFrom=draft, fromScratch=True)
    assert refused(payload) == (
        "INVALID_INPUT",
        "Give `refineFrom` or `fromScratch: true`, not both.",
        ["refineFrom"],
    )


async def test_refining_an_unfinished_version_is_refused(api: Api) -> None:
    mira = await steps.persona(api)
    job = await steps.generated(api, mira)
    [waiting] = job["variants"]["nodes"]
    payload = await api.do(GENERATE, subjectId=mira, refineFrom=waiting["id"])
    assert refused(payload) == (
        "INVALID_STATE",
        "Version 1 has no picture to refine; it is QUEUED.",
        ["refineFrom"],
    )


async def test_other_subjects_versions_are_not_found(api: Api) -> None:
    mira, tom = await steps.persona(api), await steps.persona(api, "Tom")
    [draft] = await steps.drafts(api, tom)
    payload = await api.do(GENERATE, subjectId=mira, refineFrom=draft)
    assert refused(payload) == ("NOT_FOUND", "There is no variant with this id.", ["refineFrom"])


async def test_foreign_malformed_and_wrong_subject_ids_are_told_apart(api: Api) -> None:
    mira = await steps.persona(api)
    bob = await api.another("bob")
    assert refused(await bob.do(GENERATE, subjectId=mira))[::2] == ("NOT_FOUND", ["subjectId"])
    assert refused(await api.do(GENERATE, subjectId="nonsense"))[::2] == ("INVALID_ID", ["subjectId"])
    job = await steps.generated(api, mira)
    assert refused(await api.do(GENERATE, subjectId=job["id"]))[::2] == ("NOT_FOUND", ["subjectId"])
    assert (await rows(api))[0] == 1


async def test_locked_appearance_refuses_another_image(api: Api) -> None:
    mira = await steps.persona(api)
    await steps.drafts(api, mira)
    await api.do(steps.APPROVE, subjectId=mira)
    payload = await api.do(GENERATE, subjectId=mira)
    assert refused(payload) == (
        "APPEARANCE_LOCKED",
        "The appearance is locked since the base image was approved. Unlock it first.",
        ["subjectId"],
    )
    assert (await rows(api))[0] == 1


async def test_prompt_longer_than_the_model_takes_is_refused(api: Api) -> None:
    mira = await steps.persona(api, baseAppearanceDescription="d" * 4000)
    payload = await api.do(GENERATE, subjectId=mira)
    code, words, field = refused(payload)
    length = 4000 + 2 + len(BASE_IMAGE_STYLE)
    assert (code, field) == ("TOO_LONG", ["subjectId"])
    assert words.startswith(f"The prompt has {length:,} characters; Scripted shapes takes at most 4,000.")
    assert await rows(api) == (0, 0, 0)
