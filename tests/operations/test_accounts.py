"""createApiKey, revokeApiKey, createUser, updateUser, apiKeys, users, auditLog"""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from resolvers.identity import Scope
from store.database.sessions import Database
from store.database.tables import ApiKey, Limits, Role, User
from tests.client import Api
from tests.operations import steps

pytestmark = pytest.mark.asyncio

CREATE_KEY = """
mutation ($input: CreateApiKeyInput!) {
  createApiKey(input: $input) { apiKey { id name prefix scopes revokedAt } secret userErrors { code message field } }
}
"""
REVOKE_KEY = """
mutation ($input: RevokeApiKeyInput!) {
  revokeApiKey(input: $input) { apiKey { id revokedAt } userErrors { code field } }
}
"""
CREATE_USER = """
mutation ($input: CreateUserInput!) {
  createUser(input: $input) { user { id handle role } userErrors { code message field } }
}
"""
UPDATE_USER = """
mutation ($input: UpdateUserInput!) {
  updateUser(input: $input) { user { id role email } userErrors { code message field } }
}
"""
VIEWER = "{ viewer { handle role usage { dailyImageLimit monthlyBudgetUsd } } }"
KEYS = "{ apiKeys { nodes { name prefix } totalCount } }"
USERS = "{ users { nodes { handle } } }"
AUDIT = "{ auditLog { nodes { actor action objectType } totalCount } }"


async def count(db: Database, table: Any) -> int:
    async with db.session() as session:
        return int(await session.scalar(select(func.count()).select_from(table)) or 0)


def holding(api: Api, secret: str) -> Api:
    """The same server, called with that key."""
    return Api(shop=api.shop, server=api.server, viewer=api.viewer, http=api.http, secret=secret)


async def test_key_works_until_it_is_revoked_and_its_secret_is_shown_once(api: Api, db: Database) -> None:
    asked = {"name": "laptop", "scopes": ["READ"], "idempotencyKey": "once"}
    made = await api.do(CREATE_KEY, **asked)
    again = await api.do(CREATE_KEY, **asked)
    laptop = holding(api, made["secret"])

    assert (await laptop.run(VIEWER)).data["viewer"]["handle"] == "owner"
    assert (again["apiKey"]["id"], again["secret"]) == (made["apiKey"]["id"], None)
    assert made["apiKey"]["scopes"] == ["READ"]
    refused = await laptop.run(steps.CREATE, input={"name": "Mira", "appearance": "a baker"})
    assert refused.code == "FORBIDDEN"

    revoked = await api.do(REVOKE_KEY, apiKeyId=made["apiKey"]["id"])

    assert revoked["apiKey"]["revokedAt"] is not None
    assert (await laptop.run(VIEWER)).status == 401
    assert await count(db, ApiKey) == 1


async def test_key_cannot_have_more_than_its_maker(api: Api, db: Database) -> None:
    other = await api.another("editor", Role.EDITOR, frozenset({Scope.READ, Scope.WRITE}))
    before = await count(db, ApiKey)

    refused = await other.do(CREATE_KEY, name="more", scopes=["PUBLISH"])

    assert (refused["userErrors"][0]["code"], refused["userErrors"][0]["field"]) == (
        "INVALID_INPUT",
        ["scopes"],
    )
    assert await count(db, ApiKey) == before


async def test_key_that_would_be_over_is_refused(api: Api, db: Database) -> None:
    refused = await api.do(CREATE_KEY, name="late", expiresAt="2020-01-01T00:00:00Z")

    assert refused["userErrors"][0]["field"] == ["expiresAt"]
    assert await count(db, ApiKey) == 0


async def test_foreign_key_is_as_good_as_missing(api: Api) -> None:
    made = await api.do(CREATE_KEY, name="mine")
    other = await api.another("editor")

    refused = await other.do(REVOKE_KEY, apiKeyId=made["apiKey"]["id"])

    assert refused["userErrors"] == [{"code": "NOT_FOUND", "field": ["apiKeyId"]}]
    assert [one["name"] for one in (await other.run(KEYS)).data["apiKeys"]["nodes"]] != ["mine"]


async def test_owner_makes_an_account_with_limits_and_a_key_for_it(api: Api) -> None:
    made = await api.do(CREATE_USER, handle="ada", role="EDITOR", dailyImageLimit=5, monthlyBudgetUsd="2.50")
    key = await api.do(CREATE_KEY, name="for ada", userId=made["user"]["id"])

    seen = (await holding(api, key["secret"]).run(VIEWER)).data["viewer"]

    assert key["apiKey"]["scopes"] == ["PUBLISH", "READ", "WRITE"]
    assert (seen["handle"], seen["role"]) == ("ada", "EDITOR")
    assert seen["usage"]["dailyImageLimit"] == 5
    assert float(seen["usage"]["monthlyBudgetUsd"]) == 2.5


