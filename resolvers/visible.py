"""Who sees which rows: the one place where ownership is decided."""

from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, select

from resolvers.identity import Scope, Viewer
from resolvers.refused import forbidden
from store.database.tables import ApiKey, Table, User

Row = TypeVar("Row", bound=Table)


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
