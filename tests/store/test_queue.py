"""The queue on a real PostgreSQL, its time moved by the test."""

import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from store.database.tables import JobStatus, VariantStatus
from store.queue import (
    Claim,
    Failure,
    LeaseLostError,
    cancel_job,
    close_lane,
    depths,
    heartbeat,
    queue_position,
    release,
    seconds_until_retry,
)
from tests.executor import workshop as at
from tests.store.clockwork import Clockwork

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def works(database_url: str) -> AsyncIterator[Clockwork]:
    clockwork = Clockwork(database_url)
    await clockwork.clear()
    yield clockwork
    await clockwork.db.close()


async def one_claim(works: Clockwork, owner: uuid.UUID | None = None, **order: object) -> Claim:
    owner = owner or await at.add_user(works.db)
    await at.add_job(works.db, at.Order(owner_id=owner, **order))  # type: ignore[arg-type] # any field of an order
    (claimed,) = await works.claim()
    await works.begin(claimed)
    return claimed


# ---------------------------------------------------------------- order


async def test_own_tasks_go_by_priority_then_age(works: Clockwork) -> None:
    ada = await at.add_user(works.db)
    jobs = [await at.add_job(works.db, at.Order(owner_id=ada, priority=p)) for p in (0, 5, 0, 5)]
    order = [claimed.job_id for claimed in await works.claim(4)]
    assert order == [jobs[1], jobs[3], jobs[0], jobs[2]]


async def test_a_thousand_jobs_of_one_user_do_not_delay_anothers_first(works: Clockwork) -> None:
    bob = await at.add_user(works.db, "bob")
    await at.add_job(works.db, at.Order(owner_id=bob, count=1000))
    assert {claimed.owner_id for claimed in await works.claim(50)} == {bob}
    ann = await at.add_user(works.db, "ann")
    await at.add_job(works.db, at.Order(owner_id=ann))
    assert [claimed.owner_id for claimed in await works.claim(2)] in ([ann, bob], [bob, ann])


async def test_users_take_turns_and_small_ones_are_done_early(works: Clockwork) -> None:
    bob = await at.add_user(works.db, "bob")
    await at.add_job(works.db, at.Order(owner_id=bob, count=200))
    small = [await at.add_user(works.db, f"small {number}") for number in range(20)]
    for owner in small:
        await at.add_job(works.db, at.Order(owner_id=owner, count=3))
    served = [(await works.claim())[0].owner_id for _ in range(63)]
    assert set(served[:21]) == {bob, *small}
    assert served.count(bob) == 3


async def test_somebody_who_was_away_has_no_turns_saved_up(works: Clockwork) -> None:
    ann, bob = await at.add_user(works.db, "ann"), await at.add_user(works.db, "bob")
    await at.add_job(works.db, at.Order(owner_id=ann))
    await works.claim()
    await at.add_job(works.db, at.Order(owner_id=bob, count=40))
    for _ in range(20):
        await works.claim()
    await at.add_job(works.db, at.Order(owner_id=ann, count=40))
    served = [(await works.claim())[0].owner_id for _ in range(10)]
    assert served.count(ann) == 5


async def test_warm_model_overtakes_and_says_so(works: Clockwork) -> None:
    ada = await at.add_user(works.db)
    await at.add_job(works.db, at.Order(owner_id=ada, model="cold"))
    await at.add_job(works.db, at.Order(owner_id=ada, model="warm"))
    (first,) = await works.claim(warm=["warm"])
    assert (first.model_key, first.overtook) == ("warm", True)
    (second,) = await works.claim(warm=["warm"])
    assert (second.model_key, second.overtook) == ("cold", False)


async def test_warm_model_beyond_the_look_ahead_does_not_overtake(works: Clockwork) -> None:
    ada = await at.add_user(works.db)
    await at.add_job(works.db, at.Order(owner_id=ada, model="cold", count=33))
    await at.add_job(works.db, at.Order(owner_id=ada, model="warm"))
    (first,) = await works.claim(warm=["warm"])
    assert first.model_key == "cold"
    (second,) = await works.claim(warm=["warm"])
    assert second.model_key == "warm"


async def test_lanes_do_not_mix(works: Clockwork) -> None:
    ada = await at.add_user(works.db)
    await at.add_job(works.db, at.Order(owner_id=ada, lane="openai"))
    await at.add_job(works.db, at.Order(owner_id=ada, count=2))
    assert len(await works.claim(5)) == 2
    async with works.db.session() as session:
        assert await depths(session) == {"openai": 1}


async def test_closed_lane_gives_nothing_until_it_opens(works: Clockwork) -> None:
    ada = await at.add_user(works.db)
    await at.add_job(works.db, at.Order(owner_id=ada))
    for seconds in (30, 10):  # a shorter closure does not shorten a longer one
        async with works.db.begin() as session:
            await close_lane(session, "local", seconds=seconds, reason="429")
    await works.sleep(29.9)
    assert await works.claim() == []
    await works.sleep(0.2)
    assert len(await works.claim()) == 1


