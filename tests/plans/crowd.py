"""A database full of other people's things, and one person's among them: what lists must find their way through.

Also the filling of bench/lists.py, which makes a million of them.
"""

import dataclasses
import uuid

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from store.database.sessions import Database


@dataclasses.dataclass(frozen=True)
class Crowd:
    """How much there is. Everybody has the same number of everything."""

    users: int = 40
    variants: int = 20_000
    dimensions: int = 8

    @property
    def each(self) -> int:
        """Variants of one user."""
        return self.variants // self.users


FILL = (
    """
    INSERT INTO users (id, handle, role)
    SELECT crowd_id('user', n, 0), 'user ' || n, 'OWNER' FROM generate_series(1, :users) AS n
    """,
    """
    INSERT INTO games (id, owner_id, name, created_at, updated_at)
    SELECT crowd_id('game', u, n), crowd_id('user', u, 0), 'game', clock() - n * interval '1 hour', clock()
    FROM generate_series(1, :users) AS u, generate_series(1, :tenth) AS n
    """,
    """
    INSERT INTO beats (id, owner_id, game_id, title, position, created_at)
    SELECT crowd_id('beat', u, n), crowd_id('user', u, 0), crowd_id('game', u, 1 + n % 5), 'beat', n,
      clock() - n * interval '1 hour'
    FROM generate_series(1, :users) AS u, generate_series(1, :tenth) AS n
    """,
    """
    INSERT INTO subjects (id, kind, owner_id, name, appearance, base_image_status, game_id, created_at, updated_at)
    SELECT crowd_id('subject', u, n), CASE n % 2 WHEN 0 THEN 'PERSONA' ELSE 'CHARACTER' END, crowd_id('user', u, 0),
      'name ' || n, 'a baker', CASE n % 20 WHEN 0 THEN 'APPROVED' ELSE 'DRAFT' END,
      CASE n % 2 WHEN 0 THEN NULL ELSE crowd_id('game', u, 1 + n % 5) END, clock() - n * interval '1 hour', clock()
    FROM generate_series(1, :users) AS u, generate_series(1, :tenth) AS n
    """,
    """
    INSERT INTO posts (id, owner_id, title, status, persona_id, beat_id, created_at, updated_at)
    SELECT crowd_id('post', u, n), crowd_id('user', u, 0), 'title',
      CASE n % 10 WHEN 0 THEN 'PUBLISHED' ELSE 'DRAFT' END, crowd_id('subject', u, 2 + 2 * (n % 5)),
      crowd_id('beat', u, 1 + n % 5), clock() - n * interval '1 minute', clock()
    FROM generate_series(1, :users) AS u, generate_series(1, :half) AS n
    """,
    """
    INSERT INTO jobs (id, owner_id, kind, title, status, subject_id, series_id, created_at, updated_at)
    SELECT crowd_id('job', u, n), crowd_id('user', u, 0), 'IMAGE', 'title',
      CASE n % 10 WHEN 0 THEN 'FAILED' ELSE 'SUCCEEDED' END, crowd_id('subject', u, 1 + n % :tenth),
      CASE WHEN n > 1 AND n % 7 = 0 THEN crowd_id('job', u, 1) END, clock() - n * interval '1 minute', clock()
    FROM generate_series(1, :users) AS u, generate_series(1, :half) AS n
    """,
    """
    INSERT INTO variants (id, owner_id, job_id, subject_id, post_id, purpose, version_number, status, source,
      is_favorite, keep, created_at, finished_at)
    SELECT crowd_id('variant', u, n), crowd_id('user', u, 0), crowd_id('job', u, 1 + n % :half),
      crowd_id('subject', u, 1 + n % :tenth), CASE n % 3 WHEN 0 THEN crowd_id('post', u, 1 + n % :half) END,
      CASE n % 5 WHEN 0 THEN 'BASE_IMAGE' ELSE 'SCENE' END, n,
      CASE WHEN n % 200 = 1 THEN 'HELD' WHEN n % 10 = 2 THEN 'APPROVED' WHEN n % 10 = 3 THEN 'REJECTED' ELSE 'DRAFT' END,
      'LOCAL', false, false, clock() - n * interval '1 minute', clock() - n * interval '1 minute'
    FROM generate_series(1, :users) AS u, generate_series(1, :each) AS n
    """,
    """
    INSERT INTO embeddings (variant_id, encoder, owner_id, vector)
    SELECT crowd_id('variant', u, n), 'encoder', crowd_id('user', u, 0),
      (SELECT array_agg(sin(n * k + 1)) FROM generate_series(1, :dimensions) AS k)::vector
    FROM generate_series(1, :users) AS u, generate_series(1, :half) AS n
    """,
    """
    INSERT INTO audit_entries (id, owner_id, actor, action, created_at)
    SELECT crowd_id('audit', u, n), crowd_id('user', u, 0), 'somebody', 'job.retried', clock() - n * interval '1 minute'
    FROM generate_series(1, :users) AS u, generate_series(1, :each) AS n
    """,
    """
    INSERT INTO webhook_endpoints (id, owner_id, url, secret, events)
    SELECT crowd_id('webhook', u, n), crowd_id('user', u, 0), 'https://example.com', 's', ARRAY['job.failed']
    FROM generate_series(1, :users) AS u, generate_series(1, 5) AS n
    """,
    """
    INSERT INTO webhook_deliveries (id, owner_id, endpoint_id, event, event_key, payload, state, created_at)
    SELECT crowd_id('delivery', u, n), crowd_id('user', u, 0), crowd_id('webhook', u, 1 + n % 5), 'job.failed',
      n::text, '{}', 'DELIVERED', clock() - n * interval '1 minute'
    FROM generate_series(1, :users) AS u, generate_series(1, :half) AS n
    """,
)
ID = """
CREATE OR REPLACE FUNCTION pg_temp.crowd_id(kind text, u bigint, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT md5(kind || '.' || u || '.' || n)::uuid $$
"""


async def fill(db: Database, crowd: Crowd) -> None:
    """Insert everything without triggers, then let PostgreSQL count it."""
    numbers = {
        "users": crowd.users,
        "each": crowd.each,
        "half": max(5, crowd.each // 5),
        "tenth": max(5, crowd.each // 20),
        "dimensions": crowd.dimensions,
    }
    async with db.begin() as session:
        await _quietly(session)
        for statement in FILL:
            ready = statement.replace("crowd_id", "pg_temp.crowd_id")
            taken = {name: value for name, value in numbers.items() if f":{name}" in ready}
            await session.execute(text(ready), taken)
    async with db.engine.connect() as connection:
        outside = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await outside.execute(text("VACUUM ANALYZE"))


async def thing(db: Database, kind: str, user: int, number: int = 1) -> uuid.UUID:
    """The id of one of them."""
    async with db.session() as session:
        found = await session.scalar(text("SELECT md5(:name)::uuid"), {"name": f"{kind}.{user}.{number}"})
    assert isinstance(found, uuid.UUID)
    return found


async def _quietly(session: AsyncSession) -> None:
    await session.execute(text("SET LOCAL session_replication_role = replica"))
    await session.execute(text(ID))
