"""mutation generateImages"""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from generators.catalog import Availability, Capability, Model, Provider, Size
from store.database.sessions import Database
from store.database.tables import Job, Subject, Task, Variant
from tests import client
from tests.client import Api, key, refused
from tests.operations import steps
from tests.operations.catalogs import Catalog
from tests.peers.pictures import picture

pytestmark = pytest.mark.asyncio

GENERATE = """
mutation ($input: GenerateImagesInput!) {
  generateImages(input: $input) {
    job {
      id kind title project useCase presetKey preset { key isSystem } status subject { id } continues { id }
      variants {
        nodes {
          versionNumber purpose status modelKey originalPrompt enhancedPrompt enhancedBy composedPrompt
          negativePrompt parameters seed conditioning { kind weight source { id } }
        }
      }
      series { totalCount nodes { versionNumber } }
    }
    userErrors { code message field }
  }
}
"""
QUICK = {"width": 64, "height": 64, "steps": 2}


async def specs(api: Api) -> list[dict[str, Any]]:
    async with api.shop.db.session() as session:
        return list(
            (await session.scalars(select(Task.spec).where(Task.kind == "IMAGE").order_by(Task.id))).all()
        )


async def rows(api: Api) -> tuple[int, int, int]:
    async with api.shop.db.session() as session:
        jobs, variants, tasks = [
            len((await session.scalars(select(table.id))).all()) for table in (Job, Variant, Task)
        ]
    return jobs, variants, tasks


async def made(api: Api, **given: Any) -> Any:
    payload = await api.do(GENERATE, **{"prompt": "a lighthouse at dawn", **QUICK, **given})
    assert payload["userErrors"] == []
    return payload["job"]


async def finished(api: Api, **given: Any) -> Any:
    job = await made(api, **given)
    async with api.working():
        await api.ended(job["id"])
    return job


async def approved(api: Api, **persona: Any) -> tuple[str, str]:
    """A persona and her approved base image."""
    mira = await steps.persona(api, **persona)
    [draft] = await steps.drafts(api, mira)
    await api.do(steps.APPROVE, subjectId=mira)
    return mira, draft


async def test_prompt_alone_makes_scenes_with_the_models_own_settings(api: Api) -> None:
    with api.statements() as statements:
        payload = await api.do(
            GENERATE, prompt="a lighthouse at dawn", scene="storm", count=2, seed=5, project="sea"
        )
    job = payload["job"]
    first, second = job["variants"].pop("nodes")
    assert (job["kind"], job["title"], job["project"], job["status"]) == (
        "IMAGE",
        "a lighthouse at dawn",
        "sea",
        "QUEUED",
    )
    assert first == {
        "versionNumber": 1,
        "purpose": "SCENE",
        "status": "QUEUED",
        "modelKey": "scripted",
        "originalPrompt": "a lighthouse at dawn. storm.",
        "enhancedPrompt": None,
        "enhancedBy": None,
        "composedPrompt": "a lighthouse at dawn. storm.",
        "negativePrompt": None,
        "parameters": {"width": 128, "height": 128, "steps": 8, "guidance": 1.0, "determinism": "FAST"},
        "seed": 5,
        "conditioning": [],
    }
    assert (second["versionNumber"], second["seed"]) == (2, 6)
    assert await steps.actions(api) == ["images.generated"]
    assert len(statements) == 9


async def test_approved_base_image_holds_the_subject(api: Api) -> None:
    mira, draft = await approved(api, baseAppearanceDescription="red hair, green eyes")
    job = await made(api, subjectId=mira, prompt="reading in a library")
    [variant] = job["variants"]["nodes"]
    assert variant["composedPrompt"] == "red hair, green eyes. reading in a library."
    assert variant["conditioning"] == [
        {"kind": "PROMPT", "weight": 1.0, "source": None},
        {"kind": "INIT_IMAGE", "weight": 0.3, "source": {"id": draft}},
    ]
    async with api.working():
        await api.ended(job["id"])
    _, spec = await specs(api)
    assert api.shop.vault.exists(spec["conditioning"][1]["file"]["sha256"])


