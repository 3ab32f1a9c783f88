"""The ledger: what each user was promised and billed, in pictures and in US dollars, entry by entry.

A task that may cost something holds it at enqueue, in the caller's transaction; what the provider billed is
captured when the task ends, the rest is released. Every movement is an entry, and the sums of a month's entries
are its `usage` row: HOLD + RELEASE = held, CAPTURE + CORRECT = made and spent. A promise counts on the day (UTC)
on which it was made. Knows rows; knows no viewer and no price list.

Lock order everywhere: job, task, variant, subject, usage, user. So hold and settle last.
"""

import collections
import dataclasses
import datetime
import enum
import uuid
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from store.database.ids import new_id
from store.database.tables import JobStatus, LedgerEntry, LedgerKind, Task, TaskKind

NOTHING = Decimal(0)
STOCK_LANE = "pexels"  # a photograph that is found is no picture that is made


class Bound(enum.Enum):
    """Which limit."""

    DAY = "DAY"
    MONTH = "MONTH"
    BUDGET = "BUDGET"


class Exceeded(Exception):  # noqa: N818 -- an expected answer
    """A limit does not allow it; the transaction must be rolled back.

    `limit`, `left` and `asked` in pictures, or in US dollars for BUDGET; `left` is what the limit still allows.
    """

    def __init__(
        self, bound: Bound, *, limit: Decimal, left: Decimal, asked: Decimal, renews_at: datetime.datetime
    ) -> None:
        self.bound = bound
        self.limit = limit
        self.left = left
        self.asked = asked
        self.renews_at = renews_at
        super().__init__(f"{bound.value}: {asked} of {left} left")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Promise:
    """What one task may use up."""

    task_id: uuid.UUID
    usd: Decimal = NOTHING
    images: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Account:
    """Where one user stands now. Pictures count those made and those in the making; a missing limit is none."""

    images_today: int
    images_this_month: int
    spent_usd: Decimal
    held_usd: Decimal
    daily_images: int | None
    monthly_images: int | None
    monthly_budget_usd: Decimal | None
    now: datetime.datetime

    @property
    def day_renews_at(self) -> datetime.datetime:
        """Midnight, UTC."""
        return midnight(self.now) + datetime.timedelta(days=1)

    @property
    def month_renews_at(self) -> datetime.datetime:
        """Midnight of the first of the next month, UTC."""
        return (midnight(self.now).replace(day=1) + datetime.timedelta(days=32)).replace(day=1)

    def images_left(self) -> int | None:
        """How many pictures may still be asked for today; None = no limit."""
        lefts = [
            limit - used
            for limit, used in (
                (self.daily_images, self.images_today),
                (self.monthly_images, self.images_this_month),
            )
            if limit is not None
        ]
        return max(0, min(lefts)) if lefts else None

    def budget_left(self) -> Decimal | None:
        """US dollars that may still be spent this month; None = no limit."""
        if self.monthly_budget_usd is None:
            return None
        return max(NOTHING, self.monthly_budget_usd - self.spent_usd - self.held_usd)


def midnight(moment: datetime.datetime) -> datetime.datetime:
    """The beginning of its day."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def promise(task: Task) -> Promise:
    """What that task may use up: its estimate, and one picture if it makes one."""
    makes = task.kind is TaskKind.IMAGE and task.lane != STOCK_LANE
    return Promise(task_id=task.id, usd=Decimal(task.cost_estimate or 0), images=int(makes))


# The conflict's row stays locked until the transaction ends, so parallel promises wait for one another.
_HOLD = text("""
INSERT INTO usage AS kept (user_id, month, held_images, held_usd, days)
SELECT :user, date_trunc('month', today.day)::date, CAST(:images AS int), CAST(:usd AS numeric),
       jsonb_build_object(extract(day FROM today.day)::text, CAST(:images AS int))
FROM (SELECT (clock() AT TIME ZONE 'UTC')::date AS day) AS today
ON CONFLICT (user_id, month) DO UPDATE SET
  held_images = kept.held_images + excluded.held_images,
  held_usd = kept.held_usd + excluded.held_usd,
  days = kept.days || jsonb_build_object(
    extract(day FROM clock() AT TIME ZONE 'UTC')::text,
    coalesce((kept.days ->> extract(day FROM clock() AT TIME ZONE 'UTC')::text)::int, 0) + excluded.held_images)
