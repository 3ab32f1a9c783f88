"""Who sees which rows: the one place where ownership is decided."""

from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, select

from executor.together import Together
from resolvers.identity import Scope, Viewer
from resolvers.refused import forbidden
from store.database.sessions import Database
from store.database.tables import ApiKey, Table, User

Row = TypeVar("Row", bound=Table)
_Looked = tuple[Viewer, type[Table], object]


def visible(viewer: Viewer, table: type[Table]) -> ColumnElement[bool]:
    """The rows of that table that the viewer may see: their own, and of users themselves alone.

    Raises:
        Told: FORBIDDEN, without the scope READ.
    """
    if not viewer.may(Scope.READ):
        raise forbidden("This needs the scope READ, which your key does not have.")
    if table is User:
        return User.id == viewer.user_id
    owner: ColumnElement[Any] = table.__mapper__.attrs[
        "user_id" if table is ApiKey else "owner_id"
    ].expression
    return owner == viewer.user_id


def one(viewer: Viewer, table: type[Row], key: object) -> Select[Row]:
    """The row with that id, if the viewer may see it."""
    return select(table).where(table.__mapper__.primary_key[0] == key, visible(viewer, table))


class Sights:
    """Whether a viewer sees a row: looked up once for all who ask the same at once. One for a server."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._looks: Together[_Looked, bool] = Together(self._look)

    async def sees(self, viewer: Viewer, table: type[Table], key: object) -> bool:
        """Whether there is a row with that id that the viewer may see now."""
        return await self._looks.join((viewer, table, key))

    async def _look(self, asked: _Looked) -> bool:
        viewer, table, key = asked
        statement = one(viewer, table, key).with_only_columns(table.__mapper__.primary_key[0])
        async with self._db.session() as session:
            return await session.scalar(statement) is not None
