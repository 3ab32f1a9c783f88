"""Trainings through the real executor: rows, bytes, progress, and going on after kills."""

import asyncio
import contextlib
import os
import signal
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from executor.content.guard import Guard
from executor.content.rules import Rules
from executor.training import Trained
from generators.diffusion.generator import DiffusionGenerator
from generators.events import SampleMade
from generators.hosted.generator import HostedGenerator
from generators.hosted.settings import HostedSettings
from generators.spec import FileRef, TrainingImage, TrainingSpec
from store.database.ids import new_id
from store.database.sessions import Database
from store.database.tables import (
    Adapter,
    Job,
    JobKind,
    JobStatus,
    Task,
    VariantStatus,
)
from store.files.vault import Vault
from store.queue import Held, enqueue
from tests.executor import workshop
from tests.executor.workshop import Order, Workshop
from tests.generators.diffusion import tiny
from tests.generators.diffusion.trainings import face, trainers
from tests.operations.test_webhooks import claim_of
from tests.patience import PATIENCE
from tests.peers.clock import VirtualTime
from tests.peers.replicate import TOKEN, ReplicatePeer
from tests.peers.replicate_forms import safetensors
from tests.peers.serving import serving

pytestmark = pytest.mark.asyncio


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints") / "tiny-sd"
    tiny.sd().save_pretrained(folder)
    return folder


@pytest_asyncio.fixture
async def shop(db: Database, tmp_path: Path, checkpoint: Path) -> AsyncIterator[Workshop]:
    async def open_file(file: FileRef) -> bytes:
        return await Vault(tmp_path / "files").read_async(file.sha256)

    settings = tiny.settings(tmp_path, checkpoint, training_save_seconds=0.0)
    generator = DiffusionGenerator(settings, open_file)
    yield workshop.build(db, tmp_path / "files", generator, lease_seconds=5.0)
    await generator.close()


async def add_training(
    shop: Workshop, model: str, *, lane: str = "train", **more: Any
) -> tuple[uuid.UUID, uuid.UUID]:
    """A TRAINING job as the resolvers write it: (job, subject)."""
    owner_id = await workshop.add_user(shop.db)
    subject_id = await workshop.add_persona(shop.db, owner_id)
    images = []
    for number in range(5):
        stored = await shop.vault.put_async(face(number))
        file = FileRef(sha256=stored.sha256, size=stored.size, media_type="image/png")
        images.append(TrainingImage(file=file))
    plain: dict[str, Any] = {"steps": 8, "rank": 4, "learning_rate": 2e-3, "trigger": "zwx"}
    spec = TrainingSpec(model=model, images=tuple(images), class_prompt="woman", **(plain | more))
    job = Job(id=new_id(), owner_id=owner_id, kind=JobKind.TRAINING, title="test", subject_id=subject_id)
    order = Order(owner_id=owner_id, lane=lane, model=model)
    async with shop.db.begin() as session:
        await enqueue(session, job, [], [workshop.task_for(order, job, spec, None)])
    return job.id, subject_id


async def adapters(db: Database) -> list[Adapter]:
    async with db.session() as session:
        return list((await session.scalars(select(Adapter))).all())


async def test_sample_of_what_a_rule_holds_waits_for_a_reviewer(db: Database, tmp_path: Path) -> None:
    shop = workshop.build(db, tmp_path / "files")
    rules = Rules.parse('[[rule]]\nname = "weapons"\naction = "hold"\nwords = ["rifle"]\n')
    trained = Trained(shop.vault, shop.models, workshop.quick_looks, Guard(rules))
    job_id, _ = await add_training(shop, "tiny", trigger="rifle", lane="elsewhere")
    [task] = await workshop.tasks_of(db, job_id)
    event = SampleMade(data=face(1), media_type="image/png", step=2)

    sample = await trained.prepare(event, claim_of(task))
    async with db.begin() as session:
        job = await session.get_one(Job, job_id)
        held = Held(task=await session.get_one(Task, task.id), job=job, variant=None)
        await trained.keep_sample(session, held, event, sample)

    [variant] = await workshop.variants_of(db, job_id)
    assert (variant.status, variant.held_reason) == (
        VariantStatus.HELD,
        "Waits for a reviewer: the content rule 'weapons' found 'rifle'.",
    )


async def test_training_ends_as_an_adapter_that_outlives_the_clean_up_with_samples_on_the_way(
    shop: Workshop, checkpoint: Path
) -> None:
    job_id, subject_id = await add_training(shop, checkpoint.name)

    async with workshop.started(shop):
        trained = await workshop.seen(
            shop, job_id, lambda state: state.phase == "TRAINING" and state.loss is not None
        )
        job = await workshop.ended(shop, job_id)

    assert (trained.steps, trained.variants) == (8, ())
    assert job.status is JobStatus.SUCCEEDED
    [adapter] = await adapters(shop.db)
    assert (adapter.subject_id, adapter.job_id) == (subject_id, job_id)
    assert (adapter.base_model_key, adapter.provider, adapter.rank) == (checkpoint.name, "LOCAL", 4)
    assert (adapter.trigger, adapter.training_images) == ("zwx", 5)
    await shop.executor.clean_up()
    assert adapter.sha256 is not None
    assert len(await shop.vault.read_async(adapter.sha256)) == adapter.size
    samples = await workshop.variants_of(shop.db, job_id)
    assert [(one.version_number, one.parameters["trainingStep"]) for one in samples] == [
        (1, 2),
        (2, 4),
        (3, 6),
        (4, 8),
    ]
    assert {one.status for one in samples} == {VariantStatus.DRAFT}
    assert {(one.width, one.height) for one in samples} == {(64, 64)}
    state = await shop.progress.now(job_id)
    assert state is not None
    assert [one.id for one in state.samples] == [one.id for one in samples]
    assert state.fraction == 1.0


