"""Sessions on a real database: what is kept, what is refused, and what a cancellation leaves behind."""

import pytest
from sqlalchemy import text

from store.database.sessions import Database
from tests.postgres import count_statements

pytestmark = pytest.mark.asyncio


async def test_block_that_ends_is_committed(db: Database):
    async with db.begin() as session:
        await session.execute(text("CREATE TABLE kept (n int)"))
        await session.execute(text("INSERT INTO kept VALUES (7)"))
    async with db.session() as session:
        with count_statements(db) as counted:
            assert (await session.execute(text("SELECT n FROM kept"))).scalar_one() == 7
    assert counted.statements == ["SELECT n FROM kept"]
