"""What new accounts begin with."""

from decimal import Decimal

from pydantic import BaseModel, Field


class AccountSettings(BaseModel):
    """What new users may do; each user's limits can be changed later. The local owner begins without limits."""

    default_daily_images: int | None = Field(
        None, ge=0, description="Pictures a day that a new user may make (UTC); not set = no limit."
    )
    default_monthly_images: int | None = Field(
        None, ge=0, description="Pictures a month that a new user may make (UTC); not set = no limit."
    )
    default_monthly_budget_usd: Decimal | None = Field(
        None, ge=0, description="US dollars a month that a new user may spend; not set = no limit."
    )
