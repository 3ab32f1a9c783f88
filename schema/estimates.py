"""Views of what pictures would cost."""

import decimal
from collections.abc import Awaitable
from typing import Any

import resolvers.estimates
from resolvers.checks import check
from resolvers.context import Info
from resolvers.images_inputs import GenerateImagesInput
from schema.ids import decoded
from schema.publish import publishes, shown


@publishes(resolvers.estimates.CostEstimate)
class CostEstimate:
    """What pictures would cost and how long they would take; nothing was enqueued."""

    cost_usd: decimal.Decimal = shown("US dollars that may be billed; held while the pictures are made.")
    seconds_low: float | None = shown("If all are made at once; null before a model was measured here.")
    seconds_high: float | None = shown(
        "If local ones are made one after another; waiting for a turn comes on top."
    )
    images_left_today: int | None = shown("Pictures that your limits leave today; null = no limit.")
    budget_left_usd: decimal.Decimal | None = shown(
        "US dollars left of this month's budget; null = no limit."
    )


def estimate_cost(info: Info, asked: GenerateImagesInput) -> Awaitable[Any]:
    """Decode the ids, check the texts, and ask."""
    ready = decoded(asked)
    check(ready)
    return resolvers.estimates.estimate_cost(info, ready)
