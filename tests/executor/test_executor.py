"""A task's way through the executor: from the queue to a DRAFT in the store, and all the ways it can end before."""

import asyncio
import collections
import dataclasses
import datetime
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update
from typing_extensions import override

from executor.metrics import Silent
from generators.catalog import Model, Provider
from generators.events import Event, Stepped
from generators.generator import Known, Live
from generators.scripted import MODEL, ScriptedGenerator, ScriptedSettings
from generators.spec import Spec
from store.database.sessions import Database
from store.database.tables import (
    BaseImageStatus,
    CallState,
    File,
    JobStatus,
    Lane,
    ProviderCall,
    Subject,
    Task,
    VariantStatus,
)
from store.files.containers import MediaType
from store.files.marking import read_marking
from store.queue import cancel_job, running, take_back
from tests.executor import workshop as at
from tests.patience import PATIENCE

pytestmark = pytest.mark.asyncio
LONG = 30.0  # a lease that does not run out while this process waits for a processor


class Observed(ScriptedGenerator):
    """Counts what runs at once and which steps were reported."""

    def __init__(self, **settings: Any) -> None:
        asked = {"scripted_generator": True, "scripted_step_seconds": 0.002, **settings}
        super().__init__(ScriptedSettings(**asked))
        self.now = self.most = 0
        self.steps: list[int] = []

    @override
    async def run(self, spec: Spec, known: Known, live: Live) -> AsyncIterator[Event]:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            async for event in super().run(spec, known, _Ear(live, self.steps)):
                yield event
        finally:
            self.now -= 1


class _Ear:
    def __init__(self, live: Live, steps: list[int]) -> None:
        self._live = live
        self._steps = steps

    def report(self, event: Any) -> None:
        if isinstance(event, Stepped) and event.step:
            self._steps.append(event.step)
        self._live.report(event)

    def preview_wanted(self) -> bool:
        return self._live.preview_wanted()

    def sharp_wanted(self) -> bool:
        return self._live.sharp_wanted()


class Hosted(ScriptedGenerator):
    """The script as a provider's model."""

    @override
    def models(self) -> Sequence[Model]:
        return (dataclasses.replace(MODEL, key="far", provider=Provider.OPENAI),)


async def until_step(shop: at.Workshop, job_id: Any, step: int) -> None:
    await at.seen(shop, job_id, lambda state: max(one.step for one in state.variants) >= step)


async def failed_once(db: Database, job_id: Any) -> bool:
    return (await at.tasks_of(db, job_id))[0].tries == 1


async def saved_state_is_gone(db: Database, job_id: Any) -> bool:
    return (await at.tasks_of(db, job_id))[0].latents is None


# ---------------------------------------------------------------- pictures


async def test_image_job_ends_with_marked_drafts(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path)
    job_id = await at.add_job(db, at.Order(owner_id=owner, count=3, steps=6))
    async with at.started(shop):
        job = await at.ended(shop, job_id)
    assert (job.status, job.failed_count) == (JobStatus.SUCCEEDED, 0)
    assert (
        job.message == "3 images generated and saved locally (preview mode). Review and approve to publish."
    )
    variants = await at.variants_of(db, job_id)
    assert [variant.status for variant in variants] == [VariantStatus.DRAFT] * 3
    assert [variant.parameters["steps"] for variant in variants] == [6, 6, 6]
    assert {(variant.width, variant.height, variant.model_version) for variant in variants} == {(64, 64, "1")}
    async with db.session() as session:
        file = await session.get(File, variants[0].file_id)
    assert file is not None
    marking = read_marking(shop.vault.read(file.sha256), MediaType.PNG)
    assert marking is not None
    assert marking.made_by_ai
    assert marking.parameters == variants[0].parameters
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


async def test_equal_pictures_share_one_file(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path)
    jobs = [await at.add_job(db, at.Order(owner_id=owner)) for _ in range(2)]
    async with at.started(shop):
        for job_id in jobs:
            assert (await at.ended(shop, job_id)).status is JobStatus.SUCCEEDED
    (first,), (second,) = [await at.variants_of(db, job_id) for job_id in jobs]
    assert first.file_id == second.file_id