async def test_position_counts_what_is_served_first(works: Clockwork) -> None:
    bob, ann = await at.add_user(works.db, "bob"), await at.add_user(works.db, "ann")
    first = await at.add_job(works.db, at.Order(owner_id=bob, count=10))
    second = await at.add_job(works.db, at.Order(owner_id=bob))
    await works.claim(4)
    third = await at.add_job(works.db, at.Order(owner_id=ann, count=2))
    async with works.db.session() as session:
        places = [await queue_position(session, job_id) for job_id in (first, second, third)]
        assert await queue_position(session, uuid.uuid4()) is None
    # bob's tags go on at 4, ann starts at the lane's 3: hers come before his, as far as both are ahead
    assert places[2] == 1
    assert places[0] in (2, 3)
    assert places[1] == 6 + 2 + 1


# ---------------------------------------------------------------- leases and fences


async def test_claims_carry_rising_fences(works: Clockwork) -> None:
    claimed = await one_claim(works)
    assert claimed.fence == 1
    await works.sleep(31)
    assert await works.sweep() == 1
    (again,) = await works.claim()
    assert (again.task_id, again.fence) == (claimed.task_id, 3)


async def test_lost_claim_can_write_nothing(works: Clockwork) -> None:
    lost = await one_claim(works)
    await works.sleep(31)
    await works.sweep()
    (held,) = await works.claim()
    for attempt in (works.begin, works.finish, works.fail, works.save):
        with pytest.raises(LeaseLostError):
            await attempt(lost)
    with pytest.raises(LeaseLostError):
        async with works.db.begin() as session:
            await release(session, lost)
    await works.step(lost)
    async with works.db.begin() as session:
        assert await heartbeat(session, [lost], lease_seconds=30) == set()
    task = await works.task(lost.task_id)
    assert (task.state, task.fence, task.tries, task.deaths) == (JobStatus.RUNNING, held.fence, 0, 0)
    assert not task.stepped
    assert not task.advanced
    await works.finish(held)


async def test_heartbeat_keeps_the_lease(works: Clockwork) -> None:
    claimed = await one_claim(works)
    for _ in range(5):
        await works.sleep(20)
        async with works.db.begin() as session:
            assert await heartbeat(session, [claimed], lease_seconds=30) == {claimed.task_id}
        assert await works.sweep() == 0
    await works.sleep(30.1)
    assert await works.sweep() == 1


async def test_release_changes_neither_tries_nor_deaths(works: Clockwork) -> None:
    claimed = await one_claim(works)
    await works.step(claimed)
    async with works.db.begin() as session:
        await release(session, claimed)
    task = await works.task(claimed.task_id)
    assert (task.state, task.tries, task.deaths, task.worker) == (JobStatus.QUEUED, 0, 0, None)
    (variant,) = await at.variants_of(works.db, claimed.job_id or uuid.uuid4())
    assert variant.status is VariantStatus.QUEUED
    (again,) = await works.claim()
    assert again.task_id == claimed.task_id


# ---------------------------------------------------------------- deaths


async def die(works: Clockwork, *, stepped: bool = True, saved: bool = False) -> None:
    (claimed,) = await works.claim()
    await works.begin(claimed)
    if stepped:
        await works.step(claimed)
    if saved:
        await works.save(claimed)
    await works.sleep(31)
    await works.sweep()


async def test_third_death_parks_the_task_as_poison(works: Clockwork) -> None:
    ada = await at.add_user(works.db)
    job_id = await at.add_job(works.db, at.Order(owner_id=ada))
    for _ in range(3):
        await die(works)
    (task,) = await at.tasks_of(works.db, job_id)
    assert (task.state, task.deaths, task.failure_code) == (JobStatus.FAILED, 3, "POISON")
    (variant,) = await at.variants_of(works.db, job_id)
    assert (variant.status, variant.failure_code) == (VariantStatus.FAILED, "POISON")
    job = await at.job_of(works.db, job_id)
    assert (job.status, job.failure_code, job.failure_retryable) == (JobStatus.FAILED, "POISON", False)
    assert await works.claim() == []


async def test_death_without_a_step_does_not_count(works: Clockwork) -> None:
    ada = await at.add_user(works.db)
    job_id = await at.add_job(works.db, at.Order(owner_id=ada))
    for _ in range(5):
        await die(works, stepped=False)
    (task,) = await at.tasks_of(works.db, job_id)
    assert (task.state, task.deaths, task.fence) == (JobStatus.QUEUED, 0, 10)


async def test_death_after_progress_does_not_count(works: Clockwork) -> None:
    ada = await at.add_user(works.db)
    job_id = await at.add_job(works.db, at.Order(owner_id=ada))
    for _ in range(5):
        await die(works, saved=True)
    (task,) = await at.tasks_of(works.db, job_id)
    assert (task.state, task.deaths) == (JobStatus.QUEUED, 0)
    for _ in range(3):
        await die(works)
    (task,) = await at.tasks_of(works.db, job_id)
    assert (task.state, task.deaths) == (JobStatus.FAILED, 3)