RETURNING
  coalesce((kept.days ->> extract(day FROM clock() AT TIME ZONE 'UTC')::text)::int, 0) AS images_today,
  kept.images + kept.held_images AS images_this_month, kept.spent_usd, kept.held_usd,
  (SELECT daily_images FROM limits WHERE limits.user_id = kept.user_id) AS daily_images,
  (SELECT monthly_images FROM limits WHERE limits.user_id = kept.user_id) AS monthly_images,
  (SELECT monthly_budget_usd FROM limits WHERE limits.user_id = kept.user_id) AS monthly_budget_usd,
  clock() AT TIME ZONE 'UTC' AS now
""")

_ACCOUNT = text("""
SELECT coalesce((kept.days ->> extract(day FROM clock() AT TIME ZONE 'UTC')::text)::int, 0) AS images_today,
  coalesce(kept.images + kept.held_images, 0) AS images_this_month,
  coalesce(kept.spent_usd, 0) AS spent_usd, coalesce(kept.held_usd, 0) AS held_usd,
  limits.daily_images, limits.monthly_images, limits.monthly_budget_usd, clock() AT TIME ZONE 'UTC' AS now
FROM users LEFT JOIN limits ON limits.user_id = users.id
LEFT JOIN usage AS kept ON kept.user_id = users.id
  AND kept.month = date_trunc('month', clock() AT TIME ZONE 'UTC')::date
WHERE users.id = :user
""")

# A call that is not known to have ended may be billed: it counts as its estimate.
_OPEN = text("""
SELECT hold.user_id, hold.month, hold.day, hold.task_id, hold.usd AS held, hold.images AS held_images,
  CASE WHEN tasks.kind = 'IMAGE' AND tasks.state = 'SUCCEEDED' THEN hold.images ELSE 0 END AS images,
  coalesce(billed.usd, 0) AS usd, coalesce(billed.guessed, false) AS estimated
FROM ledger_entries AS hold
JOIN tasks ON tasks.id = hold.task_id
LEFT JOIN LATERAL (
  SELECT sum(CASE WHEN state IN ('SUCCEEDED', 'FAILED') THEN coalesce(cost, 0) ELSE estimate END) AS usd,
         bool_or(state NOT IN ('SUCCEEDED', 'FAILED')) AS guessed
  FROM provider_calls WHERE provider_calls.task_id = tasks.id
) AS billed ON true
WHERE hold.task_id = ANY(:tasks) AND hold.kind = 'HOLD' AND tasks.state = ANY(:final)
  AND NOT EXISTS (SELECT 1 FROM ledger_entries AS over WHERE over.task_id = hold.task_id AND over.kind = 'RELEASE')
ORDER BY hold.user_id, hold.month, hold.id
""")

_MOVE = text("""
UPDATE usage SET held_usd = held_usd - CAST(:held AS numeric), held_images = held_images - CAST(:held_images AS int),
  spent_usd = spent_usd + CAST(:usd AS numeric), images = images + CAST(:images AS int),
  days = days || jsonb_build_object(CAST(:key AS text),
    coalesce((days ->> CAST(:key AS text))::int, 0) - CAST(:held_images AS int) + CAST(:images AS int))