async def test_text_job_keeps_what_was_said(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path)
    job_id = await at.add_text_job(db, at.Order(owner_id=owner, prompt="why boats float"))
    async with at.started(shop):
        job = await at.ended(shop, job_id)
    assert (job.status, job.text) == (
        JobStatus.SUCCEEDED,
        "You asked: why boats float. This is a scripted answer.",
    )


# ---------------------------------------------------------------- failure


async def test_failure_is_told_to_the_owner(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path)
    job_id = await at.add_job(db, at.Order(owner_id=owner, prompt="[fail=OUT_OF_MEMORY]"))
    async with at.started(shop):
        job = await at.ended(shop, job_id)
    (variant,) = await at.variants_of(db, job_id)
    for row in (job, variant):
        assert (row.failure_code, row.failure_message, row.failure_retryable) == (
            "OUT_OF_MEMORY",
            "The script says OUT_OF_MEMORY.",
            False,
        )
    assert (job.status, variant.status) == (JobStatus.FAILED, VariantStatus.FAILED)


async def test_bug_in_a_generator_is_masked(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path)
    job_id = await at.add_job(db, at.Order(owner_id=owner, prompt="[raise]"))
    async with at.started(shop):
        job = await at.ended(shop, job_id)
    assert job.failure_code == "INTERNAL"
    assert "script" not in (job.failure_message or "")


async def test_model_that_is_gone_fails_with_its_name(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path)
    job_id = await at.add_job(db, at.Order(owner_id=owner, model="sdxl"))
    async with at.started(shop):
        job = await at.ended(shop, job_id)
    assert job.failure_code == "NO_CHECKPOINT"
    assert "'sdxl'" in (job.failure_message or "")


async def test_retryable_failure_is_tried_again_later(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path)
    order = at.Order(owner_id=owner, prompt="[fail=PROVIDER_DOWN] [retryable] [fail_times=1]")
    job_id = await at.add_job(db, order)
    async with at.started(shop):
        await at.until(lambda: failed_once(db, job_id))
        (task,) = await at.tasks_of(db, job_id)
        wait = (task.not_before - task.created_at).total_seconds()
        left = (task.not_before - datetime.datetime.now(datetime.UTC)).total_seconds()
        assert (task.state, wait > 1.7, left < 12) == (JobStatus.QUEUED, True, True)
        async with db.begin() as session:  # the time is over
            await session.execute(update(Task).values(not_before=task.created_at))
        assert (await at.ended(shop, job_id)).status is JobStatus.SUCCEEDED
    assert (await at.tasks_of(db, job_id))[0].tries == 1