async def test_unapproved_look_is_held_by_words_alone(api: Api) -> None:
    mira = await steps.persona(api)
    await steps.drafts(api, mira)
    job = await made(api, subjectId=mira)
    [variant] = job["variants"]["nodes"]
    assert [each["kind"] for each in variant["conditioning"]] == ["PROMPT"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"weight": 0.6}, ["PROMPT", "INIT_IMAGE 0.6"]),
        ([{"weight": 0.6}], ["PROMPT", "INIT_IMAGE 0.6"]),
        ([], ["PROMPT", "INIT_IMAGE 0.3"]),
        ({"weight": 0}, ["PROMPT", "INIT_IMAGE 0.0"]),
        ({"kind": "INIT_IMAGE"}, ["PROMPT", "INIT_IMAGE 0.3"]),
    ],
)
async def test_caller_chooses_how_the_subject_is_held(api: Api, given: Any, expected: list[str]) -> None:
    mira, _ = await approved(api)
    job = await made(api, subjectId=mira, conditioning=given)
    [variant] = job["variants"]["nodes"]
    held = [
        each["kind"] if each["kind"] == "PROMPT" else f"{each['kind']} {each['weight']}"
        for each in variant["conditioning"]
    ]
    assert held == expected


REFERENCES = Model(
    key="looks",
    name="Looks",
    provider=Provider.OPENAI,
    capabilities=frozenset({Capability.TEXT_TO_IMAGE, Capability.REFERENCE_IMAGES}),
    sizes=(Size(width=1024, height=1024), Size(width=1024, height=1536)),
    qualities=("low", "medium", "high"),
    price=None,
)
ADAPTED = Model(
    key="adapted",
    name="Adapted",
    provider=Provider.LOCAL,
    capabilities=frozenset({Capability.TEXT_TO_IMAGE, Capability.REFERENCE_IMAGES, Capability.SEED}),
    reference_adapter=True,
    sizes=(Size(width=64, height=64),),
    free_size=True,
    default_steps=30,
)
READY = Availability(available=True)


async def test_several_models_work_side_by_side_from_the_same_seeds(db: Database, tmp_path: Path) -> None:
    both = Catalog({REFERENCES: READY, ADAPTED: READY})
    async with client.serving(db, tmp_path, both) as api:
        job = await made(
            api, models=["looks", "adapted"], count=2, seed=7, width=None, height=None, steps=None
        )
        alone = await api.do(GENERATE, prompt="x", models=["looks"], seed=7)
        assert refused(alone)[::2] == ("NOT_SUPPORTED", ["seed"])
    found = [(each["versionNumber"], each["modelKey"], each["seed"]) for each in job["variants"]["nodes"]]
    assert found == [(1, "looks", None), (2, "looks", None), (3, "adapted", 7), (4, "adapted", 8)]


async def test_references_go_to_a_model_as_it_takes_them(db: Database, tmp_path: Path) -> None:
    both = Catalog({REFERENCES: READY, ADAPTED: READY})
    async with client.serving(db, tmp_path, both) as api:
        uploads = [await api.upload(f"{side}.png", picture(side, side)) for side in (16, 24)]
        job = await made(
            api, models=["looks", "adapted"], referenceUploadIds=uploads, width=None, height=None, steps=None
        )
        held = [
            [(each["kind"], each["weight"]) for each in variant["conditioning"]]
            for variant in job["variants"]["nodes"]
        ]
        sources = [[each["source_id"] for each in spec["conditioning"]] for spec in await specs(api)]
    assert held == [[("REFERENCE_IMAGE", 1.0)] * 2, [("IP_ADAPTER", 0.7)] * 2]
    assert sources == [[str(key(upload)) for upload in uploads]] * 2


