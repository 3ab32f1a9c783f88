"""store.ledger: what is promised, billed and given back, and that it adds up."""

import asyncio
import datetime
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from store import ledger
from store.database.ids import new_id
from store.database.sessions import Database
from store.database.tables import (
    CallState,
    LedgerEntry,
    LedgerKind,
    Limits,
    ProviderCall,
    Usage,
)
from store.ledger import Bound, Exceeded
from store.queue import Failure, cancel_job
from tests.executor import workshop as at
from tests.store.clockwork import Clockwork

pytestmark = pytest.mark.asyncio
FAILED = Failure(code="REJECTED_CONTENT", message="no")
FOUR_CENTS = Decimal("0.04")


@pytest_asyncio.fixture
async def works(database_url: str) -> AsyncIterator[Clockwork]:
    """A queue whose time the test moves."""
    made = Clockwork(database_url)
    await made.clear()
    yield made
    await made.db.close()


async def limit(db: Database, user_id: uuid.UUID, **limits: Any) -> None:
    """What that user may do from now on."""
    async with db.begin() as session:
        await session.merge(Limits(user_id=user_id, **limits))


async def standing(db: Database, user_id: uuid.UUID) -> tuple[int, int, Decimal, Decimal]:
    """Pictures today and this month, spent, held."""
    async with db.session() as session:
        found = await ledger.account(session, user_id)
    assert found is not None
    return found.images_today, found.images_this_month, found.spent_usd, found.held_usd


async def entries(db: Database) -> list[tuple[str, Decimal, int, bool]]:
    """Every movement, oldest first."""
    async with db.session() as session:
        rows = await session.scalars(select(LedgerEntry).order_by(LedgerEntry.id))
        return [(row.kind.value, row.usd, row.images, row.estimated) for row in rows]


async def called(works: Clockwork, task_id: uuid.UUID, state: CallState, **facts: Any) -> None:
    """A paid call of that task."""
    async with works.db.begin() as session:
        call = {"key": str(new_id()), "provider": "OPENAI", "model": "m", "estimate": FOUR_CENTS, **facts}
        session.add(ProviderCall(task_id=task_id, state=state, **call))


async def priced(works: Clockwork, **order: Any) -> tuple[uuid.UUID, uuid.UUID, Any]:
    """A user, a job of theirs at four cents a picture, and the claims of its tasks."""
    ann = await at.add_user(works.db)
    job_id = await at.add_job(works.db, at.Order(owner_id=ann, price=FOUR_CENTS, **order))
    claims = await works.claim(room=8)
    for claim in claims:
        await works.begin(claim)
    return ann, job_id, claims


async def test_enqueue_holds_and_a_made_picture_is_billed_as_the_provider_did(works: Clockwork) -> None:
    ann, _, [first, second] = await priced(works, count=2)
    assert await standing(works.db, ann) == (2, 2, Decimal(0), Decimal("0.08"))
    await called(works, first.task_id, CallState.SUCCEEDED, cost=Decimal("0.05"))
    await works.finish(first)
    assert await standing(works.db, ann) == (2, 2, Decimal("0.05"), Decimal("0.04"))
    await works.fail(second, FAILED)
    assert await standing(works.db, ann) == (1, 1, Decimal("0.05"), Decimal(0))
    assert await entries(works.db) == [
        ("HOLD", FOUR_CENTS, 1, False),
        ("HOLD", FOUR_CENTS, 1, False),
        ("RELEASE", -FOUR_CENTS, -1, False),
        ("CAPTURE", Decimal("0.05"), 1, False),
        ("RELEASE", -FOUR_CENTS, -1, False),
    ]


async def test_failure_releases_only_what_was_not_billed(works: Clockwork) -> None:
    ann, _, [claim] = await priced(works)
    await called(works, claim.task_id, CallState.FAILED, cost=Decimal("0.01"))
    await called(works, claim.task_id, CallState.FAILED, cost=Decimal(0))
    await works.fail(claim, FAILED)
    assert await standing(works.db, ann) == (0, 0, Decimal("0.01"), Decimal(0))


@pytest.mark.parametrize("state", [CallState.INTENDED, CallState.ACCEPTED, CallState.UNKNOWN])
async def test_call_of_unknown_fate_is_billed_as_its_estimate_until_corrected(
    works: Clockwork, state: CallState
) -> None:
    ann, job_id, [claim] = await priced(works)
    await called(works, claim.task_id, state)
    async with works.db.begin() as session:
        await cancel_job(session, job_id)
    assert await standing(works.db, ann) == (0, 0, FOUR_CENTS, Decimal(0))
    assert (await entries(works.db))[-1] == ("CAPTURE", FOUR_CENTS, 0, True)
    for truth, spent in ((Decimal("0.03"), "-0.01"), (Decimal("0.03"), "0"), (Decimal(0), "-0.03")):
        async with works.db.begin() as session:
            assert await ledger.correct(session, claim.task_id, truth) == Decimal(spent)
        assert await standing(works.db, ann) == (0, 0, truth, Decimal(0))


