"""Everything that can be watched. No subscription enqueues, spends or changes anything."""

from collections.abc import AsyncGenerator
from typing import Any

import strawberry

import resolvers.jobs
from resolvers.context import Info
from schema.ids import GlobalId, expect
from schema.jobs import JobProgress
from schema.publish import explained
from store.database import tables


def job_progress(info: Info, job_id: GlobalId) -> AsyncGenerator[JobProgress, None]:
    """Decode the id and watch the job; its states are shown as JobProgress."""
    states: Any = resolvers.jobs.watch(info, expect(job_id, tables.Job, ("jobId",)))
    return states  # type: ignore[no-any-return]  # see above: rows behind a view


@strawberry.type(description="Everything that can be watched; watching changes nothing.")
class Subscription:
    """One line a field."""

    job_progress = explained(
        strawberry.subscription(
            resolver=job_progress,
            description=(
                "Where a job stands: the whole state now, again after every change, and for the last time when "
                "the job is final."
            ),
        ),
        {"job_id": "The job."},
    )
