"""Pages against a plain sorted list: whatever is paged through, in whatever order and steps."""

import asyncio
import base64
import datetime
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from resolvers.paging import Listing, Order, Page, Window
from resolvers.refused import Told
from store.database.ids import new_id
from store.database.sessions import Database
from store.database.tables import Persona, User

DAY = datetime.datetime(2026, 11, 20, tzinfo=datetime.UTC)
ROWS = 40


class Shelf:
    """Forty personas of one owner, with equal names and equal times among them."""

    def __init__(self, url: str) -> None:
        self.runner = asyncio.Runner()
        self.runner.run(self._fill(url))

    async def _fill(self, url: str) -> None:
        self.db = Database(url)
        owner = User(id=new_id(), handle="ada")
        names = ["a", "B", "é", "a b", "Z", "zz", "ß", "日本", "🙂", "a"]
        self.rows = [
            Persona(
                id=new_id(),
                owner_id=owner.id,
                name=names[number % len(names)],
                appearance="x",
                created_at=DAY + datetime.timedelta(microseconds=number // 4),
            )
            for number in range(ROWS)
        ]
        async with self.db.begin() as session:
            session.add(owner)
            await session.flush()
            session.add_all(self.rows)

    def close(self) -> None:
        self.runner.run(self.db.close())
        self.runner.close()

    def page(self, order: Order, **window: Any) -> Page[Persona]:
        listing = Listing(statement=select(Persona), order=order)
        return Page(self.db.session, listing, Window(**window))

    def sorted(self, order: Order) -> Sequence[Persona]:
        key = order.key.key
        return sorted(self.rows, key=lambda row: (getattr(row, key), row.id), reverse=order.descending)

    async def told(self, page: Page[Persona]) -> tuple[list[Any], bool, bool, str | None, str | None]:
        ids = [row.id for row in await page.nodes]
        return (
            ids,
            await page.has_previous_page,
            await page.has_next_page,
            await page.start_cursor,
            await page.end_cursor,
        )


@pytest.fixture(scope="module")
def shelf(databases: Any) -> Any:
    url = databases.create()
    found = Shelf(url)
    yield found
    found.close()
    databases.drop(url)


ORDERS = st.builds(
    Order,
    key=st.sampled_from([Persona.created_at, Persona.name]),
    id=st.just(Persona.id),
    descending=st.booleans(),
)
SIZES = st.integers(0, 15)
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(order=ORDERS, sizes=st.lists(SIZES.filter(bool), min_size=1, max_size=4), backwards=st.booleans())
def test_paging_through_shows_every_row_once_in_order(
    shelf: Shelf, order: Order, sizes: list[int], backwards: bool
) -> None:
    expected = [row.id for row in shelf.sorted(order)]
    seen: list[Any] = []
    cursor, turn, more = None, 0, True
    while more:
        size = sizes[turn % len(sizes)]
        window = {"last": size, "before": cursor} if backwards else {"first": size, "after": cursor}
        ids, before, after, start, end = shelf.runner.run(shelf.told(shelf.page(order, **window)))
        seen = ids + seen if backwards else seen + ids
        assert (after if backwards else before) is (turn > 0)
        more, cursor = (before, start) if backwards else (after, end)
        turn += 1
    assert seen == expected


@QUICK
@given(
    order=ORDERS,
    bounds=st.tuples(st.integers(0, ROWS - 1), st.integers(0, ROWS - 1)),
    size=SIZES,
    data=st.data(),
)
def test_window_between_two_cursors_is_the_lists_own(
    shelf: Shelf, order: Order, bounds: tuple[int, int], size: int, data: st.DataObject
) -> None:
    rows = shelf.sorted(order)
    cursors = [edge.cursor for edge in shelf.runner.run(_edges(shelf.page(order, first=ROWS)))]
    low, high = (bound if data.draw(st.booleans()) else None for bound in bounds)
    inside = [row.id for row in rows[(low + 1 if low is not None else 0) : high]]
    given_cursors = {
        "after": None if low is None else cursors[low],
        "before": None if high is None else cursors[high],
    }
    for name in ("first", "last"):
        ids, before, after, *_ = shelf.runner.run(
            shelf.told(shelf.page(order, **given_cursors, **{name: size}))
        )
        wanted = inside[:size] if name == "first" else inside[len(inside) - min(size, len(inside)) :]
        assert ids == wanted
        if ids:
            places = [row.id for row in rows]
            assert before is (places.index(ids[0]) > 0)
            assert after is (places.index(ids[-1]) < ROWS - 1)


async def _edges(page: Page[Persona]) -> Any:
    return await page.edges


@QUICK
@given(text=st.text(max_size=60) | st.binary(max_size=40).map(lambda data: data.hex()))
def test_no_text_is_a_cursor_by_accident(shelf: Shelf, text: str) -> None:
    order = Order(key=Persona.name, id=Persona.id)
    with pytest.raises(Told) as told:
        shelf.page(order, after=text)
    assert told.value.code == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    "plain",
    [
        '["name+","a\\u0000","01a1f76f160a76779a615d1bc6309238"]',
        '["name+","\\ud800","01a1f76f160a76779a615d1bc6309238"]',
        '["name+",5,"01a1f76f160a76779a615d1bc6309238"]',
        '["name+","a","not a uuid"]',
        '["name+","a"]',
        '{"name+": 1}',
        "[" * 10_000,
    ],
)
def test_forged_cursor_is_refused(shelf: Shelf, plain: str) -> None:

    cursor = base64.urlsafe_b64encode(plain.encode()).decode()
    with pytest.raises(Told, match="This cursor does not belong"):
        shelf.page(Order(key=Persona.name, id=Persona.id), after=cursor)


@pytest.mark.parametrize("key", ["5", "null", '"soon"', '"2026-11-20T00:00:00"', "true", "[]"])
def test_time_cursor_needs_a_time_with_an_offset(shelf: Shelf, key: str) -> None:

    plain = f'["created_at+",{key},"01a1f76f160a76779a615d1bc6309238"]'
    with pytest.raises(Told):
        shelf.page(
            Order(key=Persona.created_at, id=Persona.id),
            after=base64.urlsafe_b64encode(plain.encode()).decode(),
        )


def test_number_cursor_beyond_the_column_is_refused(shelf: Shelf) -> None:

    plain = f'["base_image_versions+",{2**40},"01a1f76f160a76779a615d1bc6309238"]'
    with pytest.raises(Told):
        shelf.page(
            Order(key=Persona.base_image_versions, id=Persona.id),
            after=base64.urlsafe_b64encode(plain.encode()).decode(),
        )
