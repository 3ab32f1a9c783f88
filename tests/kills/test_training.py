"""A server is killed while it trains: its trainer goes with it, and the next server goes on where that one stood."""

import uuid
from pathlib import Path

import pytest
from sqlalchemy import func, select

from generators.diffusion import starter
from generators.spec import FileRef, TrainingImage, TrainingSpec
from store.database.ids import new_id
from store.database.sessions import Database
from store.database.tables import Adapter, Job, JobKind, JobStatus, Task, Variant
from store.files.vault import Vault
from store.queue import enqueue
from tests.executor import workshop
from tests.executor.workshop import Order
from tests.generators.diffusion.trainings import face, gone, trainers
from tests.kills.victims import all_final, until, victim

pytestmark = pytest.mark.asyncio
STEPS = 60


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_killed_servers_training_is_finished_by_the_next(
    db: Database, database_url: str, tmp_path: Path
) -> None:
    engine, vault = tmp_path / "engine", Vault(tmp_path / "files")
    starter.build(engine / "starter")
    job_id = await add_training(db, vault)

    async def saved() -> bool:
        async with db.session() as session:
            return (await session.scalar(select(Task.latents_step)) or 0) >= 20

    async with victim(database_url, tmp_path / "files", diffusion=str(engine)) as first:
        await until(saved, timeout=120)
        assert len(trainers(engine)) == 1
        await first.kill()
    await gone(engine)
    async with db.session() as session:
        before = await session.scalar(select(Task.latents_step))
    async with victim(database_url, tmp_path / "files", diffusion=str(engine)) as second:
        await all_final(db, timeout=120)
        await second.stop()

    job = await workshop.job_of(db, job_id)
    assert job.status is JobStatus.SUCCEEDED
    async with db.session() as session:
        adapter = (await session.scalars(select(Adapter))).one()
        assert await session.scalar(select(func.count()).select_from(Variant)) == 4
    assert before is not None
    assert before >= 20
    assert adapter.sha256 is not None
    assert vault.is_sound(adapter.sha256)
    assert trainers(engine) == []
    assert list((engine / "training").glob("run-*")) == []


async def add_training(db: Database, vault: Vault) -> uuid.UUID:
    owner_id = await workshop.add_user(db)
    subject_id = await workshop.add_persona(db, owner_id)
    images = []
    for number in range(3):
        stored = await vault.put_async(face(number))
        file = FileRef(sha256=stored.sha256, size=stored.size, media_type="image/png")
        images.append(TrainingImage(file=file))
    spec = TrainingSpec(
        model="starter",
        images=tuple(images),
        trigger="zwx",
        class_prompt="woman",
        rank=4,
        steps=STEPS,
        learning_rate=2e-3,
    )
    job = Job(id=new_id(), owner_id=owner_id, kind=JobKind.TRAINING, title="test", subject_id=subject_id)
    order = Order(owner_id=owner_id, lane="train", model="starter")
    async with db.begin() as session:
        await enqueue(session, job, [], [workshop.task_for(order, job, spec, None)])
    return job.id
