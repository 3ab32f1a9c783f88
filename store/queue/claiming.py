"""Who is served next: one statement that picks, takes and accounts, so that a crash leaves all or nothing.

Fair between users by start-time fair queueing (Goyal, Vin, Cheng 1996): a task's tag is its owner's virtual
time plus its place among the owner's own tasks (priority, then age); the smallest tags are taken, and each
task taken moves its owner on by one. Somebody who was away starts at the lane's virtual time.
"""

import dataclasses
import datetime
import uuid
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.types import Boolean, String

from store.database.tables import JobStatus, Lane, Task, TaskKind

LOOK_AHEAD = 32


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claim:
    """One task that this worker may run, until its lease ends. Only (task_id, fence) gives the right to write.

    `waited` in seconds since it could be claimed. `overtook` = a warm checkpoint let it pass an earlier task.
    """

    task_id: uuid.UUID
    fence: int
    job_id: uuid.UUID | None
    variant_id: uuid.UUID | None
    owner_id: uuid.UUID
    kind: TaskKind
    lane: str
    model_key: str | None
    spec: Mapping[str, Any]
    request_id: str | None
    tries: int
    deaths: int
    latents: str | None
    latents_step: int | None
    waited: float
    overtook: bool

    @property
    def first(self) -> bool:
        """Whether nobody has held the task before, so that no earlier run can have left anything."""
        return self.fence == 1


