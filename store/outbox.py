"""What is told to the outside: one message for each endpoint that wants to know, queued with what it tells of.

Written in the transaction of the change, so a message exists if and only if the change does. `event_key` makes a
message unique per endpoint: telling twice is telling once, and its id stays the same over retries.
"""

import enum
import uuid
from collections.abc import Mapping

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from store.database.ids import new_id
from store.database.tables import Task, TaskKind, WebhookDelivery, WebhookEndpoint
from store.events import Change, changed

LANE = "io"


class WebhookEvent(enum.Enum):
    """What can be told."""

    JOB_SUCCEEDED = "job.succeeded"
    JOB_FAILED = "job.failed"
    JOB_CANCELED = "job.canceled"
    VARIANT_PUBLISHED = "variant.published"
    POST_PUBLISHED = "post.published"
    BASE_IMAGE_APPROVED = "base_image.approved"


async def tell(
    session: AsyncSession, owner_id: uuid.UUID, event: WebhookEvent, key: str, data: Mapping[str, object]
) -> None:
    """Queue the message for every enabled endpoint of the owner's that wants this event; flushes.

    `key` tells this happening from others of the same event, such as an id. `data` is plain JSON, small.
    """
    wants = select(WebhookEndpoint.id).where(
        WebhookEndpoint.owner_id == owner_id,
        WebhookEndpoint.enabled,
        WebhookEndpoint.events.contains([event.value]),
    )
    endpoints = (await session.scalars(wants.order_by(WebhookEndpoint.id))).all()
    for endpoint_id in endpoints:
        row = (
            insert(WebhookDelivery)
            .values(
                id=new_id(),
                owner_id=owner_id,
                endpoint_id=endpoint_id,
                event=event.value,
                event_key=f"{event.value}:{key}",
                payload=dict(data),
            )
            .on_conflict_do_nothing(index_elements=["endpoint_id", "event_key"])
            .returning(WebhookDelivery.id)
        )
        delivery_id = await session.scalar(row)
        if delivery_id is not None:
            send(session, owner_id, delivery_id)
    if endpoints:
        await session.flush()


def send(
    session: AsyncSession, owner_id: uuid.UUID, delivery_id: uuid.UUID, *, after_seconds: float = 0.0
) -> None:
    """Queue one attempt at a message."""
    task = Task(owner_id=owner_id, kind=TaskKind.DELIVER, lane=LANE, spec={"delivery": str(delivery_id)})
    if after_seconds:
        task.not_before = func.clock() + func.make_interval(0, 0, 0, 0, 0, 0, after_seconds)
    session.add(task)
    changed(session, Change(job_id=None, queued=True))
