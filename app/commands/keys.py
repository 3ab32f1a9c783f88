"""`python -m app keys create | list | revoke`: API keys of the owner, from the command line."""

import argparse
import asyncio
import datetime
import sys
import uuid

from sqlalchemy import select

from app.commands.failures import plainly
from app.database import open_database
from app.settings import Settings
from resolvers.identity import ALL, Scope, create_key, list_keys, local_owner, revoke_key
from store.database.sessions import Database
from store.database.tables import ApiKey, AuditEntry

ACTOR = "command line"


@plainly
def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Do what was asked; a server may be running beside it."""
    return asyncio.run(_run(settings, arguments))


async def _run(settings: Settings, arguments: argparse.Namespace) -> int:
    async with open_database(settings, beside=True) as opened:
        if arguments.action == "create":
            return await _create(opened.database, arguments)
        if arguments.action == "revoke":
            return await _revoke(opened.database, arguments.prefix)
        return await _list(opened.database)


async def _create(database: Database, arguments: argparse.Namespace) -> int:
    scopes = frozenset(arguments.scope or ())
    unknown = scopes - {scope.value for scope in Scope}
    if unknown:
        known = ", ".join(scope.value for scope in Scope)
        print(f"There is no scope {', '.join(sorted(unknown))}; there are {known}.", file=sys.stderr)
        return 2
    ends = None
    if arguments.days is not None:
        ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=arguments.days)
    owner = await local_owner(database)
    wanted = {Scope(scope) for scope in scopes} or ALL
    secret = await create_key(database, owner.user_id, arguments.name, wanted, ends)
    await _note(database, owner.user_id, "api_key.created", secret.rpartition("_")[0], arguments.name)
    print(secret)
    print("Keep it: it is not shown again. Send it as `Authorization: Bearer <key>`.", file=sys.stderr)
    return 0


async def _list(database: Database) -> int:
    owner = await local_owner(database)
    for key in await list_keys(database, owner.user_id):
        state = (
            "revoked" if key.revoked_at else f"until {key.expires_at:%Y-%m-%d}" if key.expires_at else "open"
        )
        print(f"{key.prefix}  {state:18}  {' '.join(key.scopes)}  {key.name}")
    return 0


async def _revoke(database: Database, prefix: str) -> int:
    owner = await local_owner(database)
    keys = [
        key for key in await list_keys(database, owner.user_id) if key.prefix == prefix and not key.revoked_at
    ]
    if len(keys) != 1:
        print(f"There is no open key that begins with {prefix}.", file=sys.stderr)
        return 1
    await revoke_key(database, owner.user_id, keys[0].id)
    await _note(database, owner.user_id, "api_key.revoked", prefix, keys[0].name)
    print(f"{prefix} is revoked; its open connections end within a minute.")
    return 0


async def _note(database: Database, user_id: uuid.UUID, action: str, prefix: str, name: str) -> None:
    """Write it down before the key is shown, so that no key is known that the audit log does not tell of."""
    async with database.begin() as session:
        key = select(ApiKey.id).where(ApiKey.user_id == user_id, ApiKey.prefix == prefix)
        session.add(
            AuditEntry(
                owner_id=user_id,
                actor=ACTOR,
                action=action,
                object_id=await session.scalar(key.order_by(ApiKey.created_at.desc()).limit(1)),
                object_type="ApiKey",
                details={"name": name},
            )
        )
