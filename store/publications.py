"""Publishing as rows: what is intended is written before anything leaves the house, so a crash leaves no doubt.

A publication names one picture on one target for good; its key makes the upload safe to repeat. Each request to
publish has a PUBLICATION job with one PUBLISH task. Knows rows; knows no target's wire.
"""

import dataclasses
import uuid
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from store.database.ids import new_id
from store.database.tables import (
    FINAL,
    Job,
    JobKind,
    JobStatus,
    Post,
    Publication,
    PublicationState,
    Task,
    TaskKind,
    Variant,
)
from store.files.cloudinary import publication_key
from store.queue import enqueue

LANE = "io"
TITLE = 200


@dataclasses.dataclass(frozen=True, kw_only=True)
class Order:
    """One request: publish a locked picture on `target`; with a post, as its featured image."""

    variant: Variant
    target: str
    post: Post | None = None
    title: str = "Publish a picture"
    request_id: str | None = None


async def publish(session: AsyncSession, order: Order) -> tuple[Job, bool]:
    """Enqueue it: its job, and whether that is new. The same request that is at work or done has its job already."""
    publication = await _intend(session, order)
    earlier = await _earlier(session, order, publication)
    if earlier is not None:
        return earlier, False
    job = Job(
        id=new_id(),
        owner_id=order.variant.owner_id,
        kind=JobKind.PUBLICATION,
        title=order.title[:TITLE],
        subject_id=order.variant.subject_id,
        post_id=order.post.id if order.post else None,
        request={"variantId": str(order.variant.id)},
        request_id=order.request_id,
    )
    task = Task(
        id=new_id(),
        job_id=job.id,
        owner_id=job.owner_id,
        kind=TaskKind.PUBLISH,
        lane=LANE,
        spec={"publication": str(publication.id), "post": str(order.post.id) if order.post else None},
        request_id=order.request_id,
    )
    await enqueue(session, job, [], [task])
    publication.job_id = job.id
    publication.post_id = order.post.id if order.post else publication.post_id
    return job, True


async def of_variant(session: AsyncSession, variant_id: uuid.UUID, target: str) -> Publication | None:
    """That picture's publication on that target."""
    found: Publication | None = await session.scalar(
        select(Publication).where(Publication.variant_id == variant_id, Publication.target == target)
    )
    return found


def as_json(publication: Publication) -> dict[str, Any]:
    """What a target needs to know of something that was uploaded, see `targets.Published`."""
    return {
        "key": publication.key,
        "handle": publication.remote["handle"],
        "url": publication.url,
        "etag": publication.etag or "",
        "size": publication.remote["size"],
        "sha256": publication.remote["sha256"],
    }


async def _intend(session: AsyncSession, order: Order) -> Publication:
    """The publication's row, made now or before; the picture's lock keeps others away."""
    found = await of_variant(session, order.variant.id, order.target)
    if found is not None:
        return found
    variant = order.variant
    row = insert(Publication).values(
        id=new_id(),
        owner_id=variant.owner_id,
        variant_id=variant.id,
        target=order.target,
        key=publication_key(
            variant.owner_id,
            variant.model_key or "picture",
            variant.job_id or variant.id,
            variant.version_number,
        ),
    )
    await session.execute(row.on_conflict_do_nothing(index_elements=["variant_id", "target"]))
    made = await of_variant(session, variant.id, order.target)
    assert made is not None
    return made


async def _earlier(session: AsyncSession, order: Order, publication: Publication) -> Job | None:
    """The job that does, or did, just this."""
    if publication.job_id is None:
        return None
    job = await session.get(Job, publication.job_id)
    if job is None or job.post_id != (order.post.id if order.post else job.post_id):
        return None
    if job.status not in FINAL:
        return job
    shown = order.post is None or order.post.featured_image_id == order.variant.id
    done = job.status is JobStatus.SUCCEEDED and publication.state is PublicationState.PUBLISHED
    return job if done and shown else None
