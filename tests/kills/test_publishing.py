"""A server killed between any two steps of approve → upload → publish → webhook: one object, one publication, one id."""

import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from schema.ids import encode
from store.database.ids import new_id
from store.database.sessions import Database
from store.database.tables import (
    AuditEntry,
    DeliveryState,
    ImageSource,
    Job,
    JobKind,
    JobStatus,
    Post,
    PostStatus,
    Publication,
    PublicationState,
    Variant,
    VariantPurpose,
    VariantStatus,
    WebhookDelivery,
    WebhookEndpoint,
)
from store.files.containers import MediaType
from store.files.vault import Vault
from store.naming import traceable_name
from store.pictures import keep_picture, store_bytes
from tests.executor import workshop as at
from tests.kills import publisher, victims
from tests.peers.pictures import picture
from tests.peers.receiver import Receiver
from tests.peers.s3 import BUCKET, KEY_ID, REGION, SECRET, S3Peer
from tests.peers.serving import serving

pytestmark = pytest.mark.asyncio
POINTS = [
    "before the approval's commit",
    "after the approval",
    "before upload",
    "after upload",
    "after a commit",
    "after verify",
    "after a commit",
    "before the end",
    *("after a commit", "before the end") * 2,  # one message, then the other
]
ONE_BY_ONE = {
    "io_capacity": 1,
    "lease_seconds": 30.0,
    "webhook_allow_private": True,
}  # the points, in one order
EVENTS = ["post.published", "variant.published"]


@dataclasses.dataclass(frozen=True)
class Outside:
    """An S3 service with its one bucket, and somebody who is told by webhooks."""

    bucket: S3Peer
    bucket_url: str
    receiver: Receiver
    receiver_url: str


@pytest.fixture
def outside() -> Iterator[Outside]:
    bucket, receiver = S3Peer(time.time), Receiver()
    with serving(bucket.app) as stored, serving(receiver.app) as told:
        yield Outside(bucket, stored.url, receiver, f"{told.url}/hooks")


@dataclasses.dataclass(frozen=True)
class Choice:
    """A post with a candidate, and the candidate's copy for people."""

    post: Post
    variant: Variant
    copy: Path


@contextlib.asynccontextmanager
async def worker(
    url: str, folder: Path, outside: Outside, choice: Choice, die_at: int
) -> AsyncIterator[victims.Victim]:
    """A server whose owner approves the choice, as often as it is started; it publishes to the peer."""
    asked: dict[str, Any] = {
        "database_url": url,
        "folder": str(folder),
        "die_at": die_at,
        "settings": {**victims.QUICK, **ONE_BY_ONE},
        "approve": {
            "owner": str(choice.post.owner_id),
            "post": encode("Post", choice.post.id),
            "variant": encode("Variant", choice.variant.id),
        },
        "s3": {
            "s3_bucket": BUCKET,
            "s3_endpoint": outside.bucket_url,
            "s3_region": REGION,
            "s3_access_key_id": KEY_ID,
            "s3_secret_access_key": SECRET,
            "s3_allow_http": True,
        },
    }
    ours, theirs = victims.FORKS.Pipe(duplex=False)
    process = victims.FORKS.Process(target=publisher.main, args=(theirs, asked))
    process.start()
    theirs.close()
    victim = victims.Victim(process, ours)
    try:
        yield victim
    finally:
        await victim.kill()
        ours.close()


async def choice_of(db: Database, folder: Path, receiver_url: str) -> Choice:
    """A post that waits for approval, and an owner who wants to be told."""
    vault = Vault(folder / "files")
    owner = await at.add_user(db)
    data = picture(40, 30)
    kept = await store_bytes(vault, data, MediaType.PNG, await at.quick_looks(data))
    async with db.begin() as session:
        session.add(
            WebhookEndpoint(
                owner_id=owner,
                url=receiver_url,
                secret="whsec_" + "QUJD" * 8,
                events=EVENTS,
            )
        )
        file = await keep_picture(session, owner, kept)
        post = Post(id=new_id(), owner_id=owner, title="Kept", status=PostStatus.AWAITING_APPROVAL)
        session.add(post)
        await session.flush()
        variant = Variant(
            id=new_id(),
            owner_id=owner,
            post_id=post.id,
            file_id=file.id,
            purpose=VariantPurpose.POST_IMAGE,
            version_number=1,
            status=VariantStatus.DRAFT,
            source=ImageSource.LOCAL,
            model_key="scripted",
            finished_at=func.clock(),
        )
        session.add(variant)
        await session.flush()
        await session.refresh(variant)
    copy = folder / "previews" / traceable_name(variant, "image/png")
    copy.parent.mkdir()
    copy.write_bytes(data)
    return Choice(post, variant, copy)


async def delivered(db: Database) -> None:
    """Wait until the post is published and everybody who wants to know was told."""

    async def told() -> bool:
        taken = select(func.count()).where(WebhookDelivery.state == DeliveryState.DELIVERED)
        async with db.session() as session:
            return await session.scalar(taken) == len(EVENTS)

    await victims.until(told, timeout=60)
    await victims.all_final(db, timeout=60)


async def test_publication_passes_these_points(
    db: Database, database_url: str, tmp_path: Path, outside: Outside
) -> None:
    choice = await choice_of(db, tmp_path, outside.receiver_url)

    async with worker(database_url, tmp_path, outside, choice, 0) as whole:
        await delivered(db)
        assert await whole.stop() == 0

    assert (tmp_path / "points").read_text().splitlines() == POINTS


@pytest.mark.parametrize("die_at", range(1, len(POINTS) + 1))
async def test_killed_there_it_is_still_published_and_told_exactly_once(
    database_url: str, db: Database, tmp_path: Path, outside: Outside, die_at: int
) -> None:
    choice = await choice_of(db, tmp_path, outside.receiver_url)

    async with worker(database_url, tmp_path, outside, choice, die_at) as doomed:
        assert await doomed.ended() == -9
    async with worker(database_url, tmp_path, outside, choice, 0) as heir:
        await delivered(db)
        assert await heir.stop() == 0

    assert len(outside.bucket.objects) == 1
    assert outside.bucket.writes == list(outside.bucket.objects)
    async with db.session() as session:
        [publication] = (await session.scalars(select(Publication))).all()
        [job] = (await session.scalars(select(Job).where(Job.kind == JobKind.PUBLICATION))).all()
        post = await session.get_one(Post, choice.post.id)
        variant = await session.get_one(Variant, choice.variant.id)
        messages = (await session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.event))).all()
        actions = (await session.scalars(select(AuditEntry.action).order_by(AuditEntry.id))).all()
    assert publication.state is PublicationState.PUBLISHED
    assert publication.url == f"{outside.bucket_url}/{BUCKET}/{publication.key}.png"
    assert job.status is JobStatus.SUCCEEDED
    assert (post.status, post.featured_image_id, post.featured_image_url) == (
        PostStatus.PUBLISHED,
        variant.id,
        publication.url,
    )
    assert (variant.status, variant.cdn_url) == (VariantStatus.PUBLISHED, publication.url)
    assert sorted(actions) == ["post.approved", "variant.published"]
    assert [message.event for message in messages] == EVENTS
    came = {(message.type, message.id) for message in outside.receiver.came}
    assert came == {(message.event, str(message.id)) for message in messages}
    assert not choice.copy.exists()