async def test_training_goes_on_after_its_trainer_was_killed(
    shop: Workshop, checkpoint: Path, tmp_path: Path
) -> None:
    job_id, _ = await add_training(shop, checkpoint.name, steps=40)

    async with workshop.started(shop):
        await saved(shop, job_id, 3)
        [process] = trainers(tmp_path)
        os.kill(process, signal.SIGKILL)
        before = (await workshop.tasks_of(shop.db, job_id))[0].latents_step

        async def tried_again() -> bool:
            return (await workshop.tasks_of(shop.db, job_id))[0].tries == 1

        await workshop.until(tried_again)
        async with asyncio.timeout(PATIENCE), contextlib.aclosing(shop.progress.watch(job_id)) as states:
            seen = [state.step async for state in states if state.phase == "TRAINING"]

    [task] = await workshop.tasks_of(shop.db, job_id)
    assert (task.state, task.tries) == (JobStatus.SUCCEEDED, 1)
    assert before is not None
    assert seen
    assert min(step or 0 for step in seen) > before
    assert len(await adapters(shop.db)) == 1
    steps = [one.parameters["trainingStep"] for one in await workshop.variants_of(shop.db, job_id)]
    assert steps == [10, 20, 30, 40]


async def test_cancelled_training_leaves_nothing_running(
    shop: Workshop, checkpoint: Path, tmp_path: Path
) -> None:
    from store.queue import cancel_job

    job_id, _ = await add_training(shop, checkpoint.name, steps=5000)

    async with workshop.started(shop):
        await saved(shop, job_id, 1)
        async with shop.db.begin() as session:
            await cancel_job(session, job_id)
        job = await workshop.ended(shop, job_id)

        async def over() -> bool:
            return trainers(tmp_path) == []

        await workshop.until(over)

    assert job.status is JobStatus.CANCELED
    assert await adapters(shop.db) == []


async def saved(shop: Workshop, job_id: uuid.UUID, step: int) -> None:
    """Once a state of that step or a later one is kept."""

    async def kept() -> bool:
        [task] = await workshop.tasks_of(shop.db, job_id)
        return (task.latents_step or 0) >= step

    await workshop.until(kept)


async def test_replicate_trains_behind_the_same_events(db: Database, tmp_path: Path) -> None:
    time = VirtualTime()
    peer = ReplicatePeer(lambda: time.now)
    vault = Vault(tmp_path)

    async def open_file(file: FileRef) -> bytes:
        return await vault.read_async(file.sha256)

    with serving(peer.app) as served:
        peer.base = served.url
        settings = HostedSettings(
            replicate_api_token=TOKEN, replicate_base_url=served.url, hosted_allow_private=True
        )
        generator = HostedGenerator(settings, open_file, time.clock())
        shop = workshop.build(db, tmp_path, generator, lease_seconds=5.0)
        job_id, subject_id = await add_training(shop, "flux-dev-lora", lane="replicate", steps=500)
        async with workshop.started(shop):
            job = await workshop.ended(shop, job_id)
        await generator.close()

    assert job.status is JobStatus.SUCCEEDED
    assert job.cost_usd == Decimal("2.00")
    [adapter] = await adapters(db)
    assert (adapter.subject_id, adapter.provider, adapter.rank) == (subject_id, "REPLICATE", 4)
    assert adapter.provider_version is not None
    assert adapter.provider_version.startswith("me/likeness-")
    assert adapter.sha256 is not None
    assert await vault.read_async(adapter.sha256) == safetensors()
    assert len(peer.trainings) == 1


@pytest.mark.long
async def test_likeness_is_learned_in_a_full_training(shop: Workshop, checkpoint: Path) -> None:
    job_id, _ = await add_training(shop, checkpoint.name, steps=300, rank=8)

    async with workshop.started(shop):
        states = [
            (state.loss, state.eta_seconds)
            async for state in shop.progress.watch(job_id)
            if state.phase == "TRAINING"
        ]

    losses = [loss for loss, _ in states if loss is not None]
    etas = [eta for _, eta in states if eta is not None]
    assert losses[-1] < 0.9 * losses[0]
    assert etas[-1] < etas[0]
    [adapter] = await adapters(shop.db)
    scores = {one["step"]: one["score"] for one in adapter.parameters["scores"]}
    assert max(scores.values()) == scores[adapter.parameters["chosenStep"]]