WHERE user_id = :user AND month = :month
""")


async def account(session: AsyncSession, user_id: uuid.UUID) -> Account | None:
    """Where that user stands; None when there is no such user."""
    row = (await session.execute(_ACCOUNT, {"user": user_id})).one_or_none()
    return None if row is None else Account(**_named(row))


async def hold(session: AsyncSession, user_id: uuid.UUID, promises: Sequence[Promise]) -> None:
    """Promise all of it or nothing; free tasks that make no picture leave no trace.

    Raises:
        Exceeded: a limit of the user's does not allow it. What was written must be rolled back.
    """
    wanted = [one for one in promises if one.usd or one.images]
    if not wanted:
        return
    images, usd = sum(one.images for one in wanted), sum((one.usd for one in wanted), NOTHING)
    row = (await session.execute(_HOLD, {"user": user_id, "images": images, "usd": usd})).one()
    standing = Account(**_named(row))
    _require_room(standing, images, usd)
    today = standing.now.date()
    entries = [
        _entry(user_id, today, one.task_id, LedgerKind.HOLD) | {"usd": one.usd, "images": one.images}
        for one in wanted
    ]
    await session.execute(insert(LedgerEntry), entries)


async def settle(session: AsyncSession, task_ids: Collection[uuid.UUID]) -> None:
    """Lift the holds of tasks that have ended, and bill what was billed; once, however often it is called.

    A picture counts when it was made. What a provider billed is billed, whatever became of the task; a call
    whose fate is unknown is billed as its estimate until `correct` is told the truth.
    """
    await session.flush()
    final = [state.value for state in JobStatus if state.final]
    rows = (await session.execute(_OPEN, {"tasks": list(task_ids), "final": final})).all()
    if not rows:
        return
    entries: list[dict[str, Any]] = []
    moves: dict[tuple[uuid.UUID, datetime.date], collections.Counter[str]] = {}
    for row in rows:
        common = _entry(row.user_id, row.day, row.task_id, LedgerKind.RELEASE)
        entries.append(common | {"usd": -row.held, "images": -row.held_images})
        if row.usd or row.images:
            billed = {"usd": row.usd, "images": row.images, "estimated": row.estimated}
            entries.append(common | {"id": new_id(), "kind": LedgerKind.CAPTURE} | billed)
        sums = moves.setdefault((row.user_id, row.day), collections.Counter())
        for name in ("held", "held_images", "usd", "images"):
            sums[name] += getattr(row, name)
    for (user_id, day), sums in moves.items():
        await session.execute(_MOVE, _moved(user_id, day, sums))
    await session.execute(insert(LedgerEntry), entries)


async def settle_jobs(session: AsyncSession, job_ids: Collection[uuid.UUID]) -> None:
    """As `settle`, for all tasks of those jobs; before they are deleted."""
    tasks = await session.scalars(select(Task.id).where(Task.job_id.in_(job_ids)))
    await settle(session, tasks.all())


async def correct(session: AsyncSession, task_id: uuid.UUID, usd: Decimal) -> Decimal:
    """The truth about a bill that was an estimate: the difference is billed or given back, and returned."""
    billed = (
        await session.scalars(
            select(LedgerEntry)
            .where(
                LedgerEntry.task_id == task_id,
                LedgerEntry.kind.in_((LedgerKind.CAPTURE, LedgerKind.CORRECT)),
            )
            .order_by(LedgerEntry.id)
        )
    ).all()
    if not billed:
        return NOTHING
    difference = usd - sum((entry.usd for entry in billed), NOTHING)
    if not difference:
        return NOTHING
    first = billed[0]
    await session.execute(_MOVE, _moved(first.user_id, first.day, {"usd": difference}))
    entry = _entry(first.user_id, first.day, task_id, LedgerKind.CORRECT)
    await session.execute(insert(LedgerEntry), [entry | {"usd": difference, "images": 0}])
    return difference


def _require_room(standing: Account, images: int, usd: Decimal) -> None:
    """Raise Exceeded for the first limit that the account, promises included, has passed."""
    counted = (
        (Bound.DAY, standing.daily_images, standing.images_today, standing.day_renews_at),
        (Bound.MONTH, standing.monthly_images, standing.images_this_month, standing.month_renews_at),
    )
    for bound, limit, used, renews_at in counted:
        if images and limit is not None and used > limit:
            left, asked = Decimal(max(0, limit - used + images)), Decimal(images)
            raise Exceeded(bound, limit=Decimal(limit), left=left, asked=asked, renews_at=renews_at)
    budget, promised = standing.monthly_budget_usd, standing.spent_usd + standing.held_usd
    if usd and budget is not None and promised > budget:
        left = max(NOTHING, budget - promised + usd)
        renews_at = standing.month_renews_at
        raise Exceeded(Bound.BUDGET, limit=budget, left=left, asked=usd, renews_at=renews_at)


def _entry(user_id: uuid.UUID, day: datetime.date, task_id: uuid.UUID, kind: LedgerKind) -> dict[str, Any]:
    return {
        "id": new_id(),
        "user_id": user_id,
        "month": day.replace(day=1),
        "day": day,
        "task_id": task_id,
        "kind": kind,
        "estimated": False,
    }


def _moved(user_id: uuid.UUID, day: datetime.date, sums: Mapping[str, Any]) -> dict[str, Any]:
    amounts = {name: sums.get(name, 0) for name in ("held", "held_images", "usd", "images")}
    return {"user": user_id, "month": day.replace(day=1), "key": str(day.day), **amounts}


def _named(row: Any) -> dict[str, Any]:
    named = dict(row._mapping)  # noqa: SLF001 -- SQLAlchemy's documented way to a row's names
    named["now"] = named["now"].replace(tzinfo=datetime.UTC)
    return named
