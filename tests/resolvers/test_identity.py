"""Keys and the viewers behind them."""

import datetime

import pytest
from sqlalchemy import select

from resolvers.identity import (
    ALL,
    MAY,
    Scope,
    Viewer,
    admit_key,
    create_key,
    list_keys,
    local_owner,
    revoke_key,
    viewer_for_bearer,
)
from store.database.ids import new_id
from store.database.sessions import Database
from store.database.tables import ApiKey, Role, User

pytestmark = pytest.mark.asyncio


async def user(db: Database, role: Role = Role.EDITOR) -> User:
    row = User(id=new_id(), handle="ada", role=role)
    async with db.begin() as session:
        session.add(row)
    return row


async def test_key_leads_to_its_user(db: Database) -> None:
    ada = await user(db)
    secret = await create_key(db, ada.id, "laptop", {Scope.READ, Scope.WRITE})
    viewer = await viewer_for_bearer(db, secret)
    assert viewer is not None
    assert (viewer.user_id, viewer.handle, viewer.role) == (ada.id, "ada", Role.EDITOR)
    assert viewer.scopes == {Scope.READ, Scope.WRITE}
    [key] = await list_keys(db, ada.id)
    assert viewer.key_id == key.id
    assert (key.name, key.prefix, key.scopes) == ("laptop", secret[:11], ["READ", "WRITE"])
    assert key.last_used_at is not None


async def test_only_a_digest_is_kept(db: Database) -> None:
    ada = await user(db)
    secret = await create_key(db, ada.id, "laptop")
    [key] = await list_keys(db, ada.id)
    assert len(key.digest) == 32
    assert secret.encode() not in key.digest
    assert len(key.prefix) < len(secret) // 3


async def test_use_is_noted_once_a_minute(db: Database) -> None:
    ada = await user(db)
    secret = await create_key(db, ada.id, "laptop")
    await viewer_for_bearer(db, secret)
    [first] = await list_keys(db, ada.id)
    await viewer_for_bearer(db, secret)
    [second] = await list_keys(db, ada.id)
    assert second.last_used_at == first.last_used_at


@pytest.mark.parametrize("wrong", ["", "x", "lk_", "lk_" + "a" * 47, "Bearer", "\0", "\ud800", "ü" * 50])
async def test_unknown_secret_leads_to_nobody(db: Database, wrong: str) -> None:
    await create_key(db, (await user(db)).id, "laptop")
    assert await viewer_for_bearer(db, wrong) is None


async def test_mistyped_key_leads_to_nobody(db: Database) -> None:
    secret = await create_key(db, (await user(db)).id, "laptop")
    for place in (4, 20, len(secret) - 1):
        letter = "a" if secret[place] != "a" else "b"
        assert await viewer_for_bearer(db, secret[:place] + letter + secret[place + 1 :]) is None


async def test_expired_key_leads_to_nobody(db: Database) -> None:
    ada = await user(db)
    now = datetime.datetime.now(datetime.UTC)
    gone = await create_key(db, ada.id, "old", expires_at=now - datetime.timedelta(seconds=1))
    good = await create_key(db, ada.id, "new", expires_at=now + datetime.timedelta(hours=1))
    assert await viewer_for_bearer(db, gone) is None
    viewer = await viewer_for_bearer(db, good)
    assert viewer is not None
    assert viewer.expires_at == now + datetime.timedelta(hours=1)


async def test_revoked_key_leads_to_nobody_and_only_its_owner_revokes_it(db: Database) -> None:
    ada = await user(db)
    secret = await create_key(db, ada.id, "laptop")
    [key] = await list_keys(db, ada.id)
    assert await revoke_key(db, new_id(), key.id) is False
    assert await viewer_for_bearer(db, secret) is not None
    assert await revoke_key(db, ada.id, key.id) is True
    assert await revoke_key(db, ada.id, key.id) is False
    assert await viewer_for_bearer(db, secret) is None


async def test_local_owner_is_made_once(db: Database) -> None:
    first, second = await local_owner(db), await local_owner(db)
    assert first == second
    assert (first.role, first.key_id, first.operator) == (Role.OWNER, None, True)
    async with db.session() as session:
        assert len((await session.scalars(select(User))).all()) == 1


async def test_operators_own_key_is_admitted_once(db: Database) -> None:
    owner = await local_owner(db)
    for _ in range(2):
        await admit_key(db, owner.user_id, "ADMIN_API_KEY", "an operator's long secret")
    async with db.session() as session:
        assert len((await session.scalars(select(ApiKey))).all()) == 1
    viewer = await viewer_for_bearer(db, "an operator's long secret")
    assert viewer is not None
    assert viewer.scopes == ALL


async def test_short_operators_key_is_refused(db: Database) -> None:
    owner = await local_owner(db)
    with pytest.raises(ValueError, match="at least 24 characters"):
        await admit_key(db, owner.user_id, "ADMIN_API_KEY", "short")


@pytest.mark.parametrize("role", list(Role))
async def test_key_can_only_narrow_what_the_role_may(role: Role) -> None:
    every = Viewer(user_id=new_id(), role=role, scopes=ALL, handle="ada", key_id=new_id())
    assert {scope for scope in Scope if every.may(scope)} == MAY[role]
    reader = Viewer(
        user_id=new_id(), role=role, scopes=frozenset({Scope.READ}), handle="ada", key_id=new_id()
    )
    assert {scope for scope in Scope if reader.may(scope)} == {Scope.READ}
    assert reader.operator is False


async def test_viewers_cannot_write() -> None:
    assert MAY[Role.VIEWER] == {Scope.READ}
