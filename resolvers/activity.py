"""What happened to everything that is the viewer's: one stream, gap-free after a cursor.

The database numbers the entries as the last thing of each transaction (migration 0003), so entries become visible
in their order. Watching reads them; a hint that something was committed only makes it look earlier.
"""

import base64
import binascii
import dataclasses
import re
import uuid
from collections.abc import AsyncGenerator, Sequence

from sqlalchemy import select

from resolvers.context import Context, Info
from resolvers.ids import Ref
from resolvers.nodes import node
from resolvers.refused import bad_input
from store.database.tables import ActivityEntry, ActivityHead, Character, Job, Persona, Post, Table, Variant
from store.events import Topic

KINDS: dict[str, type[Table]] = {
    "Job": Job,
    "Variant": Variant,
    "Post": Post,
    "Persona": Persona,
    "Character": Character,
}
LOOK_EVERY_SECONDS = 1.0
PAGE = 100
_CURSOR = re.compile(r"activity:(0|[1-9][0-9]{0,17})")


@dataclasses.dataclass(frozen=True)
class Activity:
    """One change of state; `node` as it is now."""

    cursor: str
    node: Table


async def activity(info: Info, after: str | None = None) -> AsyncGenerator[Activity, None]:
    """Every change after the cursor, in order; without one, every change from now on.

    What has been deleted since is passed over.

    Raises:
        Told: BAD_USER_INPUT, when the cursor is none of ours, or so old that what came after it is not kept.
    """
    context = info.context
    seen = await _newest(context) if after is None else sequence_of(after)
    await _require_kept(context, seen)
    with context.broadcast.subscribe(Topic.ALL) as news:
        while True:
            news.take()
            entries = await _entries(context, seen)
            context.forget()
            for entry in entries:
                seen = entry.sequence
                found = await node(info, Ref(table=KINDS[entry.node_type], key=entry.node_id))
                if found is not None:
                    yield Activity(cursor_of(seen), found)
            if len(entries) < PAGE:
                await news.wait(LOOK_EVERY_SECONDS)


def cursor_of(sequence: int) -> str:
    """How clients name the place after that entry."""
    return base64.b64encode(f"activity:{sequence}".encode()).decode()


def sequence_of(cursor: str) -> int:
    """The entry a cursor names; raises Told for what is no cursor of ours."""
    try:
        found = _CURSOR.fullmatch(base64.b64decode(cursor, validate=True).decode("ascii"))
    except (binascii.Error, UnicodeDecodeError, ValueError):
        found = None
    if found is None:
        raise bad_input("`after` is no cursor of `activity`; leave it out to begin now.")
    return int(found.group(1))


async def _newest(context: Context) -> int:
    async with context.reading() as session:
        head = await session.get(ActivityHead, context.viewer.user_id)
    return head.sequence if head else 0


async def _require_kept(context: Context, seen: int) -> None:
    """Raise Told when entries after that one were let go: going on would leave a gap."""
    following = select(ActivityEntry.sequence).where(
        ActivityEntry.owner_id == context.viewer.user_id, ActivityEntry.sequence > seen
    )
    async with context.reading() as session:
        oldest = await session.scalar(following.order_by(ActivityEntry.sequence).limit(1))
    if (oldest or await _newest(context) + 1) > seen + 1:
        raise bad_input("What came after this cursor is not kept any more; read anew and leave `after` out.")


async def _entries(context: Context, seen: int) -> Sequence[ActivityEntry]:
    owner: uuid.UUID = context.viewer.user_id
    statement = (
        select(ActivityEntry)
        .where(ActivityEntry.owner_id == owner, ActivityEntry.sequence > seen)
        .order_by(ActivityEntry.sequence)
        .limit(PAGE)
    )
    async with context.reading() as session:
        return (await session.scalars(statement)).all()
