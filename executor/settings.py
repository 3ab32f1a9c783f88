"""What the executor can be told."""

from pydantic import BaseModel, Field


class ExecutorSettings(BaseModel):
    """How work is claimed, watched over and ended."""

    local_capacity: int = Field(
        8,
        ge=1,
        le=256,
        description="Pictures from local checkpoints in work at once; the engine batches them.",
    )
    provider_capacity: int = Field(
        4, ge=1, le=256, description="Calls in work at once to each hosted provider."
    )
    text_capacity: int = Field(4, ge=1, le=256, description="Texts in work at once.")
    train_capacity: int = Field(1, ge=1, le=16, description="Trainings in work at once.")
    io_capacity: int = Field(
        4, ge=1, le=256, description="Publications, downloads and deliveries in work at once."
    )
    lease_seconds: float = Field(
        30.0, gt=0, description="A task whose server has been silent for so long is given to another one."
    )
    heartbeat_seconds: float = Field(
        10.0, gt=0, description="How often a server says that its tasks still run. Below LEASE_SECONDS."
    )
    claim_poll_seconds: float = Field(
        1.0, gt=0, description="How often the queue is looked at when no wake-up comes."
    )
    sweep_seconds: float = Field(5.0, gt=0, description="How often tasks of dead servers are looked for.")
    clean_up_hours: float = Field(
        6.0, gt=0, description="How often bytes that crashes left without a row are looked for and deleted."
    )
    history_days: float = Field(
        30.0,
        ge=0,
        description="Webhook messages that are over, and the news behind `activity`, are kept for so many days; 0 = "
        "for good.",
    )
    flush_seconds: float = Field(
        0.5, ge=0.05, description="At most so often steps are written for other servers to see."
    )
    stop_grace_seconds: float = Field(
        20.0, ge=0, description="After SIGTERM, running work may go on for so long; then it is given back."
    )
    webhook_timeout_seconds: float = Field(
        20.0, gt=0, le=60, description="How long the receiver of a webhook may take to answer."
    )
    webhook_allow_private: bool = Field(
        False,
        description="Send webhooks over http and to private addresses too; for tests and closed networks.",
    )
    max_tries: int = Field(5, ge=1, le=100, description="Retryable failures after which a task has failed.")
    watch_poll_seconds: float = Field(
        5.0, gt=0, description="A watched job is read again so often when no news comes."
    )
    most_events_per_second: float = Field(
        20.0,
        gt=0,
        description="Most progress events a second for one subscriber; newer ones replace unsent ones.",
    )
