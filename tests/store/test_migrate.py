"""Two ways to the newest revision: a new database is made in one go, an old one goes through the migrations."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from store.database import migrate
from tests.postgres import connected

COLUMNS = """
    SELECT table_name, column_name, data_type, udt_name, character_maximum_length, is_nullable, column_default
    FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"""
OTHERS = """
    SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'constraint', conrelid::regclass || ' ' || conname, pg_get_constraintdef(oid)
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'trigger', tgrelid::regclass || ' ' || tgname, pg_get_triggerdef(oid)
      FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'function', p.oid::regprocedure::text, p.prosrc FROM pg_proc p
      WHERE p.pronamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
    UNION ALL SELECT 'value', e.enumtypid::regtype || ' ' || e.enumlabel, e.enumsortorder::text FROM pg_enum e
    ORDER BY 1, 2, 3"""


@pytest_asyncio.fixture
async def empty(database_url: str) -> AsyncIterator[AsyncEngine]:
    async with connected(database_url) as connection:
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    engine = create_async_engine(database_url)
    yield engine
    await engine.dispose()


async def described(url: str) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    async with connected(url) as connection:
        columns, others = await connection.fetch(COLUMNS), await connection.fetch(OTHERS)
    return [tuple(row) for row in columns], [tuple(row) for row in others]


def test_newest_is_what_alembic_takes_for_the_head() -> None:
    head = ScriptDirectory.from_config(migrate.configuration()).get_current_head()

    assert migrate.newest() == head


def test_the_whole_is_what_the_migrations_say() -> None:
    assert migrate.WHOLE.read_text() == migrate.whole()


@pytest.mark.asyncio
async def test_database_made_in_one_go_equals_one_that_went_through_every_migration(
    empty: AsyncEngine, database_url: str
) -> None:
    async with empty.begin() as connection:
        await migrate.step_up(connection)
    stepped = await described(database_url)
    async with connected(database_url) as bare:
        await bare.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")

    await migrate.upgrade(empty)

    assert await described(database_url) == stepped
    assert len(stepped[0]) > 200
    assert {kind for kind, *_ in stepped[1]} >= {"index", "constraint", "trigger", "function"}
    async with empty.connect() as connection:
        assert await migrate.current(connection) == migrate.newest()


@pytest.mark.asyncio
async def test_database_at_an_older_revision_goes_through_the_later_migrations_only(
    database_url: str,
) -> None:
    engine = create_async_engine(database_url)
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE task_progress DROP COLUMN sharp_until"))
        await connection.execute(text("UPDATE alembic_version SET version_num = '0007'"))

    await migrate.upgrade(engine)

    async with engine.connect() as connection:
        assert await migrate.current(connection) == migrate.newest()
        await connection.execute(text("SELECT sharp_until FROM task_progress"))
    await engine.dispose()


@pytest.mark.asyncio
async def test_database_that_cannot_be_made_whole_stays_empty(empty: AsyncEngine, database_url: str) -> None:
    async with connected(database_url) as bare:
        await bare.execute("CREATE TABLE variants ()")  # of somebody else: the name is taken

    with pytest.raises(asyncpg.DuplicateTableError):
        await migrate.upgrade(empty)

    async with empty.connect() as connection:
        assert await migrate.current(connection) is None
        tables = await connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        assert tables.all() == ["variants"]
