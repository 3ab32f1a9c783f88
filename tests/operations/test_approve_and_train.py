"""mutation approveBaseImage(trainAdapter: true)"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from store.database.sessions import Database
from store.database.tables import Task
from tests.client import Api, key, refused, serving
from tests.executor import workshop
from tests.operations import steps
from tests.operations.catalogs import READY, SMALL, Catalog
from tests.operations.test_adapters import TRAINABLE, png

pytestmark = pytest.mark.asyncio

SAVE = """
mutation ($input: ApproveBaseImageInput!) {
  approveBaseImage(input: $input) {
    subject { baseImageStatus baseImage { id } }
    job { id kind status title subject { id } }
    userErrors { code message field }
  }
}
"""
LIKE = "mutation ($input: FavoriteVariantInput!) { favoriteVariant(input: $input) { userErrors { code } } }"
LOOK = "query ($id: ID!) { node(id: $id) { ... on Variant { imageHash } } }"


@pytest_asyncio.fixture
async def desk(db: Database, tmp_path: Path) -> AsyncIterator[Api]:
    """A model that could be trained; it is never run."""
    async with serving(db, tmp_path, Catalog({TRAINABLE: READY, SMALL: READY})) as api:
        yield api


async def draft(api: Api, subject: str, number: int) -> str:
    payload = await api.send(steps.UPLOAD, (f"{number}.png", png(number)), subjectId=subject)
    assert payload["userErrors"] == []
    return str(payload["variant"]["id"])


async def hash_of(api: Api, variant: str) -> str:
    return str((await api.run(LOOK, id=variant)).data["node"]["imageHash"])


async def taught(api: Api, job: Any) -> list[str]:
    """The hashes of the pictures that the job's one task learns from."""
    [task] = await workshop.tasks_of(api.shop.db, key(job["id"]))
    assert (task.lane, task.model_key) == ("train", "trainable")
    return [image["file"]["sha256"] for image in task.spec["images"]]


async def tasks(api: Api) -> int:
    async with api.shop.db.session() as session:
        return int(await session.scalar(select(func.count()).select_from(Task)) or 0)


async def test_saved_reference_image_begins_a_training(desk: Api) -> None:
    ash = await steps.character(desk, "Ash")
    saved = await draft(desk, ash, 1)

    payload = await desk.do(SAVE, subjectId=ash, trainAdapter=True)

    assert payload["userErrors"] == []
    assert payload["subject"] == {"baseImageStatus": "APPROVED", "baseImage": {"id": saved}}
    job = payload["job"]
    assert (job["kind"], job["status"], job["title"]) == ("TRAINING", "QUEUED", "Adapter of Ash")
    assert job["subject"] == {"id": ash}
    assert await taught(desk, job) == [await hash_of(desk, saved)]
    assert await steps.actions(desk) == ["base_image.approved", "adapter.trained"]


async def test_pictures_that_somebody_decided_for_are_learned_too_and_no_others(desk: Api) -> None:
    ash = await steps.character(desk, "Ash")
    liked, rejected, _undecided, saved = [await draft(desk, ash, number) for number in range(1, 5)]
    await desk.do(LIKE, variantId=liked)
    await desk.do(LIKE, variantId=rejected)
    await desk.do(steps.REJECT, subjectId=ash, variantId=rejected)

    payload = await desk.do(SAVE, subjectId=ash, variantId=saved, trainAdapter=True)

    assert await taught(desk, payload["job"]) == [await hash_of(desk, saved), await hash_of(desk, liked)]


async def test_without_asking_nothing_is_trained(desk: Api) -> None:
    ash = await steps.character(desk, "Ash")
    await draft(desk, ash, 1)

    payload = await desk.do(SAVE, subjectId=ash)

    assert (payload["userErrors"], payload["job"]) == ([], None)
    assert await tasks(desk) == 0


async def test_where_nothing_can_be_trained_nothing_is_approved(db: Database, tmp_path: Path) -> None:
    async with serving(db, tmp_path, Catalog({SMALL: READY})) as api:
        ash = await steps.character(api, "Ash")
        await draft(api, ash, 1)

        payload = await api.do(SAVE, subjectId=ash, trainAdapter=True)

        assert refused(payload)[::2] == ("NO_LOCAL_MODEL", ["trainAdapter"])
        assert (await steps.state(api, ash))["baseImageStatus"] == "DRAFT"
        assert await steps.actions(api) == []
        assert await tasks(api) == 0


async def test_sent_twice_with_one_key_it_trains_once(desk: Api) -> None:
    ash = await steps.character(desk, "Ash")
    await draft(desk, ash, 1)
    asked = {"subjectId": ash, "trainAdapter": True, "idempotencyKey": "save"}

    first = await desk.do(SAVE, **asked)
    again = await desk.do(SAVE, **asked)

    assert again == first
    assert await tasks(desk) == 1
