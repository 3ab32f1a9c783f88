"""What a user may use up: the words of a refusal, where an account stands, and what new users begin with."""

import dataclasses
import datetime
import uuid
from decimal import Decimal

from resolvers.account_settings import AccountSettings
from resolvers.context import Info, Parent
from resolvers.identity import Scope
from resolvers.refused import Refused, UserErrorCode
from store import ledger
from store.database.tables import Limits, User
from store.ledger import Bound, Exceeded

PERIODS = {Bound.DAY: "daily", Bound.MONTH: "monthly"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class UsageNow:
    """What one user has used up this day and this month, and what they may."""

    images_today: int
    daily_image_limit: int | None
    images_this_month: int
    monthly_image_limit: int | None
    spent_this_month_usd: Decimal
    held_usd: Decimal
    monthly_budget_usd: Decimal | None
    renews_at: datetime.datetime


def starting_limits(user_id: uuid.UUID, settings: AccountSettings) -> Limits:
    """The row with which a new user begins."""
    return Limits(
        user_id=user_id,
        daily_images=settings.default_daily_images,
        monthly_images=settings.default_monthly_images,
        monthly_budget_usd=settings.default_monthly_budget_usd,
    )


def refusal(exceeded: Exceeded) -> Refused:
    """What the caller is told: which limit, what is left of it, and when it renews."""
    when = exceeded.renews_at.strftime("%Y-%m-%d %H:%M UTC")
    if exceeded.bound is Bound.BUDGET:
        words = (
            f"This may cost ${_plain(exceeded.asked)}; ${_plain(exceeded.left)} of your monthly budget of "
            f"${_plain(exceeded.limit)} is left. It renews on {when}."
        )
        return Refused(UserErrorCode.BUDGET_EXCEEDED, words)
    words = (
        f"{_pictures(exceeded.asked)} asked for; {_plain(exceeded.left)} of your {PERIODS[exceeded.bound]} "
        f"{_plain(exceeded.limit)} left. The limit renews on {when}."
    )
    return Refused(UserErrorCode.QUOTA_EXCEEDED, words)


def email_of(user: Parent[User], info: Info) -> str | None:
    """Where the user can be reached; None for somebody else's, except for who administers accounts."""
    viewer = info.context.viewer
    return user.email if user.id == viewer.user_id or viewer.may(Scope.ADMIN) else None


async def usage_of(user: Parent[User], info: Info) -> UsageNow | None:
    """Where the account stands now; None for somebody else's."""
    context = info.context
    if user.id != context.viewer.user_id:
        return None
    async with context.reading() as session:
        found = await ledger.account(session, user.id)
    if found is None:
        return None
    return UsageNow(
        images_today=found.images_today,
        daily_image_limit=found.daily_images,
        images_this_month=found.images_this_month,
        monthly_image_limit=found.monthly_images,
        spent_this_month_usd=found.spent_usd,
        held_usd=found.held_usd,
        monthly_budget_usd=found.monthly_budget_usd,
        renews_at=found.month_renews_at,
    )


def _plain(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _pictures(count: Decimal) -> str:
    return "1 picture was" if count == 1 else f"{_plain(count)} pictures were"
