"""Tasks that no generator does: publishing and delivering. Knows no kind of them by name.

A chore may be killed between any two of its lines and begun again, so whatever it does outside the database must
do no harm when it is done twice: it writes what it is about to do first, behind the fence.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from generators.events import Failed
from store.queue import Claim, Held

Write = Callable[[AsyncSession, Held], Awaitable[None]]
Fenced = Callable[[Write], Awaitable[None]]
"""Runs a write in a transaction of its own, behind the fence; raises LeaseLostError when the task is another's."""


class Chore(Protocol):
    """One kind of task."""

    async def do(self, claim: Claim, fenced: Fenced) -> Write | Failed:
        """Do it. The write that is returned is committed together with the end of the task; Failed ends or retries it.

        Raises:
            LeaseLostError: by way of `fenced`; nothing more may be done.
        """
        ...