async def test_one_reference_is_where_a_model_without_references_begins(api: Api) -> None:
    uploads = [await api.upload(f"{side}.png", picture(side, side)) for side in (16, 24)]
    job = await made(api, referenceUploadIds=uploads[:1])
    [variant] = job["variants"]["nodes"]
    assert variant["conditioning"] == [{"kind": "INIT_IMAGE", "weight": 0.3, "source": None}]
    assert refused(await api.do(GENERATE, prompt="x", referenceUploadIds=uploads)) == (
        "NOT_SUPPORTED",
        "Scripted shapes takes no reference pictures besides the one it begins with.",
        ["referenceUploadIds"],
    )


async def test_preset_fills_what_is_open_and_gives_way_to_the_caller(api: Api) -> None:
    await api.do(
        "mutation ($input: SavePresetInput!) { savePreset(input: $input) { userErrors { message } } }",
        key="mine",
        name="Mine",
        model="scripted",
        width=128,
        height=64,
        steps=6,
        guidance=3.0,
        negativePrompt="blur",
        style="Ink drawing",
        batchCount=3,
        useCase="cards",
    )
    payload = await api.do(GENERATE, prompt="a fox", presetKey="mine", steps=4)
    job = payload["job"]
    assert (job["presetKey"], job["preset"], job["useCase"]) == (
        "mine",
        {"key": "mine", "isSystem": False},
        "cards",
    )
    variants = job["variants"]["nodes"]
    assert len(variants) == 3
    assert variants[0]["composedPrompt"] == "a fox. Ink drawing."
    assert variants[0]["negativePrompt"] == "blur"
    assert variants[0]["parameters"] == {
        "width": 128,
        "height": 64,
        "steps": 4,
        "guidance": 3.0,
        "determinism": "FAST",
    }


async def test_built_in_preset_is_fitted_to_the_model(api: Api) -> None:
    payload = await api.do(GENERATE, prompt="a fox", presetKey="thumbnail", count=1)
    [variant] = payload["job"]["variants"]["nodes"]
    assert (variant["parameters"]["width"], variant["parameters"]["height"]) == (128, 72)


async def test_same_key_enqueues_once(api: Api) -> None:
    first = await made(api, idempotencyKey="once", models=["scripted"])
    again = await made(api, idempotencyKey="once", models=["scripted"])
    assert again == first
    assert await rows(api) == (1, 1, 1)
    assert refused(await api.do(GENERATE, prompt="other", idempotencyKey="once"))[0] == "IDEMPOTENCY_MISMATCH"


@pytest.mark.parametrize(
    ("given", "code", "field", "words"),
    [
        (
            {"prompt": " "},
            "INVALID_INPUT",
            ["prompt"],
            "Give `prompt` or `scene`: what shall the pictures show?",
        ),
        ({"count": 9}, "INVALID_INPUT", ["count"], "count must be between 1 and 8; got 9."),
        ({"models": []}, "INVALID_INPUT", ["models"], "models must be between 1 and 8; got 0."),
        ({"models": ["scripted"] * 2}, "INVALID_INPUT", ["models"], "Name each model once."),
        ({"models": ["x"]}, "UNKNOWN_MODEL", ["models"], "There is no model 'x'. `models` lists them all."),
        (
            {"presetKey": "x"},
            "UNKNOWN_PRESET",
            ["presetKey"],
            "There is no preset 'x'. `presets` lists them all.",
        ),
        ({"steps": 0}, "INVALID_INPUT", ["steps"], "steps must be between 1 and 1000; got 0."),
        ({"seed": -1}, "INVALID_INPUT", ["seed"], "seed must be between 0 and 9007199254740991; got -1."),
        (
            {"conditioning": {"kind": "PROMPT"}},
            "INVALID_INPUT",
            ["conditioning"],
            "There is nobody to hold: give `subjectId` with `conditioning`.",
        ),
        (
            {"autoApprove": {}},
            "INVALID_INPUT",
            ["autoApprove"],
            "Give `minQuality` or `minLikeness`: without either nothing could be measured.",
        ),
        (
            {"autoApprove": {"minQuality": 1.5}},
            "INVALID_INPUT",
            ["autoApprove", "minQuality"],
            "minQuality must be between 0 and 1; got 1.5.",
        ),
        (
            {"prompt": "p" * 4001},
            "TOO_LONG",
            ["prompt"],
            "prompt has 4,001 characters; at most 4,000 are allowed.",
        ),
        ({"subjectId": "nonsense"}, "INVALID_ID", ["subjectId"], "This is not an id of this server."),
    ],
)
async def test_unusable_wish_is_refused_before_enqueue(
    api: Api, given: dict[str, Any], code: str, field: list[str], words: str
) -> None:
    payload = await api.do(GENERATE, **{"prompt": "a fox", **given})
    assert payload["job"] is None
    assert refused(payload) == (code, words, field)
    assert await rows(api) == (0, 0, 0)


