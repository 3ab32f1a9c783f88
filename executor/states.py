"""What a job looks like now: the rows, and on top of them what running tasks said last."""

import base64
import collections
import dataclasses
import functools
import time
import uuid
from collections.abc import Iterable, Sequence
from typing import TypeVar

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from executor.board import LARGEST_TICK, Board, Standing
from executor.models import Models
from generators.events import Previewed
from store.database.sessions import Database
from store.database.tables import Job, JobStatus, Task, TaskProgress, Variant, VariantStatus
from store.queue import queue_position

_OfJob = TypeVar("_OfJob", Variant, Task)
STARTING = "STARTING"  # claimed, and nothing said yet
_FINISHED = frozenset(VariantStatus) - {
    VariantStatus.QUEUED,
    VariantStatus.RUNNING,
    VariantStatus.FAILED,
    VariantStatus.CANCELED,
}


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
    """The whole state of a job. `sequence` = revision << 20 | tick. `step`, `steps` and `loss` are a training's."""

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

    @property
    def final(self) -> bool:
        """Whether it can no longer change."""
        return self.job.status.final

    def without_previews(self) -> "JobState":
        """The same without pictures."""
        variants = tuple(dataclasses.replace(one, preview=None) for one in self.variants)
        return dataclasses.replace(self, variants=variants)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rows:
    """What the tables say at one moment. `progress` by task id, of tasks that still run with that fence."""

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
            if task.state is JobStatus.RUNNING and (board.standing(task.id) is None)
        ]


async def read_rows(db: Database, job_id: uuid.UUID) -> Rows | None:
    """Everything about a job at one moment; None when it is gone."""
    return (await read_many(db, [job_id])).get(job_id)


async def read_many(db: Database, job_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Rows]:
    """Everything about many jobs at one moment, by their ids; without those that are gone.

    Four statements however many jobs there are, and one more for each that waits: its place in the queue.
    """
    async with db.snapshot() as session:
        jobs = (await session.scalars(select(Job).where(Job.id.in_(job_ids)))).all()
        if not jobs:
            return {}
        variants = await session.scalars(
            select(Variant).where(Variant.job_id.in_(job_ids)).order_by(Variant.version_number, Variant.id)
        )
        tasks = (await session.scalars(select(Task).where(Task.job_id.in_(job_ids)).order_by(Task.id))).all()
        progress = await _progress(session, tasks)
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


