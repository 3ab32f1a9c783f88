"""A machine that does to the queue what workers, crashes, clocks and users do, and compares it with a model."""

import dataclasses
import datetime
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from store.database.tables import Job, JobStatus, Task, Variant, VariantStatus
from store.queue import Claim, Held, LeaseLostError, cancel_job, heartbeat, hold, release, seconds_until_retry
from tests.executor import workshop as at
from tests.postgres import Copies
from tests.store.clockwork import START, Clockwork, Sync

ENDED = {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELED}
VARIANT_STATES = {
    JobStatus.QUEUED: VariantStatus.QUEUED,
    JobStatus.RUNNING: VariantStatus.RUNNING,
    JobStatus.FAILED: VariantStatus.FAILED,
    JobStatus.CANCELED: VariantStatus.CANCELED,
}
MAX_TRIES = 3


@dataclasses.dataclass
class ModelTask:
    """What one task should be."""

    job: uuid.UUID
    not_before: datetime.datetime
    state: JobStatus = JobStatus.QUEUED
    fence: int = 0
    tries: int = 0
    deaths: int = 0
    stepped: bool = False
    advanced: bool = False
    lease_until: datetime.datetime = START


@dataclasses.dataclass
class ModelJob:
    """What one job should be."""

    revision: int = 1
    begun: bool = False
    canceled: bool = False


class QueueMachine(RuleBasedStateMachine):
    """The rules. `works` and `sync` are set by the test."""

    works: Clockwork
    sync: Sync
    claims: Bundle[Claim] = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.sync(self.works.clear())
        self.owners = [self.sync(at.add_user(self.works.db, name)) for name in ("ann", "bob")]
        self.tasks: dict[uuid.UUID, ModelTask] = {}
        self.jobs: dict[uuid.UUID, ModelJob] = {}

    # ------------------------------------------------------------ users

    @rule(owner=st.integers(0, 1), count=st.integers(1, 3), priority=st.integers(0, 1))
    def enqueue(self, owner: int, count: int, priority: int) -> None:
        order = at.Order(owner_id=self.owners[owner], count=count, priority=priority)
        job_id = self.sync(at.add_job(self.works.db, order))
        self.jobs[job_id] = ModelJob()
        for task in self.sync(at.tasks_of(self.works.db, job_id)):
            self.tasks[task.id] = ModelTask(job=job_id, not_before=self.works.now)

    @rule(pick=st.integers(0, 50))
    def cancel(self, pick: int) -> None:
        if not self.jobs:
            return
        job_id = list(self.jobs)[pick % len(self.jobs)]
        final = self.status(job_id) in ENDED

        async def work() -> None:
            async with self.works.db.begin() as session:
                await cancel_job(session, job_id)

        self.sync(work())
        if final:
            return
        self.jobs[job_id].revision += 1
        self.jobs[job_id].canceled = True
        for task in self.of(job_id):
            if task.state not in ENDED:
                task.state = JobStatus.CANCELED
                task.fence += 1

    # ------------------------------------------------------------ workers

    @rule(target=claims, room=st.integers(1, 3))
    def claim(self, room: int) -> Any:
        due = [
            task
            for task in self.tasks.values()
            if task.state is JobStatus.QUEUED and task.not_before <= self.works.now
        ]
        claimed = self.sync(self.works.claim(room))
        assert len(claimed) == min(room, len(due))
        for one in claimed:
            task = self.tasks[one.task_id]
            assert task in due
            task.fence += 1
            assert one.fence == task.fence
            task.state, task.stepped = JobStatus.RUNNING, False
            task.lease_until = self.works.now + datetime.timedelta(seconds=30)
            self.sync(self.works.begin(one))
            self.jobs[task.job].begun = True
            self.jobs[task.job].revision += 1
        return multiple(*claimed)

    @rule(claimed=claims)
    def beat(self, claimed: Claim) -> None:
        async def work() -> set[uuid.UUID]:
            async with self.works.db.begin() as session:
                return await heartbeat(session, [claimed], lease_seconds=30)

        held = self.sync(work())
        assert (claimed.task_id in held) == self.holds(claimed)
        if held:
            self.tasks[claimed.task_id].lease_until = self.works.now + datetime.timedelta(seconds=30)

    @rule(claimed=claims)
    def step(self, claimed: Claim) -> None:
        self.sync(self.works.step(claimed))
        if self.holds(claimed):
            self.tasks[claimed.task_id].stepped = True

    @rule(claimed=claims)
    def save(self, claimed: Claim) -> None:
        if self.allowed(claimed, self.works.save(claimed)):
            self.tasks[claimed.task_id].advanced = True

    @rule(claimed=claims)
    def finish(self, claimed: Claim) -> None:
        if self.allowed(claimed, self.works.finish(claimed)):
            self.end(claimed.task_id, JobStatus.SUCCEEDED)

    @rule(claimed=claims)
    def fail(self, claimed: Claim) -> None:
        if not self.allowed(claimed, self.works.fail(claimed, max_tries=MAX_TRIES)):
            return
        task = self.tasks[claimed.task_id]
        task.tries += 1
        if task.tries >= MAX_TRIES:
            self.end(claimed.task_id, JobStatus.FAILED)
        else:
            self.requeue(claimed.task_id, seconds_until_retry(task.tries, noise=0.5))

    @rule(claimed=claims)
    def give_back(self, claimed: Claim) -> None:
        async def work() -> None:
            async with self.works.db.begin() as session:
                await release(session, claimed)

        if self.allowed(claimed, work()):
            self.requeue(claimed.task_id)

    # ------------------------------------------------------------ time and death

    @rule(seconds=st.sampled_from([1, 5, 31]))
    def wait(self, seconds: int) -> None:
        self.sync(self.works.sleep(seconds))

    @rule()
    def sweep(self) -> None:
        self.take_back(
            {key for key, task in self.running() if task.lease_until < self.works.now}, self.works.sweep()
        )

    @rule()
    def restart(self) -> None:
        self.take_back({key for key, _ in self.running()}, self.works.restart())

    def take_back(self, orphans: set[uuid.UUID], work: Any) -> None:
        assert self.sync(work) == len(orphans)
        for key in orphans:
            task = self.tasks[key]
            task.deaths += task.stepped and not task.advanced
            task.stepped = task.advanced = False
            if task.deaths == 3:
                task.fence += 1
                self.end(key, JobStatus.FAILED)
            else:
                self.requeue(key)

    # ------------------------------------------------------------ the model

    def holds(self, claimed: Claim) -> bool:
        task = self.tasks[claimed.task_id]
        return task.state is JobStatus.RUNNING and task.fence == claimed.fence

    def allowed(self, claimed: Claim, work: Any) -> bool:
        """Do it; whether it was done, which must be as the model says."""
        try:
            self.sync(work)
        except LeaseLostError:
            assert not self.holds(claimed)
            return False
        assert self.holds(claimed), (
            f"a run with fence {claimed.fence} wrote over {self.tasks[claimed.task_id]}"
        )
        return True

    def end(self, key: uuid.UUID, state: JobStatus) -> None:
        self.tasks[key].state = state
        self.jobs[self.tasks[key].job].revision += 1

    def requeue(self, key: uuid.UUID, seconds: float = 0.0) -> None:
        task = self.tasks[key]
        task.state = JobStatus.QUEUED
        task.fence += 1
        task.not_before = self.works.now + datetime.timedelta(seconds=seconds)
        self.jobs[task.job].revision += 1

    def of(self, job_id: uuid.UUID) -> list[ModelTask]:
        return [task for task in self.tasks.values() if task.job == job_id]

    def running(self) -> Iterator[tuple[uuid.UUID, ModelTask]]:
        return ((key, task) for key, task in self.tasks.items() if task.state is JobStatus.RUNNING)

    def status(self, job_id: uuid.UUID) -> JobStatus:
        job, states = self.jobs[job_id], {task.state for task in self.of(job_id)}
        if job.canceled:
            return JobStatus.CANCELED
        if states <= ENDED:
            return JobStatus.SUCCEEDED if JobStatus.SUCCEEDED in states else JobStatus.FAILED
        return JobStatus.RUNNING if job.begun else JobStatus.QUEUED

    @invariant()
    def rows_are_as_the_model_says(self) -> None:
        self.sync(self.compare())

    async def compare(self) -> None:
        async with self.works.db.session() as session:
            jobs = (await session.scalars(select(Job))).all()
            tasks = (await session.scalars(select(Task))).all()
            variants = {variant.id: variant for variant in await session.scalars(select(Variant))}
        assert {job.id: (job.status, job.revision) for job in jobs} == {
            key: (self.status(key), job.revision) for key, job in self.jobs.items()
        }
        for task in tasks:
            model = self.tasks[task.id]
            assert (task.state, task.fence, task.tries, task.deaths) == (
                model.state,
                model.fence,
                model.tries,
                model.deaths,
            )
            if task.state in VARIANT_STATES and task.variant_id is not None:
                assert variants[task.variant_id].status is VARIANT_STATES[task.state]