async def test_taken_handle_is_refused(api: Api, db: Database) -> None:
    await api.do(CREATE_USER, handle="ada")
    before = await count(db, User)

    refused = await api.do(CREATE_USER, handle="ada")

    assert (refused["userErrors"][0]["code"], refused["userErrors"][0]["field"]) == ("CONFLICT", ["handle"])
    assert await count(db, User) == before


async def test_one_handle_at_the_same_instant_makes_one_account(api: Api, db: Database) -> None:
    before = await count(db, User)

    payloads = await asyncio.gather(*(api.do(CREATE_USER, handle="ada") for _ in range(8)))

    codes = sorted(error["code"] for payload in payloads for error in payload["userErrors"])
    assert codes == ["CONFLICT"] * 7
    assert await count(db, User) == before + 1


async def test_null_limit_is_no_limit_and_an_absent_one_stays(api: Api, db: Database) -> None:
    made = await api.do(CREATE_USER, handle="ada", dailyImageLimit=5, monthlyImageLimit=50)

    await api.do(
        UPDATE_USER, userId=made["user"]["id"], dailyImageLimit=None, role="REVIEWER", email="ada@example.com"
    )

    async with db.session() as session:
        limits = (await session.scalars(select(Limits))).one()
        user = (await session.scalars(select(User).where(User.handle == "ada"))).one()
    assert (limits.daily_images, limits.monthly_images) == (None, 50)
    assert (user.role, user.email) == (Role.REVIEWER, "ada@example.com")


async def test_negative_limit_is_refused(api: Api, db: Database) -> None:
    before = await count(db, User)

    refused = await api.do(CREATE_USER, handle="ada", dailyImageLimit=-1)

    assert refused["userErrors"][0]["field"] == ["dailyImageLimit"]
    assert await count(db, User) == before


async def test_last_owner_stays_one(api: Api) -> None:
    me = (await api.run("{ viewer { id } }")).data["viewer"]["id"]

    refused = await api.do(UPDATE_USER, userId=me, role="VIEWER")

    assert (refused["userErrors"][0]["code"], refused["userErrors"][0]["field"]) == (
        "INVALID_STATE",
        ["role"],
    )
    assert (await api.run(VIEWER)).data["viewer"]["role"] == "OWNER"


@pytest.mark.parametrize(
    ("document", "given"), [(CREATE_USER, {"handle": "x"}), (UPDATE_USER, {"userId": "x"})]
)
async def test_editor_may_not_touch_accounts(
    api: Api, db: Database, document: str, given: dict[str, Any]
) -> None:
    other = await api.another("editor")
    before = await count(db, User)

    refused = await other.run(document, input=given)

    assert refused.code == "FORBIDDEN"
    assert await count(db, User) == before


async def test_others_are_seen_by_owners_only(api: Api) -> None:
    other = await api.another("editor")

    assert {one["handle"] for one in (await api.run(USERS)).data["users"]["nodes"]} == {"owner", "editor"}
    assert [one["handle"] for one in (await other.run(USERS)).data["users"]["nodes"]] == ["editor"]


async def test_audit_log_tells_what_was_done_and_only_to_its_owner(api: Api) -> None:
    await api.do(CREATE_KEY, name="laptop")
    mira = await steps.persona(api)
    await steps.drafts(api, mira)
    await api.do(steps.APPROVE, subjectId=mira)
    other = await api.another("editor")

    seen = (await api.run(AUDIT)).data["auditLog"]

    assert seen["nodes"][0] == {"actor": "owner", "action": "base_image.approved", "objectType": "Persona"}
    assert seen["nodes"][-1]["action"] == "api_key.created"
    assert (await other.run(AUDIT)).data["auditLog"]["totalCount"] == 0


async def test_change_to_anothers_account_is_in_the_log_of_both(api: Api) -> None:
    ada = (await api.do(CREATE_USER, handle="ada", role="EDITOR"))["user"]["id"]
    key = await api.do(CREATE_KEY, name="for ada", userId=ada)

    told = [
        [
            (one["actor"], one["action"], one["objectType"])
            for one in (await who.run(AUDIT)).data["auditLog"]["nodes"]
        ]
        for who in (api, holding(api, key["secret"]))
    ]

    assert told == [[("owner", "api_key.created", "ApiKey"), ("owner", "user.created", "User")]] * 2
