"""trainAdapter, activateAdapter, deleteAdapter, Subject.adapters, JobProgress.samples"""

import asyncio
import io
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image
from sqlalchemy import func, select

from generators.catalog import Capability, Model, Provider, Recipe, Size
from generators.diffusion.generator import DiffusionGenerator
from generators.spec import FileRef
from store.database.ids import new_id
from store.database.sessions import Database
from store.database.tables import Adapter, Job, Persona, Task, Variant, VariantStatus
from store.files.vault import Vault
from tests.client import Api, key, refused, serving
from tests.executor import workshop
from tests.generators.diffusion import tiny
from tests.operations import steps
from tests.operations.catalogs import HOSTED, READY, Catalog

pytestmark = pytest.mark.asyncio

TRAIN = """
mutation ($input: TrainAdapterInput!) {
  trainAdapter(input: $input) {
    job { id kind title status subject { id } }
    userErrors { code message field }
  }
}
"""
ACTIVATE = """
mutation ($input: ActivateAdapterInput!) {
  activateAdapter(input: $input) {
    subject { id activeAdapter { id } adapters { id active } }
    userErrors { code message field }
  }
}
"""
DELETE = """
mutation ($input: DeleteAdapterInput!) {
  deleteAdapter(input: $input) { adapter { id trigger } userErrors { code message field } }
}
"""
ADAPTERS = """
query ($id: ID!) {
  node(id: $id) {
    ... on Persona {
      activeAdapter { id }
      adapters {
        id kind rank trigger trainingImages provider baseModelKey pictureModelKey active
        baseModel { key } job { id } subject { id } parameters
      }
    }
  }
}
"""
PROGRESS = """
query ($id: ID!) {
  node(id: $id) {
    ... on Job {
      progress { message phase step steps fraction variants { step } samples { versionNumber status url parameters } }
    }
  }
}
"""
GENERATE = """
mutation ($input: GenerateImagesInput!) {
  generateImages(input: $input) { job { id } userErrors { code message field } }
}
"""
SCENE = """
mutation ($input: GenerateImagesInput!) {
  generateImages(input: $input) { job { id variants { nodes { id } } } userErrors { message } }
}
"""
PICTURE = """
query ($id: ID!) {
  node(id: $id) { ... on Job { variants { nodes { status parameters conditioning { kind weight } } } } }
}
"""
TRAINABLE = Model(
    key="trainable",
    name="Trainable",
    provider=Provider.LOCAL,
    capabilities=frozenset({Capability.TEXT_TO_IMAGE, Capability.LORA, Capability.TRAINING}),
    sizes=(Size(width=64, height=64),),
    recipe=Recipe(steps=200, learning_rate=2e-3, rank=8),
)
ELSEWHERE = Model(
    key="elsewhere",
    name="Elsewhere",
    provider=Provider.REPLICATE,
    capabilities=frozenset({Capability.TRAINING}),
)


@pytest_asyncio.fixture
async def desk(db: Database, tmp_path: Path) -> AsyncIterator[Api]:
    """Models that are never run."""
    catalog = Catalog({TRAINABLE: READY, HOSTED: READY, ELSEWHERE: READY})
    async with serving(db, tmp_path, catalog) as api:
        yield api


def png(number: int) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (64, 64), (30 * number % 256, 200, 60)).save(data, format="PNG")
    return data.getvalue()


async def uploads(api: Api, count: int) -> list[str]:
    return [await api.upload(f"{number}.png", png(number)) for number in range(count)]


async def tasks(api: Api) -> int:
    async with api.shop.db.session() as session:
        return int(await session.scalar(select(func.count()).select_from(Task)) or 0)


async def spec_of(api: Api, job_id: str) -> Any:
    [task] = await workshop.tasks_of(api.shop.db, key(job_id))
    return task