def run(databases: Copies, budget: settings) -> None:
    """Run the machine on a database of its own."""
    url = databases.create()
    sync = Sync()
    works = Clockwork(url)
    try:
        machine = type("Machine", (QueueMachine,), {"works": works, "sync": sync})
        run_state_machine_as_test(machine, settings=budget)
    finally:
        sync(works.db.close())
        sync.close()
        databases.drop(url)


def budget(examples: int, steps: int, **more: Any) -> settings:
    """How long the machine runs; the same every time."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        **more,
    )


def test_queue_follows_its_model(databases: Copies) -> None:
    run(databases, budget(20, 25))


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_queue_follows_its_model_for_long(databases: Copies) -> None:
    run(databases, budget(300, 40))


def test_machine_finds_a_missing_fence(databases: Copies, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutation check: with the fence taken out, a run that lost its lease writes over its successor."""

    async def unfenced(session: AsyncSession, claimed: Claim) -> Held:
        fence = await session.scalar(select(Task.fence).where(Task.id == claimed.task_id))
        return await hold(session, dataclasses.replace(claimed, fence=fence or 0))

    monkeypatch.setattr("tests.store.clockwork.hold", unfenced)
    with pytest.raises(AssertionError, match="wrote over"):
        run(databases, budget(200, 40, phases=[Phase.generate], report_multiple_bugs=False))
