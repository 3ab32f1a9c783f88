"""Puts together what a job looks like now: rows, and on top of them what running tasks said last.

Knows no database; see states.py for what it returns.
"""

import dataclasses
import time
import uuid
from collections.abc import Sequence

from executor.board import LARGEST_TICK, Board, Standing
from executor.models import Models
from executor.states import JobState, PreviewState, Rows, VariantState
from generators.events import Previewed
from store.database.tables import Job, JobKind, JobStatus, Task, TaskKind, Variant, VariantStatus

STARTING = "STARTING"  # claimed, and nothing said yet
REMEMBERED = 10_000  # unfinished jobs of which somebody was told
_FINISHED = frozenset(VariantStatus) - {
    VariantStatus.QUEUED,
    VariantStatus.RUNNING,
    VariantStatus.FAILED,
    VariantStatus.CANCELED,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Point:
    """Where one task stands, wherever it runs."""

    phase: str
    step: int
    steps: int
    loss: float | None
    preview: PreviewState | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Told:
    """What was told of an unfinished job last."""

    revision: int
    tick: int
    position: int | None


class Composer:
    """Puts rows and reports together. `capacity` = how many tasks this server works on at once, for estimates."""

    def __init__(self, board: Board, models: Models, capacity: int) -> None:
        self._board = board
        self._models = models
        self._capacity = max(1, capacity)
        self._previews: dict[int, tuple[Previewed, PreviewState]] = {}
        self._told: dict[uuid.UUID, _Told] = {}

    def compose(self, rows: Rows) -> JobState | None:
        """The state now; None when the rows are older than what this process has committed since."""
        job = rows.job
        tick = self._tick(rows)
        if tick is None:
            return None
        points = {task.id: self._point(task, rows) for task in rows.tasks}
        by_variant = {task.variant_id: task for task in rows.tasks if task.variant_id is not None}
        training = job.kind is JobKind.TRAINING  # its pictures are samples, and no task makes them
        shown = () if training else rows.variants
        variants = tuple(self._variant(one, by_variant.get(one.id), points) for one in shown)
        alone = None if shown or not rows.tasks else rows.tasks[-1]
        point = points.get(alone.id) if alone is not None else None
        return JobState(
            job=job,
            variants=variants,
            samples=tuple(rows.variants) if training else (),
            sequence=job.revision << 20 | self._rising(rows, tick),
            phase=_phase(rows, points),
            fraction=_fraction(job, variants, point),
            queue_position=rows.position,
            eta_seconds=None if job.status.final else self._eta(rows),
            step=point.step if point else None,
            steps=point.steps if point else None,
            loss=point.loss if point else None,
            message=job.message or job.failure_message,
            written=all(task.state.final for task in rows.tasks if task.kind is TaskKind.WRITE),
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

    def _rising(self, rows: Rows, tick: int) -> int:
        """The tick to tell: never less than one told before, and more when the place in the queue has changed."""
        job = rows.job
        if job.status.final:
            self._told.pop(job.id, None)
            return 0
        told = self._told.pop(job.id, None)
        if told is not None and told.revision == job.revision:
            moved = told.position != rows.position
            tick = max(tick, told.tick + 1 if moved else told.tick)
        tick = min(tick, LARGEST_TICK)
        self._told[job.id] = _Told(revision=job.revision, tick=tick, position=rows.position)
        if len(self._told) > REMEMBERED:
            del self._told[next(iter(self._told))]
        return tick

    def _point(self, task: Task, rows: Rows) -> _Point | None:
        if task.state is not JobStatus.RUNNING:
            return None
        standing = self._board.standing(task.id, task.fence)
        if standing is not None:
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
        typical = self._typical(waiting[0])
        if typical is None:
            return None
        ahead = max(0, (rows.position or 1) - 1)
        return left + typical * -(-(ahead + len(waiting)) // self._capacity)

    def _seconds_left(self, task: Task) -> float | None:
        standing = self._board.standing(task.id, task.fence)
        typical = self._typical(task)
        if standing is None:
            return typical
        by_pace = standing.seconds_left()
        if by_pace is not None or typical is None:
            return by_pace
        return max(0.0, typical - (time.monotonic() - standing.started_at))

    def _typical(self, task: Task) -> float | None:
        """What is measured are pictures."""
        return self._models.typical_seconds(task.model_key or "") if task.kind is TaskKind.IMAGE else None


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
