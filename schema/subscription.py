"""Everything that can be watched. No subscription enqueues, spends or changes anything."""

from collections.abc import AsyncGenerator
from typing import Any

import strawberry

import resolvers.activity
import resolvers.jobs
from resolvers.context import Info
from schema.activity import Activity
from schema.ids import GlobalId, expect
from schema.jobs import JobProgress
from schema.publish import explained
from schema.texts import job_text
from store.database import tables


def job_progress(
    info: Info, job_id: GlobalId, sharp_previews: bool = False
) -> AsyncGenerator[JobProgress, None]:
    """Decode the id and watch the job; its states are shown as JobProgress."""
    states: Any = resolvers.jobs.watch(info, expect(job_id, tables.Job, ("jobId",)), sharp=sharp_previews)
    return states  # type: ignore[no-any-return]  # see above: rows behind a view


def activity(info: Info, after: str | None = None) -> AsyncGenerator[Activity, None]:
    """Watch everything of the viewer's; its entries are shown as Activity."""
    entries: Any = resolvers.activity.activity(info, after)
    return entries  # type: ignore[no-any-return]  # rows behind a view


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
        {
            "job_id": "The job.",
            "sharp_previews": (
                "While you watch, decode previews by the model's tiny autoencoder where one is installed, else as "
                "ever. All who watch a job get the same previews, so one who asks is enough."
            ),
        },
    )
    activity = explained(
        strawberry.subscription(
            resolver=activity,
            description=(
                "Every change of state of what is yours: jobs, variants, posts, subjects. In order, and without gaps "
                "after a cursor; without one it begins now."
            ),
        ),
        {"after": "The cursor of the last change you know."},
    )
    job_text = explained(
        strawberry.subscription(
            resolver=job_text,
            description=(
                "A job's text as it is being written: an article, suggestions, an analysis, a prompt made smart. "
                "Ends when no more will come. Begin again anywhere with `after`: nothing is billed twice."
            ),
        ),
        {"job_id": "The job.", "after": "From this character on, counted in code points; 0 when absent."},
    )
