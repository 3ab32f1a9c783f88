"""What callers send about keys and accounts."""

import dataclasses
import datetime
import decimal

from resolvers.context import Maybe
from resolvers.fields import given, retry_key
from resolvers.identity import Scope
from resolvers.ids import ApiKeyId, UserId
from resolvers.inputs import NAME
from store.database.tables import Role

EMAIL = 320


@dataclasses.dataclass(frozen=True, kw_only=True)
class CreateApiKeyInput:
    """A new key for your account."""

    name: str = given("What it is for.", most=NAME)
    scopes: list[Scope] | None = given(
        "What it may be used for; null = all that your role allows.", default=None
    )
    expires_at: datetime.datetime | None = given("When it ends; null = never.", default=None)
    user_id: UserId | None = given(
        "Whose key it is; null = your own. Owners make keys for others.", default=None
    )
    idempotency_key: str | None = retry_key()


@dataclasses.dataclass(frozen=True, kw_only=True)
class RevokeApiKeyInput:
    """Which key to end."""

    api_key_id: ApiKeyId = given("The key.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CreateUserInput:
    """A new account. Limits that are not given are those of the server's settings."""

    handle: str = given("The name by which the account is known here; unique.", most=NAME)
    email: str | None = given("Where the user can be reached.", most=EMAIL, default=None)
    role: Role = given("What the user may do.", default=Role.EDITOR)
    daily_image_limit: Maybe[int | None] = given("Pictures a day; null = no limit.", default=None)
    monthly_image_limit: Maybe[int | None] = given("Pictures a month; null = no limit.", default=None)
    monthly_budget_usd: Maybe[decimal.Decimal | None] = given(
        "US dollars a month; null = no limit.", default=None
    )
    idempotency_key: str | None = retry_key()


@dataclasses.dataclass(frozen=True, kw_only=True)
class UpdateUserInput:
    """What to change of an account; what is left out stays."""

    user_id: UserId = given("The account.")
    email: Maybe[str | None] = given(
        "Where the user can be reached; null forgets it.", most=EMAIL, default=None
    )
    role: Role | None = given("What the user may do.", default=None)
    daily_image_limit: Maybe[int | None] = given("Pictures a day; null = no limit.", default=None)
    monthly_image_limit: Maybe[int | None] = given("Pictures a month; null = no limit.", default=None)
    monthly_budget_usd: Maybe[decimal.Decimal | None] = given(
        "US dollars a month; null = no limit.", default=None
    )
