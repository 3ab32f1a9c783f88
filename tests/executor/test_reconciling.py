"""What became of paid calls is learned when the provider tells, and the bill is set right."""

import contextlib
import dataclasses
import importlib
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select, text

from executor.reconciling import Reconciling
from generators.hosted.generator import HostedGenerator
from generators.hosted.settings import HostedSettings
from generators.spec import FileRef
from store.database.sessions import Database
from store.database.tables import CallState, JobStatus, LedgerEntry, ProviderCall, Usage
from store.queue import cancel_job
from tests.executor import workshop as at
from tests.peers.openai import KEY, OpenAIPeer
from tests.peers.replicate import TOKEN, ReplicatePeer
from tests.peers.serving import Served, serving

pytestmark = pytest.mark.asyncio
ESTIMATE = Decimal("0.003")
STARTED = "2026-11-20T05:00:00Z"


@dataclasses.dataclass
class Scene:
    """A server with two providers."""

    db: Database
    shop: at.Workshop
    hosted: HostedGenerator
    peer: ReplicatePeer
    served: Served
    openai: Served
    reconciling: Reconciling

    async def canceled(self) -> None:
        """A job that its owner canceled while Replicate worked on it."""
        self.peer.behave = ["never"]
        owner = await at.add_user(self.db)
        order = at.Order(owner_id=owner, lane="replicate", model="flux-schnell", price=ESTIMATE)
        async with at.started(self.shop):
            job_id = await at.add_job(self.db, order)
            await at.until(self._accepted)
            async with self.db.begin() as session:
                await cancel_job(session, job_id)
            await at.ended(self.shop, job_id)

    async def _accepted(self) -> bool:
        return (await self.call()).state is CallState.ACCEPTED if self.peer.predictions else False

    async def call(self) -> ProviderCall:
        """The one paid call."""
        async with self.db.session() as session:
            return (await session.scalars(select(ProviderCall))).one()

    async def later(self, minutes: int = 2) -> None:
        """As if the call were so much older."""
        async with self.db.begin() as session:
            moved = "UPDATE provider_calls SET updated_at = updated_at - make_interval(mins => :by)"
            await session.execute(text(moved), {"by": minutes})

    async def spent(self) -> tuple[Decimal, Decimal]:
        """What the account says, and what its entries add up to."""
        async with self.db.session() as session:
            usage = (await session.scalars(select(Usage))).one()
            entries = select(func.sum(LedgerEntry.usd)).where(LedgerEntry.kind.in_(("CAPTURE", "CORRECT")))
            assert usage.held_usd == 0
            return usage.spent_usd, await session.scalar(entries) or Decimal(0)


@contextlib.asynccontextmanager
async def _scene(db: Database, folder: Path) -> AsyncIterator[Scene]:
    for library in ("openai.resources.images", "replicate.client"):
        importlib.import_module(library)  # takes longer than the leases of these tests
    peer = ReplicatePeer(time.time)

    async def open_file(_file: FileRef) -> bytes:
        raise FileNotFoundError

    with serving(peer.app) as served, serving(OpenAIPeer().app) as openai:
        peer.base = served.url
        settings: dict[str, Any] = {
            "replicate_api_token": TOKEN,
            "replicate_base_url": served.url,
            "openai_api_key": KEY,
            "openai_base_url": f"{openai.url}/v1",
            "hosted_allow_private": True,
            "hosted_poll_seconds": 0.02,
            "hosted_unknown_seconds": 0.2,
        }
        hosted = HostedGenerator(HostedSettings(**settings), open_file)
        shop = at.build(db, folder, at.scripted(), hosted, lease_seconds=20.0)
        try:
            yield Scene(db, shop, hosted, peer, served, openai, Reconciling(db, shop.models))
        finally:
            await hosted.close()


@pytest_asyncio.fixture
async def scene(db: Database, tmp_path: Path) -> AsyncIterator[Scene]:
    async with _scene(db, tmp_path) as scene:
        yield scene