async def test_subject_held_by_what_there_is_not_is_refused(api: Api) -> None:
    mira = await steps.persona(api)
    payload = await api.do(GENERATE, prompt="x", subjectId=mira, conditioning={"kind": "INIT_IMAGE"})
    assert refused(payload) == (
        "NO_BASE_IMAGE",
        "There is no approved base image to hold the subject by. Approve one, or name a `variantId`.",
        ["conditioning"],
    )
    tom, _ = await approved(api, name="Tom")
    payload = await api.do(GENERATE, prompt="x", subjectId=tom, conditioning={"kind": "IP_ADAPTER"})
    assert refused(payload) == (
        "NOT_SUPPORTED",
        "Scripted shapes cannot hold this subject by IP_ADAPTER. It can by: PROMPT, INIT_IMAGE.",
        ["conditioning", "kind"],
    )
    payload = await api.do(GENERATE, prompt="x", subjectId=tom, sceneOnly=True)
    assert refused(payload)[::2] == ("INVALID_INPUT", ["sceneOnly"])


async def test_foreign_subjects_and_uploads_are_not_found(api: Api) -> None:
    mira = await steps.persona(api)
    upload = await api.upload("a.png", picture(16, 16))
    bob = await api.another("bob")
    assert refused(await bob.do(GENERATE, prompt="x", subjectId=mira))[::2] == ("NOT_FOUND", ["subjectId"])
    assert refused(await bob.do(GENERATE, prompt="x", referenceUploadIds=[upload]))[::2] == (
        "NOT_FOUND",
        ["referenceUploadIds"],
    )
    assert await rows(api) == (0, 0, 0)


async def test_scene_only_says_that_nobody_is_there(api: Api) -> None:
    job = await made(api, sceneOnly=True)
    [variant] = job["variants"]["nodes"]
    assert variant["composedPrompt"] == "a lighthouse at dawn. Nobody is in the picture."


async def test_new_character_is_made_with_the_pictures_or_not_at_all(api: Api) -> None:
    newcomer = {"name": "Tarn", "appearance": "a grey ranger", "artStyle": "ink", "referenceSeed": 11}
    refusal = await api.do(GENERATE, prompt="by a fire", newCharacter=newcomer, models=["nope"])
    assert refused(refusal)[0] == "UNKNOWN_MODEL"
    async with api.shop.db.session() as session:
        assert (await session.scalars(select(Subject.id))).all() == []
    job = await made(api, prompt="by a fire", newCharacter=newcomer, count=2)
    [first, second] = job["variants"]["nodes"]
    assert first["composedPrompt"] == "a grey ranger. ink. by a fire."
    assert (first["seed"], second["seed"]) == (11, 12)
    assert [each["kind"] for each in first["conditioning"]] == ["PROMPT", "SEED"]
    assert job["subject"] is not None
    both = await api.do(GENERATE, prompt="x", newCharacter=newcomer, subjectId=job["subject"]["id"])
    assert refused(both)[::2] == ("INVALID_INPUT", ["newCharacter"])
    nameless = await api.do(GENERATE, prompt="x", newCharacter={"appearance": "tall"})
    assert refused(nameless)[::2] == ("INVALID_INPUT", ["newCharacter", "name"])