async def test_retryable_failure_keeps_the_hold(works: Clockwork) -> None:
    ann, _, [claim] = await priced(works)
    assert await works.fail(claim)
    assert await standing(works.db, ann) == (1, 1, Decimal(0), FOUR_CENTS)


async def test_settling_again_changes_nothing(works: Clockwork) -> None:
    ann, job_id, [claim] = await priced(works)
    await works.finish(claim)
    before = await entries(works.db)
    async with works.db.begin() as session:
        await ledger.settle_jobs(session, [job_id])
    assert await entries(works.db) == before
    assert await standing(works.db, ann) == (1, 1, Decimal(0), Decimal(0))


async def test_free_texts_leave_no_trace_and_free_pictures_count(works: Clockwork) -> None:
    ann = await at.add_user(works.db)
    await at.add_text_job(works.db, at.Order(owner_id=ann, prompt="p"))
    assert await entries(works.db) == []
    await at.add_job(works.db, at.Order(owner_id=ann, count=3))
    assert await standing(works.db, ann) == (3, 3, Decimal(0), Decimal(0))


async def test_picture_counts_on_the_day_it_was_asked_for(works: Clockwork) -> None:
    await works.set(datetime.datetime(2026, 1, 31, 23, 59, tzinfo=datetime.UTC))
    ann, _, [claim] = await priced(works)
    await works.sleep(120)
    assert await standing(works.db, ann) == (0, 0, Decimal(0), Decimal(0))
    await called(works, claim.task_id, CallState.SUCCEEDED, cost=FOUR_CENTS)
    await works.finish(claim)
    assert await standing(works.db, ann) == (0, 0, Decimal(0), Decimal(0))
    async with works.db.session() as session:
        [usage] = (await session.scalars(select(Usage))).all()
    assert (usage.month, usage.days, usage.images, usage.spent_usd) == (
        datetime.date(2026, 1, 1),
        {"31": 1},
        1,
        FOUR_CENTS,
    )


@pytest.mark.parametrize(
    ("limits", "bound", "left", "renews"),
    [
        ({"daily_images": 5}, Bound.DAY, 2, datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)),
        ({"monthly_images": 5}, Bound.MONTH, 2, datetime.datetime(2026, 2, 1, tzinfo=datetime.UTC)),
        (
            {"monthly_budget_usd": Decimal("0.20")},
            Bound.BUDGET,
            Decimal("0.08"),
            datetime.datetime(2026, 2, 1, tzinfo=datetime.UTC),
        ),
        (
            {"daily_images": 5, "monthly_images": 5},
            Bound.DAY,
            2,
            datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        ),
    ],
)
async def test_limit_refuses_all_of_a_job_and_says_what_is_left(
    works: Clockwork, limits: Any, bound: Bound, left: Any, renews: datetime.datetime
) -> None:
    ann, _, _ = await priced(works, count=3)
    await limit(works.db, ann, **limits)
    before = await entries(works.db)
    with pytest.raises(Exceeded) as refusal:
        await at.add_job(works.db, at.Order(owner_id=ann, count=3, price=FOUR_CENTS))
    found = refusal.value
    assert (found.bound, found.left, found.renews_at) == (bound, left, renews)
    assert await entries(works.db) == before
    await at.add_job(works.db, at.Order(owner_id=ann, count=2, price=FOUR_CENTS))
    assert (await standing(works.db, ann))[:2] == (5, 5)


async def test_released_pictures_can_be_asked_for_again(works: Clockwork) -> None:
    ann, job_id, _ = await priced(works, count=3)
    await limit(works.db, ann, daily_images=3)
    async with works.db.begin() as session:
        await cancel_job(session, job_id)
    await at.add_job(works.db, at.Order(owner_id=ann, count=3))
    assert (await standing(works.db, ann))[0] == 3


@pytest.mark.parametrize("limits", [{"monthly_budget_usd": Decimal("1.48")}, {"daily_images": 37}])
async def test_200_parallel_promises_against_room_for_37_accept_exactly_37(
    db: Database, limits: dict[str, Any]
) -> None:
    ann = await at.add_user(db)
    await limit(db, ann, **limits)

    async def ask() -> bool:
        try:
            await at.add_job(db, at.Order(owner_id=ann, price=FOUR_CENTS))
        except Exceeded:
            return False
        return True

    accepted = await asyncio.gather(*(ask() for _ in range(200)))
    assert sum(accepted) == 37
    assert await standing(db, ann) == (37, 37, Decimal(0), Decimal("1.48"))
    async with db.session() as session:
        held = (await session.scalars(select(LedgerEntry.kind))).all()
    assert held == [LedgerKind.HOLD] * 37
