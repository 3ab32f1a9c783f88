"""Views of people."""

import datetime
import decimal

import resolvers.limits
from schema.nodes import Node
from schema.publish import publishes, related, shown
from store.database import tables


@publishes(resolvers.limits.UsageNow)
class Usage:
    """What an account has used up and what it may. Days and months are those of UTC; a null limit is none."""

    images_today: int = shown("Pictures of today, those in the making included.")
    daily_image_limit: int | None = shown("Pictures a day.")
    images_this_month: int = shown("Pictures of this month, those in the making included.")
    monthly_image_limit: int | None = shown("Pictures a month.")
    spent_this_month_usd: decimal.Decimal = shown("US dollars that providers have billed this month.")
    held_usd: decimal.Decimal = shown(
        "US dollars that work in the making may cost; billed or given back at its end."
    )
    monthly_budget_usd: decimal.Decimal | None = shown("US dollars a month.")
    renews_at: datetime.datetime = shown("When the month is over.")


@publishes(tables.User)
class User(Node):
    """One account; everything belongs to a user."""

    handle: str = shown("The name by which the account is known here.")
    email = related(
        resolvers.limits.email_of,
        str | None,
        "Where the user can be reached; null for somebody else's, unless you administer accounts.",
    )
    role: tables.Role = shown("What the user may do.")
    usage = related(
        resolvers.limits.usage_of, Usage | None, "What the account has used up; null for somebody else's."
    )
