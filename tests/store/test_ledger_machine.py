"""A machine that does to the ledger what users, providers, crashes and clocks do, and compares it with a model."""

import dataclasses
import datetime
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, func, select, text

from store import ledger
from store.database.ids import new_id
from store.database.tables import CallState, Job, LedgerEntry, LedgerKind, Limits, ProviderCall, Usage
from store.ledger import Exceeded
from store.queue import Claim, Failure, cancel_job
from tests.executor import workshop as at
from tests.postgres import Copies
from tests.store.clockwork import Clockwork, Sync

DAILY, MONTHLY, BUDGET = 6, 10, Decimal("0.50")
PRICE = Decimal("0.05")
FAILED = Failure(code="REJECTED_CONTENT", message="no")
ENDED = {CallState.SUCCEEDED, CallState.FAILED}


@dataclasses.dataclass
class Task:
    """What one task holds or has cost."""

    job: uuid.UUID
    day: datetime.date
    open: bool = True
    made: bool = False
    billed: Decimal = Decimal(0)
    guessed: bool = False
    calls: list[tuple[CallState, Decimal]] = dataclasses.field(default_factory=list)


class LedgerMachine(RuleBasedStateMachine):
    """The rules. `works` and `sync` are set by the test."""

    works: Clockwork
    sync: Sync

    def __init__(self) -> None:
        super().__init__()
        self.sync(self.works.clear())
        self.owner = self.sync(at.add_user(self.works.db, "ann"))
        self.sync(self._limit())
        self.tasks: dict[uuid.UUID, Task] = {}
        self.claims: dict[uuid.UUID, Claim] = {}

    async def _limit(self) -> None:
        async with self.works.db.begin() as session:
            session.add(
                Limits(
                    user_id=self.owner,
                    daily_images=DAILY,
                    monthly_images=MONTHLY,
                    monthly_budget_usd=BUDGET,
                )
            )

    # ------------------------------------------------------------ what should be

    def used(self, within: Any) -> int:
        """Pictures made and in the making."""
        return sum((task.open or task.made) and within(task.day) for task in self.tasks.values())

    def today(self) -> int:
        return self.used(lambda day: day == self.works.now.date())

    def month(self, first: datetime.date | None = None) -> int:
        wanted = first or self.works.now.date().replace(day=1)
        return self.used(lambda day: day.replace(day=1) == wanted)

    def money(self, first: datetime.date) -> tuple[Decimal, Decimal]:
        """Spent and held in that month."""
        own = [task for task in self.tasks.values() if task.day.replace(day=1) == first]
        spent = sum((task.billed for task in own), Decimal(0))
        return spent, PRICE * sum(task.open for task in own)

    def over(self, task: Task, *, made: bool) -> None:
        """It has ended."""
        if not task.open:
            return
        task.open, task.made = False, made
        task.billed = sum((cost for _, cost in task.calls), Decimal(0))
        task.guessed = any(state not in ENDED for state, _ in task.calls)

    # ------------------------------------------------------------ what happens

    @rule(count=st.integers(1, 4))
    def ask(self, count: int) -> None:
        spent, held = self.money(self.works.now.date().replace(day=1))
        fits = (
            self.today() + count <= DAILY
            and self.month() + count <= MONTHLY
            and spent + held + count * PRICE <= BUDGET
        )
        order = at.Order(owner_id=self.owner, count=count, price=PRICE)
        if not fits:
            with pytest.raises(Exceeded):
                self.sync(at.add_job(self.works.db, order))
            return
        job_id = self.sync(at.add_job(self.works.db, order))
        for row in self.sync(at.tasks_of(self.works.db, job_id)):
            self.tasks[row.id] = Task(job=job_id, day=self.works.now.date())

    @rule()
    def claim(self) -> None:
        for claim in self.sync(self.works.claim()):
            self.sync(self.works.begin(claim))
            self.claims[claim.task_id] = claim

    @precondition(lambda self: self.claims)
    @rule(pick=st.integers(0, 20), state=st.sampled_from(CallState), cents=st.integers(0, 9))
    def call(self, pick: int, state: CallState, cents: int) -> None:
        task_id = self._pick(pick)
        cost = Decimal(cents) / 100
        row = {"cost": cost} if state in ENDED else {}

        async def work() -> None:
            async with self.works.db.begin() as session:
                session.add(
                    ProviderCall(
                        task_id=task_id,
                        key=str(new_id()),
                        provider="P",
                        model="m",
                        estimate=PRICE,
                        state=state,
                        **row,
                    )
                )

        self.sync(work())
        self.tasks[task_id].calls.append((state, cost if state in ENDED else PRICE))

    @precondition(lambda self: self.claims)
    @rule(pick=st.integers(0, 20), made=st.booleans())
    def end(self, pick: int, made: bool) -> None:
        task_id = self._pick(pick)
        claim = self.claims.pop(task_id)
        self.sync(self.works.finish(claim) if made else self.works.fail(claim, FAILED))
        self.over(self.tasks[task_id], made=made)

    @precondition(lambda self: self.claims)
    @rule(pick=st.integers(0, 20))
    def fail_for_now(self, pick: int) -> None:
        claim = self.claims.pop(self._pick(pick))
        self.sync(self.works.fail(claim, max_tries=100))

    @precondition(lambda self: self.tasks)
    @rule(pick=st.integers(0, 20))
    def cancel(self, pick: int) -> None:
        job_id = list(self.tasks.values())[pick % len(self.tasks)].job

        async def work() -> None:
            async with self.works.db.begin() as session:
                await cancel_job(session, job_id)

        self.sync(work())
        for task_id, task in self.tasks.items():
            if task.job == job_id:
                self.over(task, made=False)
                self.claims.pop(task_id, None)

    @precondition(lambda self: any(task.guessed for task in self.tasks.values()))
    @rule(pick=st.integers(0, 20), cents=st.integers(0, 9))
    def learn_the_truth(self, pick: int, cents: int) -> None:
        guessed = [task_id for task_id, task in self.tasks.items() if task.guessed]
        task_id, truth = guessed[pick % len(guessed)], Decimal(cents) / 100

        async def work() -> None:
            async with self.works.db.begin() as session:
                await ledger.correct(session, task_id, truth)

        self.sync(work())
        self.tasks[task_id].billed = truth

    @precondition(lambda self: self.tasks)
    @rule(pick=st.integers(0, 20))
    def settle_again(self, pick: int) -> None:
        job_id = list(self.tasks.values())[pick % len(self.tasks)].job

        async def work() -> None:
            async with self.works.db.begin() as session:
                await ledger.settle_jobs(session, [job_id])

        self.sync(work())

    @precondition(lambda self: any(not task.open for task in self.tasks.values()))
    @rule(pick=st.integers(0, 20))
    def delete_an_ended_job(self, pick: int) -> None:
        jobs = {task.job for task in self.tasks.values()}
        ended = [job for job in jobs if not any(task.open for task in self.tasks.values() if task.job == job)]
        if not ended:
            return
        job_id = sorted(ended)[pick % len(ended)]

        async def work() -> None:
            async with self.works.db.begin() as session:
                await session.execute(delete(Job).where(Job.id == job_id))

        self.sync(work())
        for task in self.tasks.values():  # what was billed stays billed
            if task.job == job_id:
                task.guessed = False

    @rule(hours=st.sampled_from([1, 30, 400]))
    def pass_time(self, hours: int) -> None:
        self.sync(self.works.sleep(hours * 3600))

    # ------------------------------------------------------------ what must hold

    @invariant()
    def account_is_the_models(self) -> None:
        spent, held = self.money(self.works.now.date().replace(day=1))
        found = self.sync(self._account())
        assert (found.images_today, found.images_this_month) == (self.today(), self.month())
        assert (found.spent_usd, found.held_usd) == (spent, held)

    @invariant()
    def sums_of_entries_are_the_usage_rows(self) -> None:
        for month, row in self.sync(self._sums()).items():
            usage, sums = row
            assert usage.held_usd == sums[LedgerKind.HOLD][0] + sums[LedgerKind.RELEASE][0]
            assert usage.held_images == sums[LedgerKind.HOLD][1] + sums[LedgerKind.RELEASE][1]
            assert usage.spent_usd == sums[LedgerKind.CAPTURE][0] + sums[LedgerKind.CORRECT][0]
            assert usage.images == sums[LedgerKind.CAPTURE][1]
            assert usage.images + usage.held_images == sum(usage.days.values()) == self.month(month)

    async def _account(self) -> ledger.Account:
        async with self.works.db.session() as session:
            found = await ledger.account(session, self.owner)
        assert found is not None
        return found

    async def _sums(self) -> dict[datetime.date, Any]:
        grouped = select(
            LedgerEntry.month, LedgerEntry.kind, func.sum(LedgerEntry.usd), func.sum(LedgerEntry.images)
        ).group_by(LedgerEntry.month, LedgerEntry.kind)
        async with self.works.db.session() as session:
            usages = (await session.scalars(select(Usage))).all()
            rows = (await session.execute(grouped)).all()
        nothing = (Decimal(0), 0)
        return {
            usage.month: (
                usage,
                dict.fromkeys(LedgerKind, nothing)
                | {kind: (usd, images) for month, kind, usd, images in rows if month == usage.month},
            )
            for usage in usages
        }

    def _pick(self, pick: int) -> uuid.UUID:
        return list(self.claims)[pick % len(self.claims)]


def run(databases: Copies, examples: int) -> None:
    """Run the machine on a database of its own."""
    url = databases.create()
    sync = Sync()
    works = Clockwork(url)
    budget = settings(
        max_examples=examples,
        stateful_step_count=30,
        deadline=None,
        derandomize=True,
        database=None,
        report_multiple_bugs=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    try:
        machine = type("Machine", (LedgerMachine,), {"works": works, "sync": sync})
        run_state_machine_as_test(machine, settings=budget)
    finally:
        sync(works.db.close())
        sync.close()
        databases.drop(url)


def test_ledger_adds_up_whatever_happens(databases: Copies) -> None:
    run(databases, 40)


def test_machine_finds_a_limit_that_is_not_held(databases: Copies, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "_require_room", lambda *_: None)
    with pytest.raises(BaseException, match="DID NOT RAISE"):
        run(databases, 40)


def test_machine_finds_a_bill_that_is_forgotten(databases: Copies, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = str(ledger._OPEN)
    forgetful = text(plain.replace("ELSE estimate END", "ELSE 0 END"))
    monkeypatch.setattr(ledger, "_OPEN", forgetful)
    with pytest.raises(AssertionError):
        run(databases, 40)
