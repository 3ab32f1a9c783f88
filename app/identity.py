"""Who may enter: holders of a key, and on loopback the one local owner who needs none."""

import ipaddress
from dataclasses import dataclass

from sqlalchemy import or_, select, text

from app.server_settings import ServerSettings
from resolvers.identity import Viewer, admit_key, local_owner, viewer_for_bearer
from store.database.sessions import Database
from store.database.tables import ApiKey

ADMIN = "ADMIN_API_KEY"


class NeedsKey(RuntimeError):  # noqa: N818 -- reads as the sentence that it carries
    """The address can be reached from elsewhere and nobody has a key."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"HOST {host} can be reached from other machines, and there is no key yet. Set ADMIN_API_KEY, or make "
            "one with `python -m app keys create NAME`, or serve on 127.0.0.1."
        )


@dataclass(frozen=True)
class Doors:
    """Admits callers. `keyless` is the local owner where no key is asked for, else None."""

    database: Database
    keyless: Viewer | None

    async def admit(self, secret: str | None) -> Viewer | None:
        """The viewer behind a key, or the keyless one behind none; None = must not enter."""
        if secret is None:
            return self.keyless
        return await viewer_for_bearer(self.database, secret)


async def open_doors(chosen: ServerSettings, database: Database) -> Doors:
    """Decide once at start.

    Raises:
        NeedsKey: HOST is no loopback address and there is no key.
    """
    owner = await local_owner(database)
    if chosen.admin_api_key is not None:
        await admit_key(database, owner.user_id, ADMIN, chosen.admin_api_key)
    if not loopback(chosen.host) and not await _any_key(database):
        raise NeedsKey(chosen.host)
    keyless = owner if loopback(chosen.host) and not chosen.require_key else None
    return Doors(database, keyless)


def loopback(host: str) -> bool:
    """Whether only this machine can reach that address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _any_key(database: Database) -> bool:
    open_key = select(ApiKey.id).where(
        ApiKey.revoked_at.is_(None), or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > text("clock()"))
    )
    async with database.session() as session:
        return await session.scalar(open_key.limit(1)) is not None
