"""Trying again when the database was away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from store.database.sessions import CommitUnknown

T = TypeVar("T")
PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0)  # seconds; about half a lease in all
BROKEN_OFF = "another operation"  # asyncpg, of a connection that was cut while it was being given back
log = structlog.get_logger(__name__)


def database_was_away(error: BaseException) -> bool:
    """Whether the connection broke or a deadlock was resolved against us, so that the same work may succeed later.

    An unknown commit counts: what is repeated begins with the fence.
    """
    if isinstance(error, DBAPIError):
        code = getattr(error.orig, "sqlstate", None) or ""
        return (
            isinstance(error, OperationalError | InterfaceError)
            or error.connection_invalidated
            or code in {"40001", "40P01"}
            or code.startswith(("08", "57P"))
            or BROKEN_OFF in str(error.orig)
        )
    return isinstance(error, CommitUnknown | PoolTimeoutError | TimeoutError | ConnectionError)


async def persistently(work: Callable[[], Awaitable[T]]) -> T:
    """Do `work`, again when the database was away. It must begin with the fence, so that doing it twice is once."""
    for pause in PAUSES:
        try:
            return await work()
        except Exception as error:
            if not database_was_away(error):
                raise
            log.warning("the database was away, trying again", error=repr(error), seconds=pause)
            await asyncio.sleep(pause)
    return await work()
