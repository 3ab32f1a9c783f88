"""Any row by its global id, if the viewer may see it."""

import asyncio
from collections.abc import Sequence

from sqlalchemy import select

from resolvers import presets
from resolvers.context import Info
from resolvers.ids import Ref
from resolvers.paging import LARGEST_SIZE
from resolvers.refused import bad_input
from resolvers.visible import visible
from store.database.tables import Preset, Table, Upload, User


async def node(info: Info, ref: Ref | None) -> Table | None:
    """The row, None for an id that is malformed, missing or somebody else's."""
    if ref is None or ref.table is Upload:
        return None
    if ref.table is Preset and (built_in := presets.built_in(ref.key)) is not None:
        return built_in
    loader = info.context.batched(("node", ref.table), lambda keys: _rows(info, ref.table, keys))
    found: Table | None = await loader.load(ref.key)
    return found


async def nodes(info: Info, refs: Sequence[Ref | None]) -> list[Table | None]:
    """The rows in the order of their ids; raises Told for more than a page of them."""
    if len(refs) > LARGEST_SIZE:
        raise bad_input(f"`ids` must have at most {LARGEST_SIZE} ids; got {len(refs)}.")
    return list(await asyncio.gather(*(node(info, ref) for ref in refs)))


async def viewer(info: Info) -> User | None:
    """Who is asking."""
    return await info.context.load(User, info.context.viewer.user_id)


async def _rows(info: Info, table: type[Table], keys: list[object]) -> list[Table | None]:
    identity = table.__mapper__.primary_key[0]
    statement = select(table).where(identity.in_(keys), visible(info.context.viewer, table))
    async with info.context.reading() as session:
        rows = (await session.scalars(statement)).all()
    found = {row.__mapper__.primary_key_from_instance(row)[0]: row for row in rows}
    return [found.get(key) for key in keys]
