"""What a resolver may touch, and the only place below the schema that knows Strawberry.

One `Context` serves one operation; a subscription forgets its loaded rows before every event. Every resolver and
every loader batch opens a short session of its own, because siblings run concurrently.
"""

import dataclasses
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import strawberry
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from strawberry import Maybe, Parent, Some
from strawberry.dataloader import DataLoader

from executor.content.guard import Guard
from executor.models import Models
from executor.progress import Progress
from executor.stock import Stock
from resolvers.access import FileAccess
from resolvers.account_settings import AccountSettings
from resolvers.identity import Viewer
from resolvers.visible import Sights
from store.database.sessions import Database
from store.database.tables import File, Table
from store.events import Broadcast

__all__ = ["Context", "Info", "Maybe", "Parent", "Some"]

Row = TypeVar("Row", bound=Table)


@dataclasses.dataclass
class Context:
    """Who asks, and the parts of the server that answer."""

    db: Database
    viewer: Viewer
    models: Models
    progress: Progress
    files: FileAccess
    request_id: str | None = None
    broadcast: Broadcast = dataclasses.field(default_factory=Broadcast)
    plain_webhooks: bool = False
    publish_to: str = "local"
    stock: Stock | None = None
    accounts: AccountSettings = dataclasses.field(default_factory=AccountSettings)
    guard: Guard = dataclasses.field(default_factory=Guard)
    sights: Sights | None = None
    _loaders: dict[object, DataLoader[Any, Any]] = dataclasses.field(default_factory=dict, repr=False)

    def reading(self) -> AbstractAsyncContextManager[AsyncSession]:
        """A short session for one read."""
        return self.db.session()

    def writing(self) -> AbstractAsyncContextManager[AsyncSession]:
        """A transaction: committed at the end, rolled back when anything is raised; subscribers hear of it after."""
        return self.db.begin()

    async def sees(self, table: type[Table], key: uuid.UUID) -> bool:
        """Whether the viewer may see that row; who asks the same at once shares the look, where `sights` are given."""
        return await (self.sights or Sights(self.db)).sees(self.viewer, table, key)

    def load(self, table: type[Row], key: uuid.UUID | None) -> Awaitable[Row | None]:
        """The row with that id, together with all others that are asked for in the same tick.

        None for somebody else's, so that nothing is reached through a picture that a reviewer sees; but its file is.
        """
        return self.batched(table, lambda keys: self._rows(table, keys)).load(key)

    def batched(
        self, name: object, fetch: Callable[[list[Any]], Awaitable[list[Any]]]
    ) -> DataLoader[Any, Any]:
        """The loader of that name; `fetch` answers a list of keys in their order."""
        if name not in self._loaders:
            self._loaders[name] = DataLoader(load_fn=fetch)
        return self._loaders[name]

    def forget(self) -> None:
        """Read anew from here on."""
        self._loaders.clear()

    async def _rows(self, table: type[Row], keys: list[uuid.UUID | None]) -> list[Row | None]:
        wanted = {key for key in keys if key is not None}
        if not wanted:
            return [None for _ in keys]
        statement = select(table).where(table.__mapper__.primary_key[0].in_(wanted))
        if "owner_id" in table.__mapper__.columns and table is not File:
            statement = statement.where(table.__mapper__.columns["owner_id"] == self.viewer.user_id)
        async with self.reading() as session:
            rows = (await session.scalars(statement)).all()
        found = {row.id: row for row in rows}  # type: ignore[attr-defined]  # every table that is loaded has an id
        return [found.get(key) for key in keys]


Info = strawberry.Info[Context, None]