# `owners` hops from owner to owner through the index instead of reading every waiting task.
_CLAIM = text("""
WITH RECURSIVE lane AS (
  SELECT coalesce(max(virtual_time), 0) AS at FROM lanes WHERE name = :lane
), owners AS (
  (SELECT owner_id FROM tasks WHERE lane = :lane AND state = 'QUEUED' ORDER BY owner_id LIMIT 1)
  UNION ALL
  SELECT (SELECT owner_id FROM tasks WHERE lane = :lane AND state = 'QUEUED' AND owner_id > owners.owner_id
          ORDER BY owner_id LIMIT 1)
  FROM owners WHERE owners.owner_id IS NOT NULL
), heads AS (
  SELECT owners.owner_id, greatest(coalesce(turns.virtual_time, 0), lane.at) AS start
  FROM owners CROSS JOIN lane
  LEFT JOIN turns ON turns.lane = :lane AND turns.user_id = owners.owner_id
  WHERE EXISTS (SELECT 1 FROM tasks WHERE tasks.lane = :lane AND tasks.owner_id = owners.owner_id
                AND tasks.state = 'QUEUED' AND tasks.not_before <= clock()
                AND (deaths > 0) = coalesce(:suspects, deaths > 0))
    AND NOT EXISTS (SELECT 1 FROM lanes WHERE name = :lane AND closed_until > clock())
  ORDER BY start, owners.owner_id LIMIT :reach
), waiting AS (
  SELECT due.id, due.owner_id, heads.start + due.place AS tag,
         coalesce(due.model_key = ANY(:warm), false) AS is_warm,
         CASE WHEN :suspects THEN due.deaths ELSE 0 END AS suspicion
  FROM heads CROSS JOIN LATERAL (
    SELECT id, owner_id, model_key, deaths, row_number() OVER (ORDER BY priority DESC, id) - 1 AS place
    FROM (SELECT id, owner_id, model_key, deaths, priority FROM tasks
          WHERE lane = :lane AND owner_id = heads.owner_id AND state = 'QUEUED' AND not_before <= clock()
            AND (deaths > 0) = coalesce(:suspects, deaths > 0)
          ORDER BY priority DESC, id LIMIT :reach) AS own) AS due
  ORDER BY tag, due.id LIMIT :reach
), chosen AS (
  SELECT tasks.id, waiting.tag, waiting.is_warm
  FROM waiting JOIN tasks ON tasks.id = waiting.id
  WHERE tasks.state = 'QUEUED' AND tasks.not_before <= clock()
  ORDER BY waiting.suspicion DESC, waiting.is_warm DESC, waiting.tag, waiting.id
  LIMIT :room FOR UPDATE OF tasks SKIP LOCKED
), claimed AS (
  UPDATE tasks SET state = 'RUNNING', fence = fence + 1, stepped = false, worker = :worker,
         lease_until = clock() + make_interval(secs => :lease), started_at = coalesce(started_at, clock())
  FROM chosen WHERE tasks.id = chosen.id
  RETURNING tasks.*, chosen.tag, chosen.is_warm
), served AS (
  INSERT INTO turns (lane, user_id, virtual_time)
  SELECT :lane, heads.owner_id, heads.start + count(*)
  FROM claimed JOIN heads USING (owner_id) GROUP BY heads.owner_id, heads.start ORDER BY heads.owner_id
  ON CONFLICT (lane, user_id) DO UPDATE SET virtual_time =
    greatest(turns.virtual_time, (SELECT at FROM lane)) + excluded.virtual_time
    - (SELECT start FROM heads WHERE owner_id = excluded.user_id)
  RETURNING 1
), moved AS (
  INSERT INTO lanes (name, virtual_time)
  SELECT :lane, max(tag) FROM claimed WHERE (SELECT count(*) FROM served) > 0 HAVING count(*) > 0
  ON CONFLICT (name) DO UPDATE SET virtual_time = greatest(lanes.virtual_time, excluded.virtual_time)
)
SELECT id, fence, job_id, variant_id, owner_id, kind, lane, model_key, spec, request_id, tries, deaths,
       latents, latents_step, extract(epoch FROM clock() - greatest(created_at, not_before))::float8 AS waited,
       is_warm AND tag > (SELECT min(tag) FROM waiting WHERE NOT is_warm) AS overtook
FROM claimed ORDER BY tag, id
""").bindparams(bindparam("warm", type_=ARRAY(String)), bindparam("suspects", type_=Boolean))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What a worker asks for. `room` = how many tasks at most; `warm` = model keys that are loaded now.

    `suspects` = only those that have a death behind them, most deaths first (True), only others (False), or any.
    """

    lane: str
    worker: str
    room: int = 1
    lease_seconds: float = 30.0
    warm: Collection[str] = ()
    suspects: bool | None = None


async def claim(connection: AsyncConnection | AsyncSession, request: Request) -> list[Claim]:
    """Take up to `room` tasks of a lane, fairest first; empty when nothing is due or the lane is closed.

    Commit before running anything. Never waits for another worker's claim: locked tasks are skipped. A task of a
    warm model may overtake others among the next `room` + 32; the caller bounds how often (see `overtook`).
    """
    rows = await connection.execute(
        _CLAIM,
        {
            "lane": request.lane,
            "worker": request.worker,
            "room": request.room,
            "reach": request.room + LOOK_AHEAD,
            "lease": request.lease_seconds,
            "warm": list(request.warm),
            "suspects": request.suspects,
        },
    )
    return [_claim(row._mapping) for row in rows]  # noqa: SLF001 -- SQLAlchemy's documented way to a row's names


def _claim(row: Mapping[Any, Any]) -> Claim:
    values = {str(name): value for name, value in row.items()}
    values["task_id"] = values.pop("id")
    values["kind"] = TaskKind(values["kind"])
    values["overtook"] = bool(values["overtook"])
    return Claim(**values)


async def close_lane(session: AsyncSession, lane: str, *, seconds: float, reason: str) -> None:
    """Let nothing be claimed from a lane for that long. Tasks stay as they are; a longer closure wins."""
    until = func.clock() + datetime.timedelta(seconds=seconds)
    closing = insert(Lane).values(name=lane, closed_until=until, closed_reason=reason)
    await session.execute(
        closing.on_conflict_do_update(
            index_elements=[Lane.name],
            set_={
                "closed_until": func.greatest(Lane.closed_until, closing.excluded.closed_until),
                "closed_reason": closing.excluded.closed_reason,
            },
        )
    )


# One look for all lanes: most of them are empty most of the time, and asking each costs a transaction.
_DUE = text("""
SELECT name, EXISTS (SELECT 1 FROM tasks WHERE lane = name AND state = 'QUEUED' AND deaths > 0
                     AND not_before <= clock()) AS suspects
FROM unnest(CAST(:lanes AS text[])) AS name
WHERE EXISTS (SELECT 1 FROM tasks WHERE lane = name AND state = 'QUEUED' AND not_before <= clock())
""")


async def lanes_with_work(session: AsyncSession, lanes: Collection[str]) -> dict[str, bool]:
    """Those of the lanes in which a task can be claimed now; True = one that has a death behind it."""
    rows = await session.execute(_DUE, {"lanes": list(lanes)})
    return {row.name: row.suspects for row in rows}


async def depths(session: AsyncSession) -> dict[str, int]:
    """How many tasks wait, by lane."""
    rows = await session.execute(
        select(Task.lane, func.count()).where(Task.state == JobStatus.QUEUED).group_by(Task.lane)
    )
    return dict(rows.all())
