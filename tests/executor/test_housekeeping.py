"""What is let go when it is old enough, and what stays. Time is moved, not waited for."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select, text, update

from executor.housekeeping import BATCH, Housekeeping
from executor.settings import ExecutorSettings
from store.database.ids import new_id
from store.database.tables import (
    ActivityEntry,
    ActivityHead,
    DeliveryState,
    IdempotencyKey,
    JobStatus,
    StockSearch,
    Task,
    TaskKind,
    User,
    WebhookDelivery,
    WebhookEndpoint,
)
from tests.store.clockwork import START, Clockwork

pytestmark = pytest.mark.asyncio

HOUR, DAY = 3600.0, 86_400.0


@pytest_asyncio.fixture
async def world(database_url: str) -> AsyncIterator[Clockwork]:
    made = Clockwork(database_url)
    await made.set(START)
    yield made
    await made.db.close()


async def add(world: Clockwork, *rows: Any) -> None:
    async with world.db.begin() as session:
        for row in rows:
            session.add(row)
            await session.flush()


async def count(world: Clockwork, table: Any, *where: Any) -> int:
    async with world.db.session() as session:
        return int(await session.scalar(select(func.count()).select_from(table).where(*where)) or 0)


async def user(world: Clockwork) -> uuid.UUID:
    row = User(id=new_id(), handle="ada")
    await add(world, row)
    return row.id


def keeping(world: Clockwork, days: float = 30.0) -> Housekeeping:
    return Housekeeping(world.db, ExecutorSettings(history_days=days))


def key(owner: uuid.UUID, name: str) -> IdempotencyKey:
    return IdempotencyKey(user_id=owner, mutation="createPersona", key=name, input_digest=b"", created_ids={})


async def test_idempotency_keys_are_kept_for_48_hours(world: Clockwork) -> None:
    owner = await user(world)
    await add(world, key(owner, "old"))
    await world.sleep(HOUR)
    await add(world, key(owner, "younger"))

    await world.sleep(47 * HOUR - 1)
    early = await keeping(world).sweep()
    await world.sleep(2)
    late = await keeping(world).sweep()

    assert (early["idempotency_keys"], late["idempotency_keys"]) == (0, 1)
    async with world.db.session() as session:
        assert list(await session.scalars(select(IdempotencyKey.key))) == ["younger"]


async def test_messages_that_are_over_go_and_those_on_their_way_stay(world: Clockwork) -> None:
    owner = await user(world)
    endpoint = WebhookEndpoint(id=new_id(), owner_id=owner, url="https://a.example", secret="", events=[])
    messages = [
        WebhookDelivery(
            owner_id=owner,
            endpoint_id=endpoint.id,
            event="job.failed",
            event_key=state.value,
            payload={},
            state=state,
        )
        for state in DeliveryState
    ]
    tasks = [
        Task(owner_id=owner, kind=TaskKind.DELIVER, lane="io", state=state)
        for state in (JobStatus.SUCCEEDED, JobStatus.QUEUED)
    ]
    await add(world, endpoint, *messages, *tasks)

    await world.sleep(30 * DAY - 1)
    early = await keeping(world).sweep()
    await world.sleep(2)
    forever = await keeping(world, days=0).sweep()
    late = await keeping(world).sweep()

    assert set(early.values()) == {0}
    assert forever == {"idempotency_keys": 0, "stock_searches": 0}
    assert (late["webhook_deliveries"], late["tasks"]) == (2, 1)
    assert await count(world, WebhookDelivery, WebhookDelivery.state == DeliveryState.PENDING) == 1
    assert await count(world, WebhookDelivery) == 1
    assert await count(world, Task) == 1


async def test_tasks_of_other_kinds_stay_for_good(world: Clockwork) -> None:
    owner = await user(world)
    await add(world, Task(owner_id=owner, kind=TaskKind.IMAGE, lane="local", state=JobStatus.SUCCEEDED))
    await world.sleep(400 * DAY)

    assert (await keeping(world).sweep())["tasks"] == 0
    assert await count(world, Task) == 1


async def test_old_news_goes_and_the_count_goes_on(world: Clockwork) -> None:
    owner = await user(world)
    await add(world, ActivityHead(owner_id=owner, sequence=3))
    await add(world, *(news(owner, sequence) for sequence in (1, 2)))
    await world.sleep(31 * DAY)
    await add(world, news(owner, 3))

    assert (await keeping(world).sweep())["activity_entries"] == 2
    async with world.db.session() as session:
        assert list(await session.scalars(select(ActivityEntry.sequence))) == [3]
        assert list(await session.scalars(select(ActivityHead.sequence))) == [3]


async def test_old_searches_go(world: Clockwork) -> None:
    await add(world, StockSearch(provider="PEXELS", asked="bread", answer=[]))
    await world.sleep(2 * DAY + 1)

    assert (await keeping(world).sweep())["stock_searches"] == 1


async def test_more_than_one_batch_goes_in_one_pass(world: Clockwork) -> None:
    owner = await user(world)
    await add(world, *(key(owner, str(number)) for number in range(3)))
    async with world.db.begin() as session:
        await session.execute(
            text(
                "INSERT INTO idempotency_keys (id, user_id, mutation, key, input_digest, created_ids) "
                "SELECT gen_random_uuid(), :owner, 'm', n::text, '', '{}' FROM generate_series(1, :many) AS n"
            ),
            {"owner": owner, "many": BATCH},
        )
    await world.sleep(49 * HOUR)

    assert (await keeping(world).sweep())["idempotency_keys"] == BATCH + 3


async def test_row_that_somebody_holds_is_left_for_the_next_pass(world: Clockwork, database_url: str) -> None:
    owner = await user(world)
    await add(world, key(owner, "held"), key(owner, "free"))
    await world.sleep(49 * HOUR)
    other = Clockwork(database_url)
    async with other.db.begin() as session:
        await session.execute(
            update(IdempotencyKey).where(IdempotencyKey.key == "held").values(mutation="changed")
        )
        meanwhile = await keeping(world).sweep()
    await other.db.close()

    assert meanwhile["idempotency_keys"] == 1
    assert (await keeping(world).sweep())["idempotency_keys"] == 1


def news(owner: uuid.UUID, sequence: int) -> ActivityEntry:
    return ActivityEntry(owner_id=owner, sequence=sequence, node_type="Job", node_id=new_id())
