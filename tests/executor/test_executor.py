"""A task's way through the executor: from the queue to a DRAFT in the store."""

from pathlib import Path

import pytest

from store.database.sessions import Database
from store.database.tables import BaseImageStatus, File, JobStatus, Subject, VariantStatus
from store.files.containers import MediaType
from store.files.marking import read_marking
from tests.executor import workshop as at

pytestmark = pytest.mark.asyncio


async def test_image_job_ends_with_marked_drafts(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path)
    job_id = await at.add_job(db, at.Order(owner_id=owner, count=3, steps=6))
    async with at.started(shop):
        job = await at.ended(shop, job_id)
    assert job.status is JobStatus.SUCCEEDED
    assert job.failed_count == 0
    assert job.message == "3 images generated and saved locally (preview mode). Review and approve to publish."
    variants = await at.variants_of(db, job_id)
    assert [variant.status for variant in variants] == [VariantStatus.DRAFT] * 3
    assert [variant.parameters["steps"] for variant in variants] == [6, 6, 6]
    async with db.session() as session:
        file = await session.get(File, variants[0].file_id)
    assert file is not None
    data = shop.vault.read(file.sha256)
    marking = read_marking(data, MediaType.PNG)
    assert marking is not None
    assert marking.made_by_ai
    assert all(shop.vault.exists(name) for name in (file.thumbnail_256, file.thumbnail_512))


async def test_base_image_job_makes_the_newest_version_the_base_image(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    persona = await at.add_persona(db, owner)
    shop = at.build(db, tmp_path)
    job_id = await at.add_job(db, at.Order(owner_id=owner, subject_id=persona, count=2))
    async with at.started(shop):
        await at.ended(shop, job_id)
    async with db.session() as session:
        subject = await session.get(Subject, persona)
    assert subject is not None
    assert subject.base_image_status is BaseImageStatus.DRAFT
    assert subject.base_image_id == (await at.variants_of(db, job_id))[1].id
