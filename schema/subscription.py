"""Everything that can be watched. No subscription enqueues, spends or changes anything."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any

import strawberry

from resolvers import jobs
from resolvers.context import Info
from schema.ids import GlobalId, expect
from schema.jobs import JobProgress
from store.database import tables


@strawberry.type(description="Everything that can be watched; watching changes nothing.")
class Subscription:
    """One line a field."""

    @strawberry.subscription(
        description=(
            "Where a job stands: the whole state now, again after every change, and for the last time when the "
            "job is final."
        ),
    )
    def job_progress(
        self, info: Info, job_id: Annotated[GlobalId, strawberry.argument(description="The job.")]
    ) -> AsyncGenerator[JobProgress, None]:
        found: Any = jobs.watch(info, expect(job_id, tables.Job, ("jobId",)))
        return found  # type: ignore[no-any-return]  # rows, shown as JobProgress
