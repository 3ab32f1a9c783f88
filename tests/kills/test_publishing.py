"""A server that is killed between any two steps of publishing: one object, one publication, one webhook id."""

import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from store import posts, publications
from store.database.ids import new_id
from store.database.sessions import Database
from store.database.tables import (
    ImageSource,
    Job,
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
from tests.peers.s3 import BUCKET, KEY_ID, REGION, SECRET, S3Peer
from tests.peers.serving import Served, serving

pytestmark = pytest.mark.asyncio
POINTS = [
    "before upload",
    "after upload",
    "after a commit",
    "after verify",
    "after a commit",
    "before the end",
]


@dataclasses.dataclass(frozen=True)
class Bucket:
    """An S3 service and its one bucket."""

    peer: S3Peer
    served: Served


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    peer = S3Peer(time.time)
    with serving(peer.app) as served:
        yield Bucket(peer, served)


@contextlib.asynccontextmanager
async def worker(url: str, folder: Path, served: Served, die_at: int) -> AsyncIterator[victims.Victim]:
    """A server that publishes to the peer."""
    asked: dict[str, Any] = {
        "database_url": url,
        "folder": str(folder),
        "die_at": die_at,
        "settings": victims.QUICK,
        "s3": {
            "s3_bucket": BUCKET,
            "s3_endpoint": served.url,
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


async def approved(db: Database, folder: Path) -> tuple[Post, Variant, Job, Path]:
    """A post whose picture was approved a moment ago, with its copy for people."""
    vault = Vault(folder / "files")
    owner = await at.add_user(db)
    data = picture(40, 30)
    kept = await store_bytes(vault, data, MediaType.PNG, await at.quick_looks(data))
    async with db.begin() as session:
        session.add(
            WebhookEndpoint(
                owner_id=owner,
                url="https://example.com/",
                secret="whsec_x",
                events=["variant.published", "post.published"],
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
            status=VariantStatus.APPROVED,
            source=ImageSource.LOCAL,
            model_key="scripted",
            finished_at=func.clock(),
        )
        session.add(variant)
        await session.flush()
        await session.refresh(variant)
        job, _ = await publications.publish(
            session, publications.Order(variant=variant, target="s3", post=post)
        )
        posts.advance(post, posts.PostMove.APPROVED)
    copy = folder / "previews" / traceable_name(variant, "image/png")
    copy.parent.mkdir()
    copy.write_bytes(data)
    return post, variant, job, copy


async def test_publication_passes_these_points(
    db: Database, database_url: str, tmp_path: Path, bucket: Bucket
) -> None:
    await approved(db, tmp_path)

    async with worker(database_url, tmp_path, bucket.served, 0) as whole:
        await victims.all_final(db, timeout=30)
        assert await whole.stop() == 0

    assert (tmp_path / "points").read_text().splitlines() == POINTS


@pytest.mark.parametrize("die_at", range(1, len(POINTS) + 1))
async def test_killed_there_it_is_still_published_exactly_once(
    database_url: str, db: Database, tmp_path: Path, bucket: Bucket, die_at: int
) -> None:
    served, peer = bucket.served, bucket.peer
    post, variant, job, copy = await approved(db, tmp_path)

    async with worker(database_url, tmp_path, served, die_at) as doomed:
        assert await doomed.ended() == -9
    async with worker(database_url, tmp_path, served, 0) as heir:
        await victims.all_final(db, timeout=30)
        assert await heir.stop() == 0

    assert len(peer.objects) == 1
    assert peer.writes == list(peer.objects)
    async with db.session() as session:
        [publication] = (await session.scalars(select(Publication))).all()
        assert publication.state is PublicationState.PUBLISHED
        assert publication.url == f"{served.url}/{BUCKET}/{publication.key}.png"
        ended = await session.get_one(Job, job.id)
        shown = await session.get_one(Post, post.id)
        public = await session.get_one(Variant, variant.id)
        told = (await session.scalars(select(WebhookDelivery.event).order_by(WebhookDelivery.event))).all()
    assert ended.status is JobStatus.SUCCEEDED
    assert (shown.status, shown.featured_image_id, shown.featured_image_url) == (
        PostStatus.PUBLISHED,
        variant.id,
        publication.url,
    )
    assert (public.status, public.cdn_url) == (VariantStatus.PUBLISHED, publication.url)
    assert told == ["post.published", "variant.published"]
    assert not copy.exists()
