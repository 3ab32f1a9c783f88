"""Live progress: whole states, in order, conflated, until a final one; also from a server that runs nothing."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from executor.flushing import Flusher
from executor.states import JobState, ask_for_previews, read_rows
from generators.events import Phase
from store.database.sessions import Database
from store.database.tables import JobStatus, TaskProgress, VariantStatus
from store.queue import cancel_job
from store.wire import Wire
from tests.executor import workshop as at
from tests.patience import PATIENCE

pytestmark = pytest.mark.asyncio


async def all_states(shop: at.Workshop, job_id: uuid.UUID, *, previews: bool = False) -> list[JobState]:
    async with asyncio.timeout(PATIENCE):
        return [state async for state in shop.progress.watch(job_id, previews=previews)]


@contextlib.asynccontextmanager
async def watched_before_it_begins(shop: at.Workshop, job_id: uuid.UUID) -> AsyncIterator[list[JobState]]:
    """The server at work once somebody has the first state; at the end every state has come."""
    states: list[JobState] = []
    first = asyncio.Event()

    async def watch() -> None:
        async for state in shop.progress.watch(job_id):
            states.append(state)
            first.set()

    watching = asyncio.create_task(watch())
    await first.wait()
    async with at.started(shop), asyncio.timeout(PATIENCE):
        yield states
        await watching


async def test_states_rise_from_now_to_a_final_one(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path, at.scripted(scripted_step_seconds=0.03))
    job_id = await at.add_job(db, at.Order(owner_id=owner, count=2, steps=10))
    async with watched_before_it_begins(shop, job_id) as states:
        pass
    first, last = states[0], states[-1]
    assert (first.job.status, first.phase, first.sequence) == (JobStatus.QUEUED, "QUEUED", 1 << 20)
    assert (first.queue_position, first.fraction) == (1, 0.0)
    assert [(one.step, one.steps) for one in first.variants] == [(0, 10), (0, 10)]
    sequences = [state.sequence for state in states]
    assert sequences == sorted(set(sequences))
    assert (last.job.status, last.phase, last.fraction) == (JobStatus.SUCCEEDED, "SUCCEEDED", 1.0)
    assert last.sequence == last.job.revision << 20
    assert [(one.step, one.steps, one.fraction, one.preview) for one in last.variants] == [
        (10, 10, 1.0, None)
    ] * 2
    assert [state.final for state in states].count(True) == 1
    assert (last.queue_position, last.eta_seconds) == (None, None)
    phases = {state.phase for state in states}
    assert Phase.DENOISING.value in phases
    steps = [state.variants[0].step for state in states]
    assert steps == sorted(steps)
    assert len(set(steps)) > 4


async def test_at_most_twenty_states_a_second(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path, at.scripted(scripted_step_seconds=0.001, scripted_save_every=0))
    job_id = await at.add_job(db, at.Order(owner_id=owner, steps=600))
    async with at.started(shop):
        began = time.monotonic()
        states = await all_states(shop, job_id)
        seconds = time.monotonic() - began
    assert len(states) <= 20 * seconds + 2
    assert states[-1].final


async def test_slow_reader_gets_the_newest_state_and_the_final_one(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path, at.scripted(scripted_step_seconds=0.005))
    job_id = await at.add_job(db, at.Order(owner_id=owner, steps=60))
    seen: list[JobState] = []
    async with at.started(shop), contextlib.aclosing(shop.progress.watch(job_id)) as states:
        async for state in states:
            seen.append(state)
            if len(seen) == 1:
                await at.ended(shop, job_id)  # the first reader sleeps until the job is over
    assert len(seen) == 2
    assert seen[1].final


async def test_final_job_is_one_state(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path)
    job_id = await at.add_job(db, at.Order(owner_id=owner))
    async with db.begin() as session:
        await cancel_job(session, job_id)
    (state,) = await all_states(shop, job_id)
    assert (state.job.status, state.phase, state.sequence) == (JobStatus.CANCELED, "CANCELED", 2 << 20)
    await shop.progress.close()


async def test_missing_job_is_none_and_no_states(db: Database, tmp_path: Path) -> None:
    shop = at.build(db, tmp_path)
    assert await shop.progress.now(uuid.uuid4()) is None
    assert await all_states(shop, uuid.uuid4()) == []
    await shop.progress.close()


async def test_reconnect_is_up_to_date_with_its_first_state(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path, at.scripted(scripted_step_seconds=0.01))
    job_id = await at.add_job(db, at.Order(owner_id=owner, steps=60))
    last = -1
    async with at.started(shop), asyncio.timeout(PATIENCE):
        final = False
        while not final:
            async with contextlib.aclosing(shop.progress.watch(job_id)) as states:
                async for state in states:
                    assert state.sequence >= last
                    last, final = state.sequence, state.final
                    break
    assert last & 0xFFFFF == 0


async def test_watching_changes_nothing(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path)
    job_id = await at.add_job(db, at.Order(owner_id=owner))
    before = (await at.job_of(db, job_id)).revision
    await at.seen(shop, job_id, lambda _state: True)
    assert shop.progress._feeds == {}
    await shop.progress.close()
    assert (await at.job_of(db, job_id)).revision == before


async def test_previews_are_made_only_while_somebody_asks(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path, at.scripted(scripted_step_seconds=0.02))
    plain = await at.add_job(db, at.Order(owner_id=owner, steps=12, prompt="plain"))
    seen = await at.add_job(db, at.Order(owner_id=owner, steps=12, prompt="seen"))
    async with at.started(shop):
        without, with_ = await asyncio.gather(all_states(shop, plain), all_states(shop, seen, previews=True))
    assert {one.preview for state in without for one in state.variants} == {None}
    previews = [one.preview for state in with_ for one in state.variants if one.preview]
    assert previews
    assert previews[0].data_uri.startswith("data:image/webp;base64,")
    assert (previews[0].width, previews[0].height) == (8, 8)
    assert with_[-1].variants[0].preview is None
    assert not shop.board.watched(seen)


@pytest.mark.parametrize("asked", [False, True], ids=["linear", "sharp"])
async def test_another_server_sees_steps_and_previews(
    db: Database, database_url: str, tmp_path: Path, asked: bool
) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path, at.scripted(scripted_step_seconds=0.05))
    elsewhere = Database(database_url)
    other = at.build(elsewhere, tmp_path)
    wire = Wire(elsewhere, other.broadcast)
    wire.start()
    job_id = await at.add_job(db, at.Order(owner_id=owner, steps=40))
    async with at.started(shop):
        states, sharp = [], set()
        async with contextlib.aclosing(other.progress.watch(job_id, previews=True, sharp=asked)) as watching:
            async for state in watching:
                states.append(state)
                sharp |= {one.sharp_elsewhere for one in shop.board.standings()}
    await other.progress.close()
    await wire.stop()
    await elsewhere.close()
    sequences = [state.sequence for state in states]
    assert sequences == sorted(set(sequences))
    steps = {state.variants[0].step for state in states if state.job.status is JobStatus.RUNNING}
    assert len(steps) > 3
    assert any(state.variants[0].preview for state in states)
    assert states[-1].variants[0].variant.status is VariantStatus.DRAFT
    assert (True in sharp) == asked


async def test_a_run_that_has_not_reported_cannot_be_asked_for_previews_yet(
    db: Database, tmp_path: Path
) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path, flush_seconds=60.0)
    job_id = await at.add_job(db, at.Order(owner_id=owner, prompt="[hold_at=2]"))
    rows = await read_rows(db, shop.board, job_id)
    assert rows is not None
    assert not await ask_for_previews(db, rows.tasks, seconds=10)
    async with at.started(shop):
        await at.seen(shop, job_id, lambda state: state.variants[0].step == 1)
        await Flusher(db, shop.board, 1.0).flush()
        assert await ask_for_previews(db, rows.tasks, seconds=10)
        async with db.begin() as session:
            await cancel_job(session, job_id)


async def test_cancel_is_seen_at_once(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path, watch_poll_seconds=60.0)
    job_id = await at.add_job(db, at.Order(owner_id=owner, prompt="[hold_at=2]"))
    async with at.started(shop):
        watching = asyncio.create_task(all_states(shop, job_id))
        await at.seen(shop, job_id, lambda state: state.variants[0].step == 1)
        async with db.begin() as session:
            await cancel_job(session, job_id)
        states = await asyncio.wait_for(watching, 30)  # half a poll
    assert states[-1].job.status is JobStatus.CANCELED
    assert states[-1].variants[0].variant.status is VariantStatus.CANCELED


async def test_estimate_is_by_pace_and_by_what_was_measured(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path, at.scripted(scripted_step_seconds=0.05), local_capacity=1)
    shop.models.measured("scripted", 10.0)
    job_id = await at.add_job(db, at.Order(owner_id=owner, steps=40, count=2))
    async with at.started(shop):
        began = time.monotonic()
        state = await at.seen(
            shop, job_id, lambda state: state.variants[0].step >= 5 and state.eta_seconds is not None
        )
        seconds = time.monotonic() - began
    assert state.eta_seconds is not None
    step = state.variants[0].step
    slowest = max(0.05, seconds / step)  # of a machine that does much else
    assert 10.0 + (40 - step) * 0.05 * 0.5 < state.eta_seconds < 10.0 + (40 - step) * slowest * 4


async def test_waiting_jobs_place_falls_as_others_are_served(db: Database, tmp_path: Path) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path, at.scripted(scripted_step_seconds=0.05), local_capacity=1)
    await at.add_job(db, at.Order(owner_id=owner, count=5, steps=20))
    job_id = await at.add_job(db, at.Order(owner_id=owner, steps=1))
    async with watched_before_it_begins(shop, job_id) as states:
        pass
    places = [state.queue_position for state in states if state.queue_position is not None]
    assert places[0] >= 5
    assert places == sorted(places, reverse=True)
    assert len(set(places)) > 1


@pytest.mark.parametrize("exclusive", [True, False])
async def test_steps_are_written_for_other_servers_where_there_can_be_any(
    db: Database, tmp_path: Path, exclusive: bool
) -> None:
    owner = await at.add_user(db)
    shop = at.build(db, tmp_path, at.scripted())
    job_id = await at.add_job(db, at.Order(owner_id=owner, prompt="[hold_at=3]", steps=10))

    async def stepped() -> bool:
        return (await at.tasks_of(db, job_id))[0].stepped

    async def written() -> bool:
        async with db.session() as session:
            rows = (await session.scalars(select(TaskProgress))).all()
        return bool(rows)

    async with at.started(shop, exclusive=exclusive):
        await at.until(stepped)  # a crash from here on counts as one, either way
        if not exclusive:
            await at.until(written)
        assert await written() is (not exclusive)
        async with db.begin() as session:
            await cancel_job(session, job_id)