async def ask_for_previews(db: Database, tasks: Sequence[Task], *, seconds: float) -> None:
    """Tell the servers that run these tasks that somebody watches, for that long."""
    async with db.begin() as session:
        await session.execute(
            text(
                "UPDATE task_progress SET watched_until = clock() + make_interval(secs => :seconds) WHERE task_id IN"
                " (SELECT task_id FROM task_progress WHERE task_id = ANY(:ids) ORDER BY task_id FOR UPDATE)"
            ),
            {"seconds": seconds, "ids": [task.id for task in tasks]},
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Point:
    """Where one task stands, wherever it runs."""

    phase: str
    step: int
    steps: int
    loss: float | None
    preview: PreviewState | None


class Composer:
    """Puts rows and reports together. `capacity` = how many tasks this server works on at once, for estimates."""

    def __init__(self, board: Board, models: Models, capacity: int) -> None:
        self._board = board
        self._models = models
        self._capacity = max(1, capacity)
        self._previews: dict[int, tuple[Previewed, PreviewState]] = {}

    def compose(self, rows: Rows) -> JobState | None:
        """The state now; None when the rows are older than what this process has committed since."""
        job = rows.job
        tick = self._tick(rows)
        if tick is None:
            return None
        points = {task.id: self._point(task, rows) for task in rows.tasks}
        by_variant = {task.variant_id: task for task in rows.tasks if task.variant_id is not None}
        variants = tuple(self._variant(one, by_variant.get(one.id), points) for one in rows.variants)
        alone = None if rows.variants or not rows.tasks else rows.tasks[-1]
        point = points.get(alone.id) if alone is not None else None
        return JobState(
            job=job,
            variants=variants,
            sequence=job.revision << 20 | min(tick, LARGEST_TICK),
            phase=_phase(rows, points),
            fraction=_fraction(job, variants, point),
            queue_position=rows.position,
            eta_seconds=None if job.status.final else self._eta(rows),
            step=point.step if point else None,
            steps=point.steps if point else None,
            loss=point.loss if point else None,
            message=job.message or job.failure_message,
        )

    def _tick(self, rows: Rows) -> int | None:
        if rows.job.status.final:
            return 0
        self._board.committed(rows.job.id, rows.job.revision)
        here = self._board.tick(rows.job.id, rows.job.revision)
        if here is None:
            return None
        away = {task.id for task in rows.elsewhere(self._board)}
        ticks = [
            row.tick
            for row in rows.progress.values()
            if row.task_id in away and row.revision == rows.job.revision
        ]
        return here + max(ticks, default=0)

    def _point(self, task: Task, rows: Rows) -> _Point | None:
        if task.state is not JobStatus.RUNNING:
            return None
        standing = self._board.standing(task.id)
        if standing is not None and standing.claim.fence == task.fence:
            return self._here(standing, task)
        row = rows.progress.get(task.id)
        if row is None:
            return None
        preview = None
        if row.preview is not None:
            preview = PreviewState(
                data=row.preview,
                media_type=row.preview_type or "image/webp",
                width=row.preview_width or 0,
                height=row.preview_height or 0,
            )
        return _Point(phase=row.phase, step=row.step, steps=row.steps, loss=row.loss, preview=preview)

    def _here(self, standing: Standing, task: Task) -> _Point:
        step, counted = standing.step, standing.counted
        return _Point(
            phase=step.phase.value if step else STARTING,
            step=counted.step if counted else task.latents_step or 0,
            steps=counted.steps if counted else _asked_steps(task),
            loss=step.loss if step else None,
            preview=self._preview(standing.preview) if standing.preview else None,
        )

    def _preview(self, shown: Previewed) -> PreviewState:
        known = self._previews.get(id(shown))
        if known is not None and known[0] is shown:
            return known[1]
        if len(self._previews) > 1000:  # noqa: PLR2004 -- a cache; the newest picture of a run is all that is asked for
            self._previews.clear()
        state = PreviewState(
            data=shown.data, media_type=shown.media_type, width=shown.width, height=shown.height
        )
        self._previews[id(shown)] = (shown, state)
        return state

    def _variant(
        self, variant: Variant, task: Task | None, points: dict[uuid.UUID, _Point | None]
    ) -> VariantState:
        if variant.status in _FINISHED:
            steps = int(variant.parameters.get("steps") or 0)
            return VariantState(variant=variant, step=steps, steps=steps, fraction=1.0)
        asked = _asked_steps(task) if task is not None else 0
        point = points.get(task.id) if task is not None else None
        if point is None:
            step = (task.latents_step or 0) if task is not None else 0
            return VariantState(variant=variant, step=step, steps=asked, fraction=_ratio(step, asked))
        steps = point.steps or asked
        return VariantState(
            variant=variant,
            step=point.step,
            steps=steps,
            fraction=_ratio(point.step, steps),
            preview=point.preview,
        )

    def _eta(self, rows: Rows) -> float | None:
        """Seconds until the job is done: the slowest run's rest, then those that wait, by measured durations."""
        running = [task for task in rows.tasks if task.state is JobStatus.RUNNING]
        waiting = [task for task in rows.tasks if task.state is JobStatus.QUEUED]
        rests = [self._seconds_left(task) for task in running]
        known = [rest for rest in rests if rest is not None]
        if len(known) < len(rests):
            return None
        left = max(known, default=0.0)
        if not waiting:
            return left
        typical = self._models.typical_seconds(waiting[0].model_key or "")
        if typical is None:
            return None
        ahead = max(0, (rows.position or 1) - 1)
        return left + typical * -(-(ahead + len(waiting)) // self._capacity)

    def _seconds_left(self, task: Task) -> float | None:
        standing = self._board.standing(task.id)
        typical = self._models.typical_seconds(task.model_key or "")
        if standing is None:
            return typical
        by_pace = standing.seconds_left()
        if by_pace is not None or typical is None:
            return by_pace
        return max(0.0, typical - (time.monotonic() - standing.started_at))


def _asked_steps(task: Task) -> int:
    return int(task.spec.get("steps") or 0)


def _ratio(step: int, steps: int) -> float:
    return min(1.0, step / steps) if steps else 0.0


def _phase(rows: Rows, points: dict[uuid.UUID, _Point | None]) -> str:
    if rows.job.status is not JobStatus.RUNNING:
        status: str = rows.job.status.value
        return status
    said = [point for point in points.values() if point is not None]
    if not said:
        return STARTING if any(task.state is JobStatus.RUNNING for task in rows.tasks) else "QUEUED"
    furthest = max(said, key=lambda point: (_ratio(point.step, point.steps), point.phase != STARTING))
    return furthest.phase


def _fraction(job: Job, variants: Sequence[VariantState], point: _Point | None) -> float:
    if job.status is JobStatus.SUCCEEDED:
        return 1.0
    if not variants:
        return _ratio(point.step, point.steps) if point else 0.0
    done = {VariantStatus.FAILED, VariantStatus.CANCELED}
    return sum(1.0 if one.variant.status in done else one.fraction for one in variants) / len(variants)