async def adapter(api: Api, subject_id: str, **more: Any) -> str:
    """The id of an adapter whose weights are a few bytes."""
    stored = await api.shop.vault.put_async(uuid.uuid4().bytes)
    plain = {
        "base_model_key": "trainable",
        "provider": "LOCAL",
        "sha256": stored.sha256,
        "size": stored.size,
        "rank": 8,
        "trigger": "zwx",
        "training_images": 5,
    }
    row = Adapter(id=new_id(), owner_id=api.viewer.user_id, subject_id=key(subject_id), **(plain | more))
    async with api.shop.db.begin() as session:
        session.add(row)
    from schema.ids import encode

    return str(encode("Adapter", row.id))


async def test_training_is_a_job_with_the_models_recipe(desk: Api) -> None:
    subject = await steps.persona(desk, "Mira Ash")
    pictures = await uploads(desk, 3)

    payload = await desk.do(TRAIN, subjectId=subject, uploadIds=pictures)

    assert payload["userErrors"] == []
    job = payload["job"]
    assert (job["kind"], job["title"], job["status"]) == ("TRAINING", "Adapter of Mira Ash", "QUEUED")
    assert job["subject"]["id"] == subject
    task = await spec_of(desk, job["id"])
    assert (task.lane, task.model_key) == ("train", "trainable")
    spec = task.spec
    assert (spec["steps"], spec["rank"], spec["learning_rate"]) == (200, 8, 2e-3)
    assert spec["trigger"] == "miraas" + key(subject).hex[-4:]
    assert spec["class_prompt"] == "person"
    assert [image["caption"] for image in spec["images"]] == [None, None, None]
    assert await steps.actions(desk) == ["adapter.trained"]


async def test_captions_begin_with_the_subjects_name_and_what_is_asked_is_kept(desk: Api) -> None:
    subject = await steps.persona(desk)
    pictures = await uploads(desk, 3)

    payload = await desk.do(
        TRAIN,
        subjectId=subject,
        uploadIds=pictures,
        captions=["smiling", "", "portrait of zwx by the sea"],
        trigger="zwx",
        classPrompt="woman",
        resolution=512,
    )

    spec = (await spec_of(desk, payload["job"]["id"])).spec
    assert spec["resolution"] == 512
    assert [image["caption"] for image in spec["images"]] == [
        "zwx woman, smiling",
        None,
        "portrait of zwx by the sea",
    ]


async def test_pictures_of_ours_bring_their_words_and_base_images_none(api: Api) -> None:
    subject = await steps.persona(api)
    [base] = await steps.drafts(api, subject)
    scenes = [await scene(api, subject, words) for words in ("smiling by the sea", "in a library")]

    async with serving(api.shop.db, api.shop.vault._root, Catalog({TRAINABLE: READY})) as desk:
        payload = await desk.do(
            TRAIN, subjectId=subject, variantIds=[base, *scenes], captions=["", "", "angry"], trigger="zwx"
        )

    spec = (await spec_of(api, payload["job"]["id"])).spec
    assert [image["caption"] for image in spec["images"]] == [
        None,
        "zwx person, smiling by the sea",
        "zwx person, angry",
    ]


async def test_chosen_pictures_are_learned_when_none_are_named(api: Api) -> None:
    subject = await steps.persona(api, "Mira")
    base, _ = await steps.drafts(api, subject, 2)
    assert (await api.do(steps.APPROVE, subjectId=subject, variantId=base))["userErrors"] == []
    liked, kept, sample = [await scene(api, subject, f"scene {number}") for number in range(3)]
    await mark(api, liked, is_favorite=True)

    async with serving(api.shop.db, api.shop.vault._root, Catalog({TRAINABLE: READY})) as desk:
        few = await desk.do(TRAIN, subjectId=subject)
        captioned = await desk.do(TRAIN, subjectId=subject, captions=["a", "b"])
        await mark(api, kept, keep=True)
        await mark(api, sample, keep=True, parameters={"trainingStep": 50})
        payload = await desk.do(TRAIN, subjectId=subject, trigger="zwx")

    assert refused(few) == (
        "INVALID_INPUT",
        (
            "Mira has 2 approved, favourite or kept pictures; a training takes 3 to 50. Choose more, or name "
            "pictures in `variantIds` and `uploadIds`."
        ),
        ["variantIds"],
    )
    assert refused(captioned)[::2] == ("INVALID_INPUT", ["captions"])
    task = await spec_of(api, payload["job"]["id"])
    assert [image["caption"] for image in task.spec["images"]] == [
        "zwx person, scene 1",
        "zwx person, scene 0",
        None,
    ]
    assert len(task.spec["images"]) == 3


