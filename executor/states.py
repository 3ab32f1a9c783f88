"""What a job looks like now: the rows, and on top of them what running tasks said last."""

import base64
import collections
import dataclasses
import functools
import uuid
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from executor.board import Board
from store.database.sessions import Database
from store.database.tables import Job, JobStatus, Task, TaskProgress, Variant
from store.queue import queue_position

_OfJob = TypeVar("_OfJob", Variant, Task)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PreviewState:
    """A small picture of where a variant is heading; sizes in pixels."""

    data: bytes
    media_type: str
    width: int
    height: int

    @functools.cached_property
    def data_uri(self) -> str:
        """The picture as a `data:` address."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode()}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class VariantState:
    """One variant; `step` of `steps` really run, `fraction` 0..1. A finished one has step = steps, fraction 1."""

    variant: Variant
    step: int
    steps: int
    fraction: float
    preview: PreviewState | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class JobState:
    """The whole state of a job. `sequence` = revision << 20 | tick. `step`, `steps` and `loss` are a training's (a download counts MiB).

    All watchers receive the same object; in `answers` the transports keep what they made of it, to share that too.
    """

    job: Job
    variants: tuple[VariantState, ...]
    sequence: int
    phase: str
    fraction: float
    queue_position: int | None = None
    eta_seconds: float | None = None
    step: int | None = None
    steps: int | None = None
    loss: float | None = None
    message: str | None = None
    samples: tuple[Variant, ...] = ()  # pictures that a training has made on its way
    written: bool = True  # no more text will come
    answers: list[Any] = dataclasses.field(init=False, repr=False, compare=False, default_factory=list)

    @functools.cached_property
    def final(self) -> bool:
        """Whether it can no longer change."""
        return self.job.status.final

    @functools.cached_property
    def without_previews(self) -> "JobState":
        """The same without pictures."""
        variants = tuple(dataclasses.replace(one, preview=None) for one in self.variants)
        return dataclasses.replace(self, variants=variants)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rows:
    """What the tables say at one moment. `progress` by task id, of tasks that run elsewhere with that fence."""

    job: Job
    variants: Sequence[Variant]
    tasks: Sequence[Task]
    progress: dict[uuid.UUID, TaskProgress]
    position: int | None

    def elsewhere(self, board: Board) -> list[Task]:
        """Running tasks that this process does not run."""
        return [
            task
            for task in self.tasks
            if task.state is JobStatus.RUNNING and board.standing(task.id, task.fence) is None
        ]


async def read_rows(db: Database, board: Board, job_id: uuid.UUID) -> Rows | None:
    """Everything about a job at one moment; None when it is gone."""
    return (await read_many(db, board, [job_id])).get(job_id)


async def read_many(db: Database, board: Board, job_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Rows]:
    """Everything about many jobs at one moment, by their ids; without those that are gone.

    Three statements however many jobs there are, a fourth where tasks run on other servers (the `board` knows more
    of those that run here), and one more for each job that waits: its place in the queue.
    """
    async with db.snapshot() as session:
        jobs = (await session.scalars(select(Job).where(Job.id.in_(job_ids)))).all()
        if not jobs:
            return {}
        variants = await session.scalars(
            select(Variant).where(Variant.job_id.in_(job_ids)).order_by(Variant.version_number, Variant.id)
        )
        tasks = (await session.scalars(select(Task).where(Task.job_id.in_(job_ids)).order_by(Task.id))).all()
        progress = await _progress(
            session, [task for task in tasks if board.standing(task.id, task.fence) is None]
        )
        variants_of, tasks_of = _by_job(variants.all()), _by_job(tasks)
        return {
            job.id: Rows(
                job=job,
                variants=variants_of[job.id],
                tasks=tasks_of[job.id],
                progress={each.id: progress[each.id] for each in tasks_of[job.id] if each.id in progress},
                position=await queue_position(session, job.id) if _waits(job, tasks_of[job.id]) else None,
            )
            for job in jobs
        }


def _by_job(rows: Iterable[_OfJob]) -> dict[uuid.UUID | None, list[_OfJob]]:
    found: dict[uuid.UUID | None, list[_OfJob]] = collections.defaultdict(list)
    for row in rows:
        found[row.job_id].append(row)
    return found


def _waits(job: Job, tasks: Sequence[Task]) -> bool:
    return not job.status.final and not any(task.state is JobStatus.RUNNING for task in tasks)


async def _progress(session: AsyncSession, tasks: Sequence[Task]) -> dict[uuid.UUID, TaskProgress]:
    fences = {task.id: task.fence for task in tasks if task.state is JobStatus.RUNNING}
    if not fences:
        return {}
    rows = await session.scalars(select(TaskProgress).where(TaskProgress.task_id.in_(fences)))
    return {row.task_id: row for row in rows if row.fence == fences[row.task_id]}


async def ask_for_previews(
    db: Database, tasks: Sequence[Task], *, seconds: float, sharp: bool = False
) -> bool:
    """Tell the servers that run these tasks that somebody watches, for that long; `sharp` = and wants sharp previews.

    False while some of them have not reported yet: they could not be told, ask again.
    """
    async with db.begin() as session:
        told = await session.execute(
            text(
                "UPDATE task_progress SET watched_until = clock() + make_interval(secs => :seconds), sharp_until = CASE"
                " WHEN :sharp THEN clock() + make_interval(secs => :seconds) ELSE sharp_until END WHERE task_id IN"
                " (SELECT task_id FROM task_progress WHERE task_id = ANY(:ids) ORDER BY task_id FOR UPDATE)"
                " RETURNING task_id"
            ),
            {"seconds": seconds, "sharp": sharp, "ids": [task.id for task in tasks]},
        )
        return len(told.all()) == len(tasks)
