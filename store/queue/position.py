"""How many tasks are served before a waiting job. An estimate: others may come, and a warm model may overtake."""

import uuid

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# The same tags as in claiming.py: of another owner's tasks start, start + 1, … those below ours come first.
# What waits at a gate (queue.gates) comes after what opens it.
_POSITION = text("""
WITH mine AS (
  SELECT owner_id, lane, priority, id FROM tasks
  WHERE job_id = :job AND state = 'QUEUED'
  ORDER BY not_before > clock() + interval '50 years', priority DESC, id LIMIT 1
), lane AS (
  SELECT coalesce(max(lanes.virtual_time), 0) AS at FROM mine JOIN lanes ON lanes.name = mine.lane
), own AS (
  SELECT count(*) AS ahead FROM tasks, mine
  WHERE tasks.lane = mine.lane AND tasks.owner_id = mine.owner_id AND tasks.state = 'QUEUED'
    AND (tasks.priority > mine.priority OR (tasks.priority = mine.priority AND tasks.id < mine.id))
), waiting AS (
  SELECT tasks.lane, tasks.owner_id, count(*) AS tasks FROM tasks, mine
  WHERE tasks.lane = mine.lane AND tasks.state = 'QUEUED' GROUP BY tasks.lane, tasks.owner_id
), starts AS (
  SELECT waiting.owner_id, waiting.tasks, greatest(coalesce(turns.virtual_time, 0), lane.at) AS start
  FROM waiting CROSS JOIN lane
  LEFT JOIN turns ON turns.lane = waiting.lane AND turns.user_id = waiting.owner_id
), tag AS (
  SELECT starts.start + own.ahead AS at FROM starts JOIN mine USING (owner_id) CROSS JOIN own
)
SELECT own.ahead + 1 + coalesce((
  SELECT sum(least(starts.tasks, greatest(ceil(tag.at - starts.start), 0)))
  FROM starts CROSS JOIN tag WHERE starts.owner_id <> mine.owner_id), 0)
FROM mine CROSS JOIN own
""")


async def queue_position(session: AsyncSession, job_id: uuid.UUID) -> int | None:
    """1 = served next; None when no task of the job waits."""
    place = await session.scalar(_POSITION, {"job": job_id})
    return None if place is None else int(place)