async def scene(api: Api, subject_id: str, words: str) -> str:
    """The id of a finished picture of the subject."""
    payload = await api.do(SCENE, prompt=words, subjectId=subject_id, **steps.QUICK)
    async with api.working():
        await api.ended(payload["job"]["id"])
    return str(payload["job"]["variants"]["nodes"][0]["id"])


async def mark(api: Api, variant_id: str, **values: Any) -> None:
    async with api.shop.db.begin() as session:
        variant = await session.get_one(Variant, key(variant_id))
        for name, value in values.items():
            setattr(variant, name, value)


async def test_training_elsewhere_waits_in_the_providers_lane(desk: Api) -> None:
    subject = await steps.persona(desk)

    payload = await desk.do(TRAIN, subjectId=subject, uploadIds=await uploads(desk, 3), model="elsewhere")

    assert (await spec_of(desk, payload["job"]["id"])).lane == "replicate"


async def test_same_key_trains_once(desk: Api) -> None:
    given = {"subjectId": await steps.persona(desk), "uploadIds": await uploads(desk, 3)}

    first = await desk.do(TRAIN, **given, idempotencyKey="k")
    second = await desk.do(TRAIN, **given, idempotencyKey="k")

    assert first["job"]["id"] == second["job"]["id"]
    assert await tasks(desk) == 1


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"steps": 0}, "INVALID_INPUT", ["steps"]),
        ({"steps": 6001}, "INVALID_INPUT", ["steps"]),
        ({"rank": 129}, "INVALID_INPUT", ["rank"]),
        ({"learningRate": 0.0}, "INVALID_INPUT", ["learningRate"]),
        ({"learningRate": 0.2}, "INVALID_INPUT", ["learningRate"]),
        ({"resolution": 63}, "INVALID_INPUT", ["resolution"]),
        ({"resolution": 2049}, "INVALID_INPUT", ["resolution"]),
        ({"seed": -1}, "INVALID_INPUT", ["seed"]),
        ({"trigger": "two words"}, "INVALID_INPUT", ["trigger"]),
        ({"trigger": "x" * 65}, "TOO_LONG", ["trigger"]),
        ({"captions": ["one"]}, "INVALID_INPUT", ["captions"]),
        ({"model": "nobody"}, "UNKNOWN_MODEL", ["model"]),
        ({"model": "gpt-image"}, "NOT_SUPPORTED", ["model"]),
        ({"model": "elsewhere", "priorPreservation": True}, "NOT_SUPPORTED", ["priorPreservation"]),
        ({"model": "elsewhere", "resolution": 512}, "NOT_SUPPORTED", ["resolution"]),
    ],
)
async def test_what_cannot_be_trained_is_refused_and_enqueues_nothing(
    desk: Api, given: dict[str, Any], code: str, field: list[str]
) -> None:
    subject = await steps.persona(desk)

    payload = await desk.do(TRAIN, subjectId=subject, uploadIds=await uploads(desk, 3), **given)

    assert payload["job"] is None
    assert (refused(payload)[0], refused(payload)[2]) == (code, field)
    assert await tasks(desk) == 0


