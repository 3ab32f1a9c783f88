"""Work: jobs (what was asked), tasks (what a worker claims), progress, and the paid calls made on the way."""

import uuid
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from store.database.tables.declarative import Big, Created, Instant, Key, Money, Sha256, Table, choice
from store.database.tables.words import CallState, JobKind, JobStatus, TaskKind


class Job(Table):
    """What the user asked for.

    `revision` rises by one for each committed change, under this row's lock, without gaps. `request` is the
    input as it was accepted, so that a retry can ask for the same.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index(None, "owner_id", "created_at", "id"),
        Index(None, "owner_id", "status", "created_at", "id"),
        Index(None, "subject_id", "created_at"),
        Index(None, "retry_of_id"),
    )

    id: Mapped[Key]
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    kind: Mapped[JobKind] = mapped_column(choice(JobKind))
    title: Mapped[str] = mapped_column(String(200))
    project: Mapped[str | None] = mapped_column(String(200))
    use_case: Mapped[str | None] = mapped_column(String(200))
    status: Mapped[JobStatus] = mapped_column(choice(JobStatus), server_default=JobStatus.QUEUED.value)
    subject_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("subjects.id", ondelete="CASCADE"))
    retry_of_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"))
    post_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("posts.id", ondelete="SET NULL"), index=True)
    continues_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("jobs.id", ondelete="SET NULL"), index=True
    )
    series_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    preset_key: Mapped[str | None] = mapped_column(String(64))
    reused_post: Mapped[bool] = mapped_column(server_default=false())
    request: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    request_id: Mapped[str | None] = mapped_column(String(64))
    revision: Mapped[Big] = mapped_column(server_default="1")
    failed_count: Mapped[int] = mapped_column(server_default="0")
    cost_usd: Mapped[Money] = mapped_column(server_default="0")
    text: Mapped[str | None] = mapped_column(Text)
    message: Mapped[str | None] = mapped_column(Text)
    failure_code: Mapped[str | None] = mapped_column(String(32))
    failure_message: Mapped[str | None] = mapped_column(Text)
    failure_retryable: Mapped[bool | None]
    created_at: Mapped[Created]
    updated_at: Mapped[Created]
    started_at: Mapped[Instant | None]
    finished_at: Mapped[Instant | None]


class Task(Table):
    """What a worker claims: one per variant, or one per job without variants.

    `fence` rises at every claim and take-back and never falls; every write of a run carries (id, fence).
    A task with `deaths` is a suspect: where it may end the process, it runs alone. `tries` counts retryable failures, `deaths` expired leases. `advanced` = something was saved since the
    last death. `latents` is the saved state of a killed run, by content, after `latents_step` steps.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        Index(
            "ix_tasks_claimable",
            "lane",
            "owner_id",
            text("priority DESC"),
            "id",
            postgresql_where=text("state = 'QUEUED'"),
        ),
        Index("ix_tasks_leases", "lease_until", postgresql_where=text("state = 'RUNNING'")),
        Index(None, "job_id"),
        Index(None, "variant_id"),
        Index("ix_tasks_suspects", "lane", postgresql_where=text("state = 'QUEUED' AND deaths > 0")),
        Index("ix_tasks_delivered", "created_at", postgresql_where=text("kind = 'DELIVER'")),
        Index("ix_tasks_latents", "latents", postgresql_where=text("latents IS NOT NULL")),
    )

    id: Mapped[Key]
    job_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    variant_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("variants.id", ondelete="CASCADE"))
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    kind: Mapped[TaskKind] = mapped_column(choice(TaskKind))
    lane: Mapped[str] = mapped_column(String(32))
    model_key: Mapped[str | None] = mapped_column(String(200))
    state: Mapped[JobStatus] = mapped_column(choice(JobStatus), server_default=JobStatus.QUEUED.value)
    priority: Mapped[int] = mapped_column(server_default="0")
    spec: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    request_id: Mapped[str | None] = mapped_column(String(64))
    fence: Mapped[Big] = mapped_column(server_default="0")
    tries: Mapped[int] = mapped_column(server_default="0")
    deaths: Mapped[int] = mapped_column(server_default="0")
    stepped: Mapped[bool] = mapped_column(server_default=false())
    advanced: Mapped[bool] = mapped_column(server_default=false())
    worker: Mapped[str | None] = mapped_column(String(64))
    not_before: Mapped[Created]
    lease_until: Mapped[Instant | None]
    latents: Mapped[Sha256 | None]
    latents_step: Mapped[int | None]
    cost_estimate: Mapped[Money] = mapped_column(server_default="0")
    failure_code: Mapped[str | None] = mapped_column(String(32))
    failure_message: Mapped[str | None] = mapped_column(Text)
    failure_retryable: Mapped[bool | None]
    created_at: Mapped[Created]
    started_at: Mapped[Instant | None]
    finished_at: Mapped[Instant | None]


class Lane(Table):
    """What all servers agree on about a lane. `virtual_time` is that of the last task served (see `Turn`).

    Nothing is claimed from the lane before `closed_until`; null = open. A lane nobody used yet has no row.
    """

    __tablename__ = "lanes"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    virtual_time: Mapped[float] = mapped_column(server_default="0")
    closed_until: Mapped[Instant | None]
    closed_reason: Mapped[str | None] = mapped_column(Text)


class Turn(Table):
    """Whose turn it is in a lane: the user with the smallest virtual time is served next.

    Each task served adds one. Somebody who was away starts at the lane's virtual time, so that nobody saves up
    turns; a missing row means the same.
    """

    __tablename__ = "turns"

    lane: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    virtual_time: Mapped[float] = mapped_column(server_default="0")


class TaskProgress(Table):
    """Where running tasks stand, for servers that do not run them. UNLOGGED: a crash may empty it.

    No foreign key: its check would make a flush wait for locked tasks. A row counts only while the task runs with
    this `fence`. `tick` counts within `revision` of the job; `watched_until` = somebody wants previews until then,
    `sharp_until` = sharp ones.
    """

    __tablename__ = "task_progress"
    __table_args__ = {"prefixes": ["UNLOGGED"]}

    task_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    fence: Mapped[Big]
    revision: Mapped[Big] = mapped_column(server_default="0")
    phase: Mapped[str] = mapped_column(String(32))
    step: Mapped[int] = mapped_column(server_default="0")
    steps: Mapped[int] = mapped_column(server_default="0")
    tick: Mapped[int] = mapped_column(server_default="0")
    loss: Mapped[float | None]
    preview: Mapped[bytes | None] = mapped_column(LargeBinary)
    preview_type: Mapped[str | None] = mapped_column(String(32))
    preview_width: Mapped[int | None]
    preview_height: Mapped[int | None]
    watched_until: Mapped[Instant | None]
    sharp_until: Mapped[Instant | None]
    updated_at: Mapped[Created]


class ProviderCall(Table):
    """One paid call of a task, written before it is sent."""

    __tablename__ = "provider_calls"
    __table_args__ = (
        UniqueConstraint("task_id", "key"),
        Index(
            "ix_provider_calls_loose",
            "updated_at",
            postgresql_where=text("state NOT IN ('SUCCEEDED', 'FAILED')"),
        ),
    )

    id: Mapped[Key]
    task_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(64))
    provider: Mapped[str] = mapped_column(String(32))
    model: Mapped[str] = mapped_column(String(200))
    provider_id: Mapped[str | None] = mapped_column(String(200))
    state: Mapped[CallState] = mapped_column(choice(CallState), server_default=CallState.INTENDED.value)
    estimate: Mapped[Money]
    cost: Mapped[Money | None]
    words: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[Created]
    updated_at: Mapped[Created]