async def test_retry_after_closes_the_providers_lane(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    far = Hosted(ScriptedSettings(scripted_generator=True, scripted_step_seconds=0.001))
    shop = at.build(db, tmp_path, at.scripted(), far)
    prompt = "[fail=RATE_LIMITED] [retryable] [retry_after=60]"
    limited = await at.add_job(db, at.Order(owner_id=owner, prompt=prompt, lane="openai", model="far"))
    async with at.started(shop):
        await at.until(lambda: failed_once(db, limited))
        waiting = await at.add_job(db, at.Order(owner_id=owner, lane="openai", model="far"))
        local = await at.add_job(db, at.Order(owner_id=owner))
        assert (await at.ended(shop, local)).status is JobStatus.SUCCEEDED
        assert (await at.job_of(db, waiting)).status is JobStatus.QUEUED
    async with db.session() as session:
        lane = await session.get(Lane, "openai")
    assert lane is not None
    assert lane.closed_reason == "The script says RATE_LIMITED."


# ---------------------------------------------------------------- paid calls


async def test_paid_call_is_written_down_and_billed_once(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path)
    job_id = await at.add_job(db, at.Order(owner_id=owner, prompt="[price=0.04]", count=2))
    async with at.started(shop):
        job = await at.ended(shop, job_id)
    assert job.cost_usd == Decimal("0.08")
    for variant in await at.variants_of(db, job_id):
        assert (variant.cost_usd, variant.provider_job_id) == (Decimal("0.04"), str(variant.id))
    async with db.session() as session:
        calls = (await session.scalars(select(ProviderCall))).all()
    assert [(call.state, call.cost, call.estimate) for call in calls] == [
        (CallState.SUCCEEDED, Decimal("0.04"), Decimal("0.04"))
    ] * 2


async def test_call_whose_fate_is_unknown_is_not_sent_again(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    sent: list[str] = []
    sending = asyncio.Event()

    async def charge(variant_id: str) -> str:
        sent.append(variant_id)
        sending.set()
        await asyncio.Event().wait()
        return "never"

    def paying() -> ScriptedGenerator:
        return ScriptedGenerator(ScriptedSettings(scripted_generator=True), charge=charge)

    job_id = await at.add_job(db, at.Order(owner_id=owner, prompt="[price=0.04]"))
    async with at.started(at.build(db, tmp_path, paying())):
        await asyncio.wait_for(sending.wait(), PATIENCE)
    heir = at.build(db, tmp_path, paying())
    async with at.started(heir):
        job = await at.ended(heir, job_id)
    assert (job.status, job.failure_code, job.failure_retryable) == (
        JobStatus.FAILED,
        "OUTCOME_UNKNOWN",
        False,
    )
    assert len(sent) == 1
    async with db.session() as session:
        assert await session.scalar(select(ProviderCall.state)) is CallState.UNKNOWN


# ---------------------------------------------------------------- cancel, leases, stopping


async def test_cancel_stops_the_run_within_a_step(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    generator = Observed(scripted_step_seconds=0.05)
    shop = at.build(db, tmp_path, generator, heartbeat_seconds=30.0, lease_seconds=90.0)
    job_id = await at.add_job(db, at.Order(owner_id=owner, steps=200))
    async with at.started(shop):
        await until_step(shop, job_id, 2)
        async with db.begin() as session:
            await cancel_job(session, job_id)
        told = len(generator.steps)
        async with asyncio.timeout(PATIENCE):
            while shop.executor.running:  # noqa: ASYNC110 -- nothing to wait for
                await asyncio.sleep(0.005)
        assert len(generator.steps) - told <= 1
        assert generator.now == 0
    (variant,) = await at.variants_of(db, job_id)
    assert variant.status is VariantStatus.CANCELED
    assert (await at.job_of(db, job_id)).status is JobStatus.CANCELED


async def test_run_that_lost_its_lease_is_cancelled_and_another_finishes(
    db: Database, tmp_path: Path
) -> None:
    owner = await at.add_user(db)
    generator = Observed(scripted_step_seconds=0.02)
    shop = at.build(db, tmp_path, generator, lease_seconds=LONG)
    job_id = await at.add_job(db, at.Order(owner_id=owner, steps=30))
    async with at.started(shop):
        await until_step(shop, job_id, 3)
        async with db.session() as session:
            (orphan,) = await running(session)
        async with db.begin() as session:
            assert await take_back(session, orphan)
        assert (await at.ended(shop, job_id)).status is JobStatus.SUCCEEDED
    (task,) = await at.tasks_of(db, job_id)
    assert task.fence == 3
    assert generator.now == 0


async def test_capacity_of_a_lane_is_never_exceeded(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    generator = Observed()
    shop = at.build(db, tmp_path, generator, local_capacity=2, lease_seconds=LONG)
    job_id = await at.add_job(db, at.Order(owner_id=owner, count=8))
    async with at.started(shop):
        await at.ended(shop, job_id)
    assert generator.most == 2


async def test_suspect_runs_alone(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    generator = Observed()
    shop = at.build(db, tmp_path, generator, local_capacity=4, lease_seconds=LONG)
    job_id = await at.add_job(db, at.Order(owner_id=owner, count=3))
    async with db.begin() as session:
        await session.execute(update(Task).values(deaths=1))
    async with at.started(shop):
        await at.ended(shop, job_id)
    assert generator.most == 1


async def test_stop_gives_back_and_the_next_server_goes_on_from_the_saved_step(
    db: Database, tmp_path: Path
) -> None:
    owner = await at.add_user(db)
    job_id = await at.add_job(db, at.Order(owner_id=owner, steps=40))
    slow = at.build(db, tmp_path, Observed(scripted_step_seconds=0.03), lease_seconds=LONG)
    async with at.started(slow):
        await until_step(slow, job_id, 7)
    (task,) = await at.tasks_of(db, job_id)
    assert (task.state, task.tries, task.deaths) == (JobStatus.QUEUED, 0, 0)
    assert task.latents_step is not None
    generator = Observed()
    heir = at.build(db, tmp_path, generator)
    async with at.started(heir):
        assert (await at.ended(heir, job_id)).status is JobStatus.SUCCEEDED
    assert generator.steps[0] == task.latents_step + 1


async def test_stop_lets_running_work_finish_within_the_grace(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path, Observed(scripted_step_seconds=0.01))
    job_id = await at.add_job(db, at.Order(owner_id=owner, steps=30))
    await shop.executor.start()
    await until_step(shop, job_id, 1)
    later = await at.add_job(db, at.Order(owner_id=owner))
    await shop.executor.stop(10)
    assert (await at.job_of(db, job_id)).status is JobStatus.SUCCEEDED
    assert (await at.job_of(db, later)).status in (JobStatus.QUEUED, JobStatus.SUCCEEDED)


async def test_saved_states_go_when_the_task_is_over(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path, Observed(scripted_save_every=2))
    job_id = await at.add_job(db, at.Order(owner_id=owner, steps=9))
    async with at.started(shop):
        await at.ended(shop, job_id)
        await at.until(lambda: saved_state_is_gone(db, job_id))
    async with db.session() as session:
        file = await session.scalar(select(File))
    assert file is not None
    assert {stored.sha256 for stored in shop.vault.stored()} == {
        file.sha256,
        file.thumbnail_256,
        file.thumbnail_512,
    }


async def test_lost_connections_do_not_fail_a_run(db: Database, database_url: str, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    work = Database(database_url)
    shop = at.build(work, tmp_path, Observed(scripted_step_seconds=0.02, scripted_save_every=2))
    job_id = await at.add_job(db, at.Order(owner_id=owner, steps=30, count=2))
    async with at.started(shop):
        for step in (3, 9, 15):
            await until_step(shop, job_id, step)
            async with db.session() as session:
                await session.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                )
        job = await at.ended(shop, job_id)
        assert shop.executor.alive
    await work.close()
    assert (job.status, job.failed_count) == (JobStatus.SUCCEEDED, 0)


# ---------------------------------------------------------------- what is counted


class Counting(Silent):
    """Remembers observations."""

    def __init__(self) -> None:
        self.ended = collections.Counter[tuple[str, str]]()
        self.waits: list[str] = []
        self.steps: list[str] = []

    @override
    def queue_wait(self, lane: str, seconds: float) -> None:
        self.waits.append(lane)

    @override
    def step_time(self, model: str, seconds: float) -> None:
        self.steps.append(model)

    @override
    def task_ended(self, model: str, outcome: str, seconds: float) -> None:
        self.ended[model, outcome] += 1


async def test_observer_hears_of_waits_steps_and_ends(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    counting = Counting()
    shop = at.build(db, tmp_path, observer=counting)
    jobs = [
        await at.add_job(db, at.Order(owner_id=owner, prompt=prompt)) for prompt in ("", "[fail=TIMEOUT]")
    ]
    async with at.started(shop):
        for job_id in jobs:
            await at.ended(shop, job_id)
        async with asyncio.timeout(PATIENCE):
            while counting.ended.total() < 2:  # noqa: ASYNC110 -- nothing to wait for
                await asyncio.sleep(0.01)
    assert counting.ended == {("scripted", "SUCCEEDED"): 1, ("scripted", "FAILED"): 1}
    assert counting.waits == ["local", "local"]
    assert counting.steps == ["scripted"] * 3


async def test_executor_is_alive_only_while_started(db: Database, tmp_path: Path) -> None:
    shop = at.build(db, tmp_path)
    alive = [shop.executor.alive]
    async with at.started(shop):
        alive.append(shop.executor.alive)
    assert [*alive, shop.executor.alive] == [False, True, False]
