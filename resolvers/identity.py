"""Who is asking, and how keys are made, checked and revoked.

A key is shown once: `lk_` + 8 letters that name it + `_` + 32 random letters + 6 that check the rest. Only its
HMAC-SHA256 is kept, with a secret of this server. Knows no transport: a bearer token arrives as text.
"""

import datetime
import enum
import hmac
import secrets
import string
import uuid
import weakref
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from store.database.sessions import Database
from store.database.tables import ApiKey, Role, Secret, User

LETTERS = string.ascii_letters + string.digits
SECRET_NAME = "api_keys"  # noqa: S105 -- the name of the row that holds it
NAMED, RANDOM, CHECK = 8, 32, 6
LOCAL_HANDLE = "owner"
_PEPPERS: weakref.WeakKeyDictionary[Database, bytes] = weakref.WeakKeyDictionary()
USED = datetime.timedelta(minutes=1)  # how fine `last_used_at` is; a write per request would be dear


class Scope(enum.Enum):
    """What a key may be used for."""

    READ = "READ"
    WRITE = "WRITE"
    PUBLISH = "PUBLISH"
    REVIEW = "REVIEW"
    ADMIN = "ADMIN"


ALL = frozenset(Scope)
MAY: dict[Role, frozenset[Scope]] = {
    Role.OWNER: ALL,
    Role.EDITOR: frozenset({Scope.READ, Scope.WRITE, Scope.PUBLISH}),
    Role.REVIEWER: frozenset({Scope.READ, Scope.WRITE, Scope.REVIEW}),
    Role.VIEWER: frozenset({Scope.READ}),
}
"""What each role may do at most; a key can only narrow it."""


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """The user behind a request. `key_id` None = the local owner, who needs no key."""

    user_id: uuid.UUID
    role: Role
    scopes: frozenset[Scope]
    handle: str
    key_id: uuid.UUID | None = None
    expires_at: datetime.datetime | None = None

    def may(self, scope: Scope) -> bool:
        """Whether both the role and the key allow it."""
        return scope in self.scopes and scope in MAY[self.role]

    @property
    def operator(self) -> bool:
        """Whether paths on the server's disk may be shown: the local owner, and who may administer."""
        return self.key_id is None or self.may(Scope.ADMIN)


async def viewer_for_bearer(db: Database, secret: str) -> Viewer | None:
    """Who holds that key; None when it is unknown, expired, revoked or not even well-formed."""
    if secret.startswith("lk_") and not _whole(secret):
        return None
    unused = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < func.clock() - USED)
    statement = (
        select(ApiKey, User, unused)
        .join(User, User.id == ApiKey.user_id)
        .where(
            ApiKey.digest == await _digest(db, secret),
            ApiKey.revoked_at.is_(None),
            or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.clock()),
        )
    )
    async with db.session() as session:
        found = (await session.execute(statement)).one_or_none()
    if found is None:
        return None
    key, user, note = found
    if note:
        async with db.begin() as session:
            await session.execute(update(ApiKey).where(ApiKey.id == key.id).values(last_used_at=func.clock()))
    return Viewer(
        user_id=user.id,
        role=user.role,
        scopes=frozenset(Scope(scope) for scope in key.scopes),
        handle=user.handle,
        key_id=key.id,
        expires_at=key.expires_at,
    )


async def local_owner(db: Database) -> Viewer:
    """The one owner of a server without keys, made on first use."""
    async with db.begin() as session:
        made = insert(User).values(handle=LOCAL_HANDLE, role=Role.OWNER)
        await session.execute(made.on_conflict_do_nothing(index_elements=[User.handle]))
        user = (await session.scalars(select(User).where(User.handle == LOCAL_HANDLE))).one()
    return Viewer(user_id=user.id, role=user.role, scopes=ALL, handle=user.handle)


async def create_key(
    db: Database,
    user_id: uuid.UUID,
    name: str,
    scopes: Iterable[Scope] = ALL,
    expires_at: datetime.datetime | None = None,
) -> str:
    """Make a key and return its secret; it cannot be shown again."""
    key = ApiKey(user_id=user_id, name=name, scopes=_words(scopes), expires_at=expires_at)
    secret = await equip(db, key)
    async with db.begin() as session:
        session.add(key)
    return secret


async def equip(db: Database, key: ApiKey) -> str:
    """Give a new row a secret of its own; the secret, which cannot be shown again."""
    named = "".join(secrets.choice(LETTERS) for _ in range(NAMED))
    rest = "".join(secrets.choice(LETTERS) for _ in range(RANDOM))
    plain = f"lk_{named}_{rest}"
    secret = plain + _check(plain)
    key.prefix, key.digest = plain[: len("lk_") + NAMED], await _digest(db, secret)
    return secret


async def admit_key(db: Database, user_id: uuid.UUID, name: str, secret: str) -> None:
    """Take a key that an operator chose (ADMIN_API_KEY) with every scope; a no-op when it is known.

    Raises:
        ValueError: it is shorter than 24 characters.
    """
    if len(secret) < 24:  # noqa: PLR2004 -- said in the sentence below
        raise ValueError("An API key must have at least 24 characters.")
    digest = await _digest(db, secret)
    async with db.begin() as session:
        if await session.scalar(select(ApiKey.id).where(ApiKey.digest == digest)) is None:
            prefix = secret[: len("lk_") + NAMED]
            session.add(ApiKey(user_id=user_id, name=name, prefix=prefix, digest=digest, scopes=_words(ALL)))


async def revoke_key(db: Database, user_id: uuid.UUID, key_id: uuid.UUID) -> bool:
    """End a key at once; False when that user has no such key."""
    statement = (
        update(ApiKey)
        .where(ApiKey.id == key_id, ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None))
        .values(revoked_at=func.clock())
        .returning(ApiKey.id)
    )
    async with db.begin() as session:
        return (await session.execute(statement)).one_or_none() is not None


async def list_keys(db: Database, user_id: uuid.UUID) -> Sequence[ApiKey]:
    """That user's keys, newest first, revoked ones included."""
    async with db.session() as session:
        return (
            await session.scalars(select(ApiKey).where(ApiKey.user_id == user_id).order_by(ApiKey.id.desc()))
        ).all()


async def _digest(db: Database, secret: str) -> bytes:
    """What is kept of a key; the secret it is made with is read once for each `Database`."""
    if db not in _PEPPERS:
        async with db.begin() as session:
            made = insert(Secret).values(name=SECRET_NAME, value=secrets.token_bytes(32))
            await session.execute(made.on_conflict_do_nothing(index_elements=[Secret.name]))
            _PEPPERS[db] = (
                await session.scalars(select(Secret.value).where(Secret.name == SECRET_NAME))
            ).one()
    return hmac.digest(_PEPPERS[db], secret.encode("utf-8", "surrogatepass"), "sha256")


def _words(scopes: Iterable[Scope]) -> list[str]:
    return sorted(scope.value for scope in scopes)


def _check(plain: str) -> str:
    """Six letters that tell a mistyped key from an unknown one without asking the database."""
    rest, letters = zlib.crc32(plain.encode()), ""
    for _ in range(CHECK):
        rest, digit = divmod(rest, len(LETTERS))
        letters += LETTERS[digit]
    return letters


def _whole(secret: str) -> bool:
    return hmac.compare_digest(_check(secret[:-CHECK]).encode(), secret[-CHECK:].encode())
