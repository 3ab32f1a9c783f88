"""Learns afterwards how paid calls ended whose task was over before anybody knew, and sets the bill right.

A call is loose when its task is final (canceled, given up, its answer lost) and the call is not. Where the provider
can be asked, it is: soon at first, then ever more rarely, for two days. Nothing is ever sent again from here, and no
picture comes to life: only what was billed as an estimate becomes what was billed.
"""

import asyncio
import dataclasses
import uuid
from decimal import Decimal

import structlog
from sqlalchemy import func, select, text, update

from executor.models import Models
from generators.generator import Fate, KnownCall, Recalls
from store import ledger
from store.database.sessions import Database
from store.database.tables import FINAL, CallState, ProviderCall, Task, Variant
from store.queue import revise
from store.queue.settling import locked_job

log = structlog.get_logger(__name__)
FIRST_SECONDS, PAUSE_SECONDS = 15.0, 60.0
BATCH = 50
ENDED = (CallState.SUCCEEDED, CallState.FAILED)
# Each pause is a quarter of the call's age, so that two days take about forty looks.
_DUE = text(
    "provider_calls.state NOT IN ('SUCCEEDED', 'FAILED') AND provider_calls.created_at > clock() - interval '2 days' "
    "AND provider_calls.updated_at < clock() - greatest(interval '1 minute', "
    "(clock() - provider_calls.created_at) / 4)"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Loose:
    id: uuid.UUID
    task_id: uuid.UUID
    call: KnownCall


class Reconciling:
    """May be done by several servers at once: who is later finds the call ended and writes nothing."""

    def __init__(self, db: Database, models: Models) -> None:
        self._db = db
        self._models = models

    async def work(self) -> None:
        """Look now and then, for good. A pass that fails is logged; the next one tries again."""
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            try:
                await self.reconcile()
            except Exception:
                log.exception("paid calls could not be reconciled")
            await asyncio.sleep(PAUSE_SECONDS)

    async def reconcile(self) -> int:
        """One pass; how many calls ended by it."""
        ended = 0
        for loose in await self._loose():
            generator: object = self._models.generator_for(loose.call.model)
            fate = await generator.fate(loose.call) if isinstance(generator, Recalls) else None
            ended += await self._learned(loose, fate)
        return ended

    async def _loose(self) -> list[_Loose]:
        async with self._db.session() as session:
            calls = await session.scalars(
                select(ProviderCall)
                .join(Task, Task.id == ProviderCall.task_id)
                .where(Task.state.in_(FINAL), _DUE)
                .order_by(ProviderCall.updated_at)
                .limit(BATCH)
            )
        return [_Loose(id=call.id, task_id=call.task_id, call=_known(call)) for call in calls.all()]

    async def _learned(self, loose: _Loose, fate: Fate | None) -> bool:
        """Write what was learned, under the locks of job, task and variant in their order; whether it was news."""
        if fate is None:
            async with self._db.begin() as session:
                looked = update(ProviderCall).where(ProviderCall.id == loose.id)
                await session.execute(looked.values(updated_at=func.clock()))
            return False
        async with self._db.begin() as session:
            job_id = await session.scalar(select(Task.job_id).where(Task.id == loose.task_id))
            job = None if job_id is None else await locked_job(session, job_id)
            task = await session.get(Task, loose.task_id, with_for_update=True)
            call = await session.get(ProviderCall, loose.id, populate_existing=True)
            if task is None or call is None or call.state in ENDED:
                return False
            cost = call.estimate if fate.billed is None else fate.billed
            call.state = CallState.SUCCEEDED if fate.succeeded else CallState.FAILED
            call.provider_id, call.cost, call.updated_at = fate.provider_id, cost, func.clock()
            if task.variant_id is not None:
                variant = await session.get(Variant, task.variant_id, with_for_update=True)
                if variant is not None:
                    variant.cost_usd = (variant.cost_usd or Decimal(0)) + cost
            if job is not None:
                job.cost_usd += cost
                revise(session, job)
            await session.flush()
            calls = (await session.scalars(select(ProviderCall).where(ProviderCall.task_id == task.id))).all()
            total = sum(
                (each.cost or Decimal(0) if each.state in ENDED else each.estimate for each in calls),
                Decimal(0),
            )
            corrected = await ledger.correct(session, task.id, total)
        log.info(
            "a paid call was reconciled", call=call.key, state=call.state.value, corrected=str(corrected)
        )
        return True


def _known(call: ProviderCall) -> KnownCall:
    return KnownCall(
        key=call.key,
        provider=call.provider,
        model=call.model,
        provider_id=call.provider_id,
        unknown=call.state is CallState.UNKNOWN,
    )
