"""Accounts and their keys: who may come in, and what they may do and spend."""

import dataclasses
import datetime
import decimal
import uuid
from typing import Any

from sqlalchemy import ColumnElement, select, text, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from resolvers import audit, idempotency
from resolvers.audit import OfUser
from resolvers.context import Context, Info, Parent, Some
from resolvers.idempotency import Asked
from resolvers.identity import MAY, Scope, equip
from resolvers.limits import starting_limits
from resolvers.paging import Listing, Order
from resolvers.people_inputs import CreateApiKeyInput, CreateUserInput, RevokeApiKeyInput, UpdateUserInput
from resolvers.refused import Refused, UserErrorCode
from resolvers.visible import visible
from store.database.ids import new_id
from store.database.tables import ApiKey, AuditEntry, Limits, Role, User

LIMITS = {
    "daily_image_limit": "daily_images",
    "monthly_image_limit": "monthly_images",
    "monthly_budget_usd": "monthly_budget_usd",
}


@dataclasses.dataclass(frozen=True)
class CreatedApiKey:
    """Both nouns of the payload. `secret` is None when the call was a replay: it is shown once."""

    api_key: ApiKey
    secret: str | None


def api_keys(info: Info) -> Listing[ApiKey]:
    """The viewer's keys, newest first, ended ones included."""
    statement = select(ApiKey).where(visible(info.context.viewer, ApiKey))
    return Listing(statement=statement, order=Order(key=ApiKey.created_at, id=ApiKey.id, descending=True))


def users(info: Info) -> Listing[User]:
    """Every account for owners, else one's own."""
    viewer = info.context.viewer
    mine = visible(viewer, User)
    if viewer.may(Scope.ADMIN):
        mine = true()
    return Listing(
        statement=select(User).where(mine), order=Order(key=User.created_at, id=User.id, descending=True)
    )


def audit_log(info: Info) -> Listing[AuditEntry]:
    """What was done that spends, publishes, approves or deletes, newest first."""
    statement = select(AuditEntry).where(visible(info.context.viewer, AuditEntry))
    return Listing(
        statement=statement, order=Order(key=AuditEntry.created_at, id=AuditEntry.id, descending=True)
    )


def scopes_of(key: Parent[ApiKey]) -> list[Scope]:
    """What it may be used for."""
    return [Scope(scope) for scope in key.scopes]


async def create_api_key(info: Info, asked: CreateApiKeyInput) -> CreatedApiKey:
    """Make a key; nobody can give away more than the key's owner has."""
    context = info.context
    once = Asked.of("createApiKey", asked)
    async with context.writing() as session:
        made = await idempotency.earlier(session, context.viewer, once)
        if made is not None:
            return CreatedApiKey(await session.get_one(ApiKey, made["key"]), None)
        user = await _whose(session, context, asked.user_id)
        key = ApiKey(
            user_id=user.id,
            name=asked.name,
            scopes=sorted(scope.value for scope in _allowed(context, user, asked.scopes)),
            expires_at=await _in_the_future(session, asked.expires_at),
        )
        secret = await equip(context.db, key)
        session.add(key)
        await session.flush()
        audit.note(context, session, "api_key.created", _key(key), name=key.name)
        await idempotency.keep(session, context.viewer, once, key=key.id)
    return CreatedApiKey(key, secret)


async def revoke_api_key(info: Info, asked: RevokeApiKeyInput) -> ApiKey:
    """End a key at once; its open connections are closed at their next check. Ending it twice changes nothing."""
    context = info.context
    mine: ColumnElement[bool] = ApiKey.user_id == context.viewer.user_id
    if context.viewer.may(Scope.ADMIN):
        mine = true()
    async with context.writing() as session:
        key = await session.scalar(
            select(ApiKey).where(ApiKey.id == asked.api_key_id, mine).with_for_update()
        )
        if key is None:
            raise Refused(UserErrorCode.NOT_FOUND, "There is no API key with this id.", ("apiKeyId",))
        if key.revoked_at is None:
            key.revoked_at = await session.scalar(select(text("clock()")))
            audit.note(context, session, "api_key.revoked", _key(key))
    return key


