"""What happens around every mutation: may the viewer do this at all, and is a refusal an answer."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from resolvers.context import Context
from resolvers.identity import Scope
from resolvers.limits import refusal
from resolvers.refused import Refused, forbidden
from store.ledger import Exceeded

Made = TypeVar("Made")
Payload = TypeVar("Payload")


async def answered(
    context: Context,
    scope: Scope,
    act: Callable[[], Awaitable[Made]],
    *,
    show: Callable[[Made], Payload],
    refuse: Callable[[Refused], Payload],
) -> Payload:
    """What was made, shown; or what was refused. Raises Told FORBIDDEN without the scope; bugs pass through."""
    if not context.viewer.may(scope):
        raise forbidden(f"This needs the scope {scope.value}, which your role or key does not have.")
    try:
        made = await act()
    except Refused as refused:
        return refuse(refused)
    except Exceeded as exceeded:  # wherever it was enqueued: what is over a limit is refused
        return refuse(refusal(exceeded))
    return show(made)