async def test_too_few_and_repeated_pictures_are_refused(desk: Api) -> None:
    subject = await steps.persona(desk)
    [one, two, three] = await uploads(desk, 3)

    few = await desk.do(TRAIN, subjectId=subject, uploadIds=[one, two])
    repeated = await desk.do(TRAIN, subjectId=subject, uploadIds=[one, two, three, one])

    assert refused(few)[1] == "Give 3 to 50 pictures in `variantIds` and `uploadIds`; got 2."
    assert refused(repeated)[1] == "Give each picture once."
    assert await tasks(desk) == 0


async def test_somebody_elses_pictures_and_subject_are_not_found(desk: Api) -> None:
    other = await desk.another("bob")
    subject, foreign = await steps.persona(desk), await steps.persona(other)
    own, theirs = await uploads(desk, 3), await uploads(other, 3)

    pictures = await desk.do(TRAIN, subjectId=subject, uploadIds=[*own[:2], theirs[0]])
    person = await desk.do(TRAIN, subjectId=foreign, uploadIds=own)

    assert (refused(pictures)[0], refused(pictures)[2]) == ("NOT_FOUND", ["uploadIds"])
    assert (refused(person)[0], refused(person)[2]) == ("NOT_FOUND", ["subjectId"])
    assert await tasks(desk) == 0


async def test_rejected_and_unfinished_pictures_are_not_learned(api: Api) -> None:
    subject = await steps.persona(api)
    drafts = await steps.drafts(api, subject, 3)
    async with api.shop.db.begin() as session:
        variant = await session.get_one(Variant, key(drafts[2]))
        variant.status = VariantStatus.REJECTED
    waiting = await steps.generated(api, subject)
    unfinished = waiting["variants"]["nodes"][0]["id"]

    async with serving(api.shop.db, api.shop.vault._root, Catalog({TRAINABLE: READY})) as desk:
        rejected = await desk.do(TRAIN, subjectId=subject, variantIds=drafts)
        early = await desk.do(TRAIN, subjectId=subject, variantIds=[*drafts[:2], unfinished])

    assert refused(rejected)[1] == "A picture that is REJECTED cannot be learned from."
    assert refused(early)[1] == "A picture that is QUEUED cannot be learned from."


async def test_active_adapter_is_one_of_the_subjects_or_none(desk: Api) -> None:
    subject, another = await steps.persona(desk), await steps.persona(desk)
    first, second = await adapter(desk, subject), await adapter(desk, subject)
    foreign = await adapter(desk, another)

    chosen = await desk.do(ACTIVATE, subjectId=subject, adapterId=first)
    wrong = await desk.do(ACTIVATE, subjectId=subject, adapterId=foreign)
    none = await desk.do(ACTIVATE, subjectId=subject)

    assert chosen["subject"]["activeAdapter"] == {"id": first}
    assert chosen["subject"]["adapters"] == [
        {"id": second, "active": False},
        {"id": first, "active": True},
    ]
    assert refused(wrong)[0] == "NOT_FOUND"
    assert none["subject"]["activeAdapter"] is None
    assert await steps.actions(desk) == ["adapter.activated", "adapter.activated"]


async def test_deleted_adapter_takes_its_weights_along_and_holds_nobody(desk: Api) -> None:
    subject = await steps.persona(desk)
    made = await adapter(desk, subject)
    await desk.do(ACTIVATE, subjectId=subject, adapterId=made)
    async with desk.shop.db.session() as session:
        sha256 = await session.scalar(select(Adapter.sha256))
    assert sha256 is not None

    payload = await desk.do(DELETE, adapterId=made)

    assert payload["adapter"] == {"id": made, "trigger": "zwx"}
    assert not desk.shop.vault.exists(sha256)
    node = (await desk.run(ADAPTERS, id=subject)).data["node"]
    assert node == {"activeAdapter": None, "adapters": []}


async def test_equal_weights_of_another_adapter_stay(desk: Api) -> None:
    subject = await steps.persona(desk)
    stored = await desk.shop.vault.put_async(b"equal")
    first = await adapter(desk, subject, sha256=stored.sha256)
    await adapter(desk, subject, sha256=stored.sha256)

    await desk.do(DELETE, adapterId=first)

    assert desk.shop.vault.exists(stored.sha256)