async def test_restart_takes_fresh_leases_back_and_counts_like_a_sweep(works: Clockwork) -> None:
    claimed = await one_claim(works)
    await works.step(claimed)
    assert await works.sweep() == 0
    assert await works.restart() == 1
    task = await works.task(claimed.task_id)
    assert (task.state, task.deaths, task.fence) == (JobStatus.QUEUED, 1, 2)


# ---------------------------------------------------------------- retries


async def test_retry_waits_twice_as_long_each_time_and_ends(works: Clockwork) -> None:
    claimed = await one_claim(works)
    for tries, wait in ((1, 2), (2, 4), (3, 8), (4, 16)):
        assert await works.fail(claimed)
        assert (await works.task(claimed.task_id)).tries == tries
        await works.sleep(wait - 0.1)
        assert await works.claim() == []
        await works.sleep(0.2)
        (claimed,) = await works.claim()
    assert not await works.fail(claimed)
    task = await works.task(claimed.task_id)
    assert (task.state, task.tries, task.failure_code) == (JobStatus.FAILED, 5, "PROVIDER_DOWN")
    job = await at.job_of(works.db, claimed.job_id or uuid.uuid4())
    assert (job.status, job.failed_count, job.failure_retryable) == (JobStatus.FAILED, 1, True)


async def test_retry_after_is_honoured(works: Clockwork) -> None:
    claimed = await one_claim(works)
    failure = Failure(code="RATE_LIMITED", message="429", retryable=True, retry_after=50)
    assert await works.fail(claimed, failure)
    await works.sleep(49.9)
    assert await works.claim() == []
    await works.sleep(0.2)
    assert len(await works.claim()) == 1


async def test_failure_that_is_not_retryable_ends_at_once(works: Clockwork) -> None:
    claimed = await one_claim(works)
    failure = Failure(code="BAD_REQUEST", message="no")
    assert not await works.fail(claimed, failure)
    task = await works.task(claimed.task_id)
    assert (task.state, task.tries, task.failure_message) == (JobStatus.FAILED, 0, "no")


@pytest.mark.parametrize(
    ("tries", "noise", "seconds"),
    [(1, 0.0, 1.8), (1, 1.0, 2.2), (3, 0.5, 8.0), (10, 0.5, 1024.0), (99, 0.5, 1024.0)],
)
async def test_backoff_doubles_within_ten_percent_and_is_capped(
    tries: int, noise: float, seconds: float
) -> None:
    assert seconds_until_retry(tries, noise=noise) == pytest.approx(seconds)


# ---------------------------------------------------------------- the job


async def test_job_with_one_made_of_three_succeeds_and_tells_the_rest(works: Clockwork) -> None:
    ada = await at.add_user(works.db)
    job_id = await at.add_job(works.db, at.Order(owner_id=ada, count=3))
    first, second, third = await works.claim(3)
    for claimed in (first, second, third):
        await works.begin(claimed)
    failure = Failure(code="BAD_REQUEST", message="no")
    await works.fail(first, failure)
    await works.finish(second)
    assert (await at.job_of(works.db, job_id)).status is JobStatus.RUNNING
    await works.fail(third, failure)
    job = await at.job_of(works.db, job_id)
    assert (job.status, job.failed_count, job.failure_code) == (JobStatus.SUCCEEDED, 2, None)
    assert job.revision == 7
    assert job.finished_at == works.now


async def test_job_without_variants_follows_its_task(works: Clockwork) -> None:
    ada = await at.add_user(works.db)
    job_id = await at.add_text_job(works.db, at.Order(owner_id=ada))
    (claimed,) = await works.claim()
    await works.begin(claimed)
    await works.finish(claimed)
    job = await at.job_of(works.db, job_id)
    assert (job.status, job.message) == (JobStatus.SUCCEEDED, None)


async def test_cancel_ends_what_waits_and_runs_and_keeps_what_is_made(works: Clockwork) -> None:
    ada = await at.add_user(works.db)
    job_id = await at.add_job(works.db, at.Order(owner_id=ada, count=3))
    made, going = await works.claim(2)
    for claimed in (made, going):
        await works.begin(claimed)
    await works.finish(made)
    for _ in range(2):  # the second one changes nothing
        async with works.db.begin() as session:
            job = await cancel_job(session, job_id)
        assert job is not None
        assert (job.status, job.revision, job.finished_at is not None) == (JobStatus.CANCELED, 5, True)
    states = [task.state for task in await at.tasks_of(works.db, job_id)]
    assert states == [JobStatus.SUCCEEDED, JobStatus.CANCELED, JobStatus.CANCELED]
    statuses = [variant.status for variant in await at.variants_of(works.db, job_id)]
    assert statuses[1:] == [VariantStatus.CANCELED] * 2
    with pytest.raises(LeaseLostError):
        await works.finish(going)
    assert (await at.job_of(works.db, job_id)).status is JobStatus.CANCELED
    assert await works.claim(5) == []


async def test_cancel_of_a_missing_job_is_none(works: Clockwork) -> None:
    async with works.db.begin() as session:
        assert await cancel_job(session, uuid.uuid4()) is None
