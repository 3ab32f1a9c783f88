"""A provider that fails for a while: local work keeps its pace, and no job is lost to the provider's rest."""

import asyncio
import importlib
import statistics
import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from generators.hosted.generator import HostedGenerator
from generators.hosted.settings import HostedSettings
from generators.spec import FileRef
from store.database.sessions import Database
from store.database.tables import JobStatus, Lane, VariantStatus
from tests.executor import workshop as at
from tests.peers.openai import KEY, OpenAIPeer
from tests.peers.serving import Served, serving

pytestmark = pytest.mark.asyncio
GPT = "gpt-image-2.6-flare"
DOWN: dict[str, Any] = {
    "status": 503,
    "body": b'{"error": {"message": "overloaded", "code": "server_is_overloaded"}}',
}


def _hosted(served: Served, **settings: Any) -> HostedGenerator:
    async def open_file(_file: FileRef) -> bytes:
        raise FileNotFoundError

    importlib.import_module("openai.resources.images")  # takes longer than the leases of these tests
    given = {"openai_api_key": KEY, "openai_base_url": f"{served.url}/v1", **settings}
    return HostedGenerator(HostedSettings(**given), open_file)


async def _paces(shop: at.Workshop, owner: uuid.UUID, seconds: float) -> list[int]:
    """Milliseconds of each local picture made one after the other in that time."""
    took: list[int] = []
    until = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < until or len(took) < 5:
        job_id = await at.add_job(shop.db, at.Order(owner_id=owner, steps=8))
        await at.ended(shop, job_id)
        [variant] = await at.variants_of(shop.db, job_id)
        assert variant.status is VariantStatus.DRAFT
        took.append(variant.generation_time_ms or 0)
    return took


async def _story(db: Database, folder: Path, *, seconds: float, **settings: Any) -> None:
    with serving(OpenAIPeer().app) as served:
        hosted = _hosted(served, **settings)
        scripted = at.scripted(scripted_step_seconds=0.02)
        shop = at.build(db, folder, scripted, hosted)
        ann, bob = await at.add_user(db, "ann"), await at.add_user(db, "bob")
        async with at.started(shop):
            usual = await _paces(shop, ann, seconds / 6)
            served.faults.add("answer", times=10_000, **DOWN)
            order = at.Order(owner_id=bob, lane="openai", model=GPT)
            paid = [await at.add_job(db, order) for _ in range(8)]
            meanwhile = await _paces(shop, ann, seconds)
            arrived = served.faults.count("POST")
            seen = hosted.availability(GPT)
            served.faults.queue.clear()
            for job_id in paid:
                await at.ended(shop, job_id, timeout=120)
        await hosted.close()
        ends = [(await at.job_of(db, job_id)).status for job_id in paid]
    assert statistics.median(meanwhile) < 2 * statistics.median(usual) + 100  # milliseconds
    assert not seen.available
    assert "overloaded" in str(seen.reason)
    assert arrived < 8 * 5  # most of the waiting was done without sending
    assert ends == [JobStatus.SUCCEEDED] * 8  # the lane was closed, no job was


async def test_local_work_keeps_its_pace_while_a_provider_fails(db: Database, tmp_path: Path) -> None:
    await _story(db, tmp_path, seconds=3.0, hosted_breaker_failures=3, hosted_breaker_seconds=4.0)


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_local_work_keeps_its_pace_through_a_minute_of_failures(db: Database, tmp_path: Path) -> None:
    await _story(db, tmp_path, seconds=60.0, hosted_breaker_failures=5, hosted_breaker_seconds=10.0)


async def test_waiting_for_a_resting_provider_uses_up_no_try(db: Database, tmp_path: Path) -> None:
    with serving(OpenAIPeer().app) as served:
        served.faults.add("answer", times=10_000, **DOWN)
        hosted = _hosted(served, hosted_breaker_failures=1, hosted_breaker_seconds=300.0)
        shop = at.build(db, tmp_path, at.scripted(), hosted)
        owner = await at.add_user(db)
        order = at.Order(owner_id=owner, lane="openai", model=GPT)
        first = await at.add_job(db, order)
        async with at.started(shop):
            await at.until(lambda: _closed(db))
            second = await at.add_job(db, order)
            async with db.begin() as session:  # as another server would, which knows of no rest
                [lane] = (await session.scalars(select(Lane).where(Lane.name == "openai"))).all()
                lane.closed_until = None
            await at.until(lambda: _closed(db))
        await hosted.close()
        states = [(task.state, task.tries) for job in (first, second) for task in await at.tasks_of(db, job)]
    assert served.faults.count("POST") == 1
    assert sorted(tries for _, tries in states) == [0, 1]
    assert {state for state, _ in states} == {JobStatus.QUEUED}


async def _closed(db: Database) -> bool:
    async with db.session() as session:
        until = await session.scalar(select(Lane.closed_until).where(Lane.name == "openai"))
    return until is not None
