"""What pictures would cost and how long they would take, before anything is enqueued."""

import dataclasses
from collections.abc import Sequence
from decimal import Decimal

from generators.catalog import Provider
from resolvers import planning, wishes
from resolvers.context import Context, Info
from resolvers.images_inputs import GenerateImagesInput
from resolvers.planning import Plan
from resolvers.subjects import found
from store import ledger
from store.database.tables import Job


@dataclasses.dataclass(frozen=True, kw_only=True)
class CostEstimate:
    """See the contract's view."""

    cost_usd: Decimal
    seconds_low: float | None
    seconds_high: float | None
    images_left_today: int | None
    budget_left_usd: Decimal | None


async def estimate_cost(info: Info, asked: GenerateImagesInput) -> CostEstimate:
    """The same checks as `generateImages`, and nothing written. Raises Refused, shown as a top-level error."""
    context = info.context
    wish = wishes.said(asked)
    async with context.reading() as session:
        if asked.job_id is not None:
            parent = await found(session, context.viewer, Job, asked.job_id)
            wish = wishes.going_on(wish, parent.request)
        ready = await planning.prepare(context, session, wish)
        account = await ledger.account(session, context.viewer.user_id)
    low, high = _seconds(context, ready.plans)
    return CostEstimate(
        cost_usd=planning.cost(context, ready),
        seconds_low=low,
        seconds_high=high,
        images_left_today=None if account is None else account.images_left(),
        budget_left_usd=None if account is None else account.budget_left(),
    )


def _seconds(context: Context, plans: Sequence[Plan]) -> tuple[float | None, float | None]:
    """By what was measured here: all at once, and local pictures one after another; None before the first."""
    typical = [(plan, context.models.typical_seconds(plan.model.key)) for plan in plans]
    known = [(plan, seconds) for plan, seconds in typical if seconds is not None]
    if len(known) < len(typical):
        return None, None
    low = max(seconds for _, seconds in known)
    local = sum(
        seconds * len(plan.settings.seeds) for plan, seconds in known if plan.model.provider is Provider.LOCAL
    )
    return low, max(low, local)