async def test_deleted_subject_takes_its_weights_along(desk: Api) -> None:
    subject = await steps.persona(desk)
    await adapter(desk, subject)
    async with desk.shop.db.session() as session:
        sha256 = await session.scalar(select(Adapter.sha256))
    assert sha256 is not None

    await desk.do(
        "mutation ($input: DeleteSubjectInput!) { deleteSubject(input: $input) { userErrors { code } } }",
        subjectId=subject,
    )

    assert not desk.shop.vault.exists(sha256)
    async with desk.shop.db.session() as session:
        assert await session.scalar(select(func.count()).select_from(Persona)) == 0


async def test_adapters_of_many_are_read_together(desk: Api) -> None:
    for _ in range(3):
        await adapter(desk, await steps.persona(desk))

    with desk.statements() as seen:
        await desk.run(
            "{ personas { nodes { adapters { id active subject { id } } activeAdapter { id } } } }"
        )

    assert len([one for one in seen if "FROM adapters" in one]) == 1


@pytest_asyncio.fixture
async def studio(db: Database, tmp_path: Path) -> AsyncIterator[Api]:
    """The real local generator on a tiny checkpoint."""

    async def open_file(file: FileRef) -> bytes:
        return await Vault(tmp_path / "files").read_async(file.sha256)

    folder = tmp_path / "tiny-sd"
    await asyncio.to_thread(tiny.sd().save_pretrained, folder)
    generator = DiffusionGenerator(tiny.settings(tmp_path, folder), open_file)
    async with serving(db, tmp_path / "files", generator, lease_seconds=10.0) as api:
        yield api
    await generator.close()


async def test_trained_adapter_holds_the_look_in_the_next_picture(studio: Api) -> None:
    subject = await steps.persona(studio)
    pictures = await uploads(studio, 3)
    job = (
        await studio.do(
            TRAIN, subjectId=subject, uploadIds=pictures, steps=4, trigger="zwx", classPrompt="woman"
        )
    )["job"]
    async with studio.working():
        await workshop.ended(studio.shop, key(job["id"]), timeout=90)

        found = (await studio.run(PROGRESS, id=job["id"])).data["node"]
        progress = found["progress"]
        assert progress["message"] == "An adapter was trained. Activate it with activateAdapter."
        assert (progress["phase"], progress["fraction"], progress["variants"]) == ("SUCCEEDED", 1.0, [])
        assert [one["parameters"]["trainingStep"] for one in progress["samples"]] == [1, 2, 3, 4]
        assert all(one["url"] for one in progress["samples"])

        [made] = (await studio.run(ADAPTERS, id=subject)).data["node"]["adapters"]
        assert (made["kind"], made["rank"], made["trainingImages"]) == ("LORA", 8, 3)
        assert made["baseModel"] == {"key": "tiny-sd"}
        assert made["pictureModelKey"] == "tiny-sd"
        assert (made["job"], made["subject"]) == ({"id": job["id"]}, {"id": subject})

        await studio.do(ACTIVATE, subjectId=subject, adapterId=made["id"])
        payload = await studio.do(GENERATE, prompt="by the sea", subjectId=subject, **steps.QUICK)
        assert payload["userErrors"] == []
        await workshop.ended(studio.shop, key(payload["job"]["id"]), timeout=60)

    [picture] = (await studio.run(PICTURE, id=payload["job"]["id"])).data["node"]["variants"]["nodes"]
    assert picture["status"] == "DRAFT"
    assert {"kind": "LORA", "weight": 1.0} in picture["conditioning"]
    assert picture["parameters"]["calledBy"] == "zwx woman"
    async with studio.shop.db.session() as session:
        assert await session.scalar(select(func.count()).select_from(Job)) == 2
