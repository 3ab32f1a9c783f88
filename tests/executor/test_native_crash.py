"""ENGINE=process through the real executor: a native crash of the engine costs nothing but the steps since the last save."""

import os
import signal
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from generators.diffusion.asks import Ask
from generators.diffusion.generator import DiffusionGenerator
from generators.diffusion.remote import ProcessEngine
from generators.diffusion.runs import Post, Run
from generators.generator import Live
from generators.spec import FileRef
from store.database.sessions import Database
from store.database.tables import JobStatus, VariantStatus
from store.files.vault import Vault
from tests.executor import workshop
from tests.executor.workshop import Order, Workshop
from tests.generators.diffusion import tiny

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def engine(tmp_path: Path) -> AsyncIterator[DiffusionGenerator]:
    async def open_file(file: FileRef) -> bytes:
        return await Vault(tmp_path / "files").read_async(file.sha256)

    tiny.sd().save_pretrained(tmp_path / "tiny-sd")
    settings = tiny.settings(tmp_path, tmp_path / "tiny-sd", engine="process", save_every_steps=2)
    generator = DiffusionGenerator(settings, open_file)
    yield generator
    await generator.close()


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_crashed_engines_pictures_are_taken_up_where_they_stood(
    db: Database, engine: DiffusionGenerator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = watched(engine, monkeypatch)
    shop = workshop.build(db, tmp_path / "files", engine, lease_seconds=20.0)
    owner = await workshop.add_user(db)
    job_id = await workshop.add_job(db, Order(owner_id=owner, count=2, steps=100, model="tiny-sd"))

    async with workshop.started(shop):
        await crash(shop, engine, job_id)
        job = await workshop.ended(shop, job_id, timeout=250)

    assert job.status is JobStatus.SUCCEEDED
    assert {variant.status for variant in await workshop.variants_of(db, job_id)} == {VariantStatus.DRAFT}
    tasks = await workshop.tasks_of(db, job_id)
    assert [(task.state, task.tries, task.deaths) for task in tasks] == [(JobStatus.SUCCEEDED, 1, 0)] * 2
    assert begun == ["anew", "anew", "where it stood", "where it stood"]


def watched(engine: DiffusionGenerator, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How each request that the engine gets from now on begins."""
    begun: list[str] = []
    submit = engine.engine.submit

    def watch(ask: Ask, live: Live, post: Post) -> Run:
        begun.append("anew" if ask.latents is None else "where it stood")
        return submit(ask, live, post)

    monkeypatch.setattr(engine.engine, "submit", watch)
    return begun


async def crash(shop: Workshop, engine: DiffusionGenerator, job_id: uuid.UUID) -> None:
    """Crash the engine's process once every picture has saved something."""
    assert isinstance(engine.engine, ProcessEngine)

    async def all_saved() -> bool:
        return all(task.latents_step for task in await workshop.tasks_of(shop.db, job_id))

    await workshop.until(all_saved, timeout=90)
    assert engine.engine._child is not None
    os.kill(engine.engine._child.pid, signal.SIGSEGV)
