"""Pages of a list: keyset cursors on (order key, id), both ways, and nothing fetched that nobody asked for.

Knows SQL and cursors. Knows no GraphQL and no table by name: a `Listing` says what to page through.
"""

import asyncio
import base64
import binascii
import dataclasses
import datetime
import json
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from resolvers.refused import bad_input

Row = TypeVar("Row")
OpenSession = Callable[[], AbstractAsyncContextManager[AsyncSession]]
DEFAULT_SIZE = 20
LARGEST_SIZE = 100
FOREIGN_CURSOR = "This cursor does not belong to this list and order."


@dataclasses.dataclass(frozen=True, kw_only=True)
class Order:
    """What a list is ordered by: `key` never null, ties broken by `id` in the same direction."""

    key: InstrumentedAttribute[Any]
    id: InstrumentedAttribute[uuid.UUID]
    descending: bool = False

    @property
    def name(self) -> str:
        """What ties a cursor to its order."""
        return f"{self.key.key}{'-' if self.descending else '+'}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listing(Generic[Row]):
    """Which rows, in which order."""

    statement: Select[Row]
    order: Order


@dataclasses.dataclass(frozen=True, kw_only=True)
class Window:
    """Which part of a list: the `first` after `after`, or the `last` before `before`."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None

    def __post_init__(self) -> None:
        """Raises Told when the part cannot be meant."""
        if self.first is not None and self.last is not None:
            raise bad_input("Give `first` or `last`, not both.")
        for name, size in (("first", self.first), ("last", self.last)):
            if size is not None and not 0 <= size <= LARGEST_SIZE:
                raise bad_input(f"`{name}` must be between 0 and {LARGEST_SIZE}; got {size}.")

    @property
    def backwards(self) -> bool:
        """Whether it is read from the end."""
        return self.last is not None

    @property
    def size(self) -> int:
        """How many rows at most."""
        wanted = self.last if self.backwards else self.first
        return DEFAULT_SIZE if wanted is None else wanted


@dataclasses.dataclass(frozen=True, kw_only=True)
class Edge(Generic[Row]):
    """One row and the place it has in the list."""

    cursor: str
    node: Row


@dataclasses.dataclass(frozen=True)
class Position:
    """A place in a list."""

    key: Any
    id: uuid.UUID


class Page(Generic[Row]):
    """One part of one list; each piece of it is fetched when it is first asked for."""

    def __init__(self, open_session: OpenSession, listing: Listing[Row], window: Window) -> None:
        """Raises Told for a cursor of another list."""
        self._open = open_session
        self._listing = listing
        self._window = window
        self._after = _position(window.after, listing.order)
        self._before = _position(window.before, listing.order)
        self._rows: list[Row] | None = None
        self._more = False
        self._lock = asyncio.Lock()

    @property
    def nodes(self) -> Awaitable[Sequence[Row]]:
        """The rows of this part, in the order of the list."""
        return self._nodes()

    @property
    def edges(self) -> Awaitable[list[Edge[Row]]]:
        """The rows with their cursors."""
        return self._edges()

    @property
    def page_info(self) -> "Page[Row]":
        """Where this part stands: it knows that itself."""
        return self

    @property
    def total_count(self) -> Awaitable[int]:
        """How many rows the whole list has."""
        return self._count()

    @property
    def start_cursor(self) -> Awaitable[str | None]:
        """The cursor of the first row."""
        return self._cursor_at(0)

    @property
    def end_cursor(self) -> Awaitable[str | None]:
        """The cursor of the last row."""
        return self._cursor_at(-1)

    @property
    def has_next_page(self) -> Awaitable[bool]:
        """Whether the list goes on after this part."""
        return self._goes_on(after=True)

    @property
    def has_previous_page(self) -> Awaitable[bool]:
        """Whether the list has something before this part."""
        return self._goes_on(after=False)

    async def _nodes(self) -> Sequence[Row]:
        async with self._lock:
            if self._rows is None:
                self._rows = await self._fetch()
        return self._rows

    async def _edges(self) -> list[Edge[Row]]:
        return [Edge(cursor=self._cursor(row), node=row) for row in await self._nodes()]

    async def _cursor_at(self, place: int) -> str | None:
        rows = await self._nodes()
        return self._cursor(rows[place]) if rows else None

    async def _goes_on(self, *, after: bool) -> bool:
        rows = await self._nodes()
        if after != self._window.backwards and self._more:
            return True
        bound = self._before if after else self._after
        if bound is None:
            return False
        if rows:
            outside = self._past(self._place(rows[-1] if after else rows[0]), later=after)
        else:
            outside = self._past(bound, later=after, inclusive=True)
        return await self._any(outside)

    async def _count(self) -> int:
        async with self._open() as session:
            counted = self._listing.statement.order_by(None).with_only_columns(
                func.count(), maintain_column_froms=True
            )
            return (await session.execute(counted)).scalar_one()

    async def _fetch(self) -> list[Row]:
        size, backwards = self._window.size, self._window.backwards
        statement = self._listing.statement
        if self._after is not None:
            statement = statement.where(self._past(self._after, later=True))
        if self._before is not None:
            statement = statement.where(self._past(self._before, later=False))
        down = self._listing.order.descending != backwards
        columns = (self._listing.order.key, self._listing.order.id)
        statement = statement.order_by(*(column.desc() if down else column.asc() for column in columns))
        async with self._open() as session:
            found = list((await session.scalars(statement.limit(size + 1))).all())
        self._more = len(found) > size
        rows = found[:size]
        return rows[::-1] if backwards else rows

    def _past(self, place: Position, *, later: bool, inclusive: bool = False) -> ColumnElement[bool]:
        """The rows after (or before) that place in the list's own order."""
        here = tuple_(self._listing.order.key, self._listing.order.id)
        there = tuple_(
            literal(place.key, self._listing.order.key.type), literal(place.id, self._listing.order.id.type)
        )
        if later != self._listing.order.descending:
            return here >= there if inclusive else here > there
        return here <= there if inclusive else here < there

    async def _any(self, condition: ColumnElement[bool]) -> bool:
        inner = self._listing.statement.where(condition).order_by(None)
        async with self._open() as session:
            return bool((await session.execute(select(inner.exists()))).scalar_one())

    def _place(self, row: Row) -> Position:
        order = self._listing.order
        return Position(getattr(row, order.key.key), getattr(row, order.id.key))

    def _cursor(self, row: Row) -> str:
        place = self._place(row)
        key = place.key.isoformat() if isinstance(place.key, datetime.datetime) else place.key
        plain = json.dumps([self._listing.order.name, key, place.id.hex], separators=(",", ":"))
        return base64.urlsafe_b64encode(plain.encode()).decode()


def _position(cursor: str | None, order: Order) -> Position | None:
    """The place a cursor names; raises Told when it is none of this list and order."""
    if cursor is None:
        return None
    try:
        name, key, row_id = json.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
        place = Position(_key(key, order.key.type.python_type), uuid.UUID(row_id))
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError) as error:
        raise bad_input(FOREIGN_CURSOR) from error
    if name != order.name:
        raise bad_input(FOREIGN_CURSOR)
    return place


def _key(value: object, kind: type) -> object:
    """The order key as its column keeps it; raises ValueError for one of another type."""
    if kind is datetime.datetime and isinstance(value, str):
        parsed = datetime.datetime.fromisoformat(value)
        if parsed.tzinfo is None:
            raise ValueError(value)
        return parsed
    if type(value) is not kind or (isinstance(value, str) and "\0" in value):
        raise ValueError(value)
    if isinstance(value, str):
        value.encode()  # half of a surrogate pair raises ValueError
    if isinstance(value, int) and abs(value) >= 2**31:  # no INTEGER column holds it
        raise ValueError(value)
    return value