async def create_user(info: Info, asked: CreateUserInput) -> User:
    """Make an account with its limits."""
    context = info.context
    handle = asked.handle.strip()
    if not handle:
        raise Refused(UserErrorCode.INVALID_INPUT, "A user needs a handle.", ("handle",))
    once = Asked.of("createUser", asked)
    async with context.writing() as session:
        made = await idempotency.earlier(session, context.viewer, once)
        if made is not None:
            return await session.get_one(User, made["user"])
        user = await _newcomer(session, handle, asked)
        limits = starting_limits(user.id, context.accounts)
        _change_limits(limits, asked)
        session.add(limits)
        audit.note(context, session, "user.created", _account(user), role=user.role.value)
        await idempotency.keep(session, context.viewer, once, user=user.id)
    return user


async def _newcomer(session: AsyncSession, handle: str, asked: CreateUserInput) -> User:
    """The row; of two that ask for one handle at the same instant the later one waits for the other, and is refused."""
    row = insert(User).values(id=new_id(), handle=handle, email=asked.email, role=asked.role)
    made = await session.scalar(row.on_conflict_do_nothing(index_elements=[User.handle]).returning(User.id))
    if made is None:
        raise Refused(UserErrorCode.CONFLICT, f"There is a user called {handle} already.", ("handle",))
    return await session.get_one(User, made)


async def update_user(info: Info, asked: UpdateUserInput) -> User:
    """Change an account. The last owner stays one, so that somebody can always let others in."""
    context = info.context
    async with context.writing() as session:
        user = await session.scalar(select(User).where(User.id == asked.user_id).with_for_update())
        if user is None:
            raise Refused(UserErrorCode.NOT_FOUND, "There is no user with this id.", ("userId",))
        if asked.role is not None and asked.role is not user.role:
            await _keep_an_owner(session, user)
            user.role = asked.role
        if isinstance(asked.email, Some):
            user.email = asked.email.value
        limits = await session.get(Limits, user.id, with_for_update=True)
        if limits is None:
            limits = Limits(user_id=user.id)
            session.add(limits)
        _change_limits(limits, asked)
        audit.note(context, session, "user.changed", _account(user), role=user.role.value)
    return user


def _key(key: ApiKey) -> OfUser:
    return OfUser(id=key.id, owner_id=key.user_id, kind="ApiKey")


def _account(user: User) -> OfUser:
    return OfUser(id=user.id, owner_id=user.id, kind="User")


def _change_limits(limits: Limits, asked: CreateUserInput | UpdateUserInput) -> None:
    for name, column in LIMITS.items():
        given: Any = getattr(asked, name)
        if isinstance(given, Some):
            if given.value is not None and given.value < 0:
                first, *rest = name.split("_")
                path = first + "".join(part.capitalize() for part in rest)
                raise Refused(UserErrorCode.INVALID_INPUT, "A limit cannot be negative.", (path,))
            value: int | decimal.Decimal | None = given.value
            setattr(limits, column, value)


async def _whose(session: AsyncSession, context: Context, user_id: uuid.UUID | None) -> User:
    if user_id is None or user_id == context.viewer.user_id:
        return await session.get_one(User, context.viewer.user_id)
    user = await session.get(User, user_id) if context.viewer.may(Scope.ADMIN) else None
    if user is None:
        raise Refused(UserErrorCode.NOT_FOUND, "There is no user with this id.", ("userId",))
    return user


def _allowed(context: Context, user: User, wanted: list[Scope] | None) -> frozenset[Scope]:
    most = MAY[user.role]
    if user.id == context.viewer.user_id:
        most &= context.viewer.scopes
    scopes = most if wanted is None else frozenset(wanted)
    if not scopes or scopes - most:
        over = ", ".join(sorted(scope.value for scope in scopes - most)) or "nothing at all"
        words = (
            f"A key for this user cannot have {over}; it can have {', '.join(sorted(s.value for s in most))}."
        )
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("scopes",))
    return scopes


async def _in_the_future(session: AsyncSession, ends: datetime.datetime | None) -> datetime.datetime | None:
    if ends is None:
        return None
    aware = ends if ends.tzinfo else ends.replace(tzinfo=datetime.UTC)
    now: datetime.datetime | None = await session.scalar(select(text("clock()")))
    assert now is not None
    if aware <= now:
        raise Refused(UserErrorCode.INVALID_INPUT, "The key would be over already.", ("expiresAt",))
    return aware


async def _keep_an_owner(session: AsyncSession, user: User) -> None:
    if user.role is not Role.OWNER:
        return
    owners = await session.scalars(
        select(User).where(User.role == Role.OWNER).order_by(User.id).with_for_update()
    )
    if len(owners.all()) == 1:
        words = "This is the last owner. Make somebody else an owner first."
        raise Refused(UserErrorCode.INVALID_STATE, words, ("role",))