@pytest.mark.parametrize(
    ("status", "started", "state", "billed"),
    [
        ("aborted", False, CallState.FAILED, Decimal(0)),
        ("failed", True, CallState.FAILED, Decimal(0)),
        ("canceled", True, CallState.FAILED, ESTIMATE),
        ("succeeded", True, CallState.SUCCEEDED, ESTIMATE),
    ],
)
async def test_bill_of_a_canceled_job_becomes_what_the_provider_billed(
    scene: Scene, status: str, *, started: bool, state: CallState, billed: Decimal
) -> None:
    await scene.canceled()
    assert await scene.spent() == (ESTIMATE, ESTIMATE)  # nobody knows yet, so it counts as its estimate
    row = scene.peer.predictions["p0000"]
    row["status"], row["started_at"] = status, STARTED if started else None  # polled yet or not when canceled
    await scene.later()
    sent = scene.served.faults.count("POST", "/flux-schnell/predictions")

    assert await scene.reconciling.reconcile() == 1

    call = await scene.call()
    assert (call.state, call.cost, call.provider_id) == (state, billed, "p0000")
    assert await scene.spent() == (billed, billed)
    async with scene.db.session() as session:
        job_id = await session.scalar(text("SELECT job_id FROM tasks"))
    job = await at.job_of(scene.db, job_id)
    assert (job.status, job.cost_usd) == (JobStatus.CANCELED, billed)
    assert await scene.reconciling.reconcile() == 0
    assert await scene.spent() == (billed, billed)
    assert scene.served.faults.count("POST", "/flux-schnell/predictions") == sent == 1


async def test_call_that_goes_on_is_looked_at_again_ever_more_rarely(scene: Scene) -> None:
    await scene.canceled()
    scene.peer.predictions["p0000"]["status"] = "processing"
    before = scene.served.faults.count("GET")
    assert await scene.reconciling.reconcile() == 0
    assert scene.served.faults.count("GET") == before  # too early
    await scene.later()
    assert await scene.reconciling.reconcile() == 0
    assert await scene.reconciling.reconcile() == 0
    assert scene.served.faults.count("GET") == before + 1
    assert (await scene.call()).state is CallState.ACCEPTED
    assert await scene.spent() == (ESTIMATE, ESTIMATE)


async def test_lost_call_is_known_once_a_webhook_tells_of_it(scene: Scene) -> None:
    scene.served.faults.add("lost", method="POST")
    owner = await at.add_user(scene.db)
    price = Decimal("0.04")
    order = at.Order(owner_id=owner, lane="replicate", model="seedream-4.5", price=price)
    async with at.started(scene.shop):
        job_id = await at.add_job(scene.db, order)
        await at.ended(scene.shop, job_id)
    call = await scene.call()
    assert (call.state, call.provider_id) == (CallState.UNKNOWN, None)
    scene.peer.predictions["p0000"] |= {"status": "succeeded", "started_at": STARTED}
    await scene.later()
    assert await scene.reconciling.reconcile() == 0  # nobody knows its id

    scene.hosted.nudge("p0000", key=call.key)
    await scene.later()
    assert await scene.reconciling.reconcile() == 1

    call = await scene.call()
    assert (call.state, call.provider_id, call.cost) == (CallState.SUCCEEDED, "p0000", price)
    job = await at.job_of(scene.db, job_id)
    assert (job.status, job.failure_code, job.cost_usd) == (JobStatus.FAILED, "OUTCOME_UNKNOWN", price)
    assert await scene.spent() == (price, price)


async def test_provider_that_cannot_be_asked_is_not(scene: Scene) -> None:
    scene.openai.faults.add("lost", method="POST")
    owner = await at.add_user(scene.db)
    order = at.Order(owner_id=owner, lane="openai", model="gpt-image-2", price=Decimal("0.128"))
    async with at.started(scene.shop):
        await at.ended(scene.shop, await at.add_job(scene.db, order))
    await scene.later()
    asked = len(scene.openai.faults.requests)
    assert await scene.reconciling.reconcile() == 0
    assert (await scene.call()).state is CallState.UNKNOWN
    assert len(scene.openai.faults.requests) == asked == 1
