"""Publishes a picture exactly once: upload, verify, then the rows, then the end of its preview.

May be killed between any two lines and begun again. The publication's row says what is intended before anything is
sent, its key makes the upload safe to repeat, and every write stands behind the fence.
"""

import dataclasses
import uuid
from collections.abc import Mapping

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from executor.chores import Fenced, Write
from generators.events import Failed, FailureKind
from store import outbox, posts
from store.database.sessions import Database
from store.database.tables import (
    FINAL,
    File,
    Job,
    JobKind,
    Post,
    Publication,
    PublicationState,
    Variant,
    VariantStatus,
)
from store.files.containers import MediaType
from store.files.copies import NamedCopies
from store.files.targets import Published, Target, TargetError
from store.files.vault import FileMissing, Vault
from store.naming import traceable_name
from store.outbox import WebhookEvent
from store.pictures import drop_original
from store.posts import PostMove
from store.publications import as_json
from store.queue import Claim, Held

PUBLISHABLE = frozenset({VariantStatus.DRAFT, VariantStatus.APPROVED, VariantStatus.PUBLISHED})
GONE = "The picture is not here any more, so it cannot be published."


@dataclasses.dataclass(frozen=True, kw_only=True)
class Places:
    """Where published pictures go and previews lie. `targets` by their word in rows; `publish_to` = for new ones."""

    targets: Mapping[str, Target] = dataclasses.field(default_factory=dict)
    publish_to: str = "local"
    copies: NamedCopies = dataclasses.field(default_factory=NamedCopies)
    keep_original: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Ready:
    """What one run starts from."""

    publication: Publication
    variant: Variant
    file: File
    post_id: uuid.UUID | None


class _NotWantedError(Exception):
    """The picture may no longer be published: somebody decided otherwise meanwhile."""


class Publishing:
    """The chore behind PUBLISH tasks."""

    def __init__(self, db: Database, vault: Vault, places: Places) -> None:
        self._db = db
        self._vault = vault
        self._places = places

    async def do(self, claim: Claim, fenced: Fenced) -> Write | Failed:
        """See Chore. A task may also take something back that was published."""
        try:
            return await (self._withdrawn(claim) if "withdraw" in claim.spec else self._do(claim, fenced))
        except TargetError as error:
            return Failed(kind=FailureKind.PROVIDER_DOWN, words=str(error), retryable=error.retryable)
        except FileMissing:
            return Failed(kind=FailureKind.BAD_REQUEST, words=GONE)
        except ValueError as error:
            return Failed(kind=FailureKind.BAD_REQUEST, words=str(error))

    async def _do(self, claim: Claim, fenced: Fenced) -> Write | Failed:
        ready = await self._read(claim)
        if ready is None:
            return Failed(kind=FailureKind.BAD_REQUEST, words=GONE)
        return await self._publish(ready, self._target(ready.publication.target), fenced)

    async def _withdrawn(self, claim: Claim) -> Write | Failed:
        """Remove what a picture that is gone has left on a target."""
        said = dict(claim.spec["withdraw"])
        target = self._target(said.pop("target"))
        await target.unpublish(Published(**said))
        return _nothing_more

    def _target(self, name: str) -> Target:
        """The target of that name; raises ValueError when it is configured no more."""
        target = self._places.targets.get(name)
        if target is None:
            raise ValueError(f"Publishing to {name} is not configured on this server any more.")
        return target

    async def _publish(self, ready: _Ready, target: Target, fenced: Fenced) -> Write | Failed:
        published = _remembered(ready.publication)
        if ready.publication.state is not PublicationState.PUBLISHED:
            if ready.variant.status not in PUBLISHABLE:
                return await self._take_back(ready, target, published, fenced)
            if published is None or not await target.verify(published):
                published = await self._upload(ready, target, fenced)
        assert published is not None  # a publication that is done has its address
        shown = published
        try:
            await fenced(lambda session, held: _show(session, held, ready, shown))
        except _NotWantedError as unwanted:
            return await self._take_back(ready, target, published, fenced, words=str(unwanted))
        await self._end_preview(ready)
        return _nothing_more

    async def _take_back(
        self,
        ready: _Ready,
        target: Target,
        published: Published | None,
        fenced: Fenced,
        *,
        words: str | None = None,
    ) -> Failed:
        """Somebody decided otherwise: what was uploaded already goes."""
        if published is not None:
            await target.unpublish(published)
            await fenced(lambda session, _held: _withdraw(session, ready))
        return Failed(kind=FailureKind.BAD_REQUEST, words=words or _not_wanted(ready.variant))

    async def _upload(self, ready: _Ready, target: Target, fenced: Fenced) -> Published:
        """Upload and verify; then the row says so."""
        data = await self._vault.read_async(ready.file.sha256)
        published = await target.upload(ready.publication.key, data, MediaType(ready.file.media_type))
        await fenced(lambda session, _held: _uploaded(session, ready, published))
        if not await target.verify(published):
            words = f"What was uploaded as {published.handle} does not verify."
            raise TargetError(words, retryable=True)
        return published

    async def _end_preview(self, ready: _Ready) -> None:
        """The named copy goes; the original too where it is not to be kept. Its signed address is refused already."""
        name = traceable_name(ready.variant, ready.file.media_type)
        await self._places.copies.drop(name, base_image=False)
        if not self._places.keep_original:
            await drop_original(self._db, self._vault, ready.file.id)

    async def _read(self, claim: Claim) -> _Ready | None:
        post = claim.spec.get("post")
        async with self._db.session() as session:
            row = (
                await session.execute(
                    select(Publication, Variant, File)
                    .join(Variant, Variant.id == Publication.variant_id)
                    .join(File, File.id == Variant.file_id)
                    .where(Publication.id == uuid.UUID(claim.spec["publication"]))
                )
            ).one_or_none()
        if row is None:
            return None
        publication, variant, file = row
        return _Ready(
            publication=publication, variant=variant, file=file, post_id=uuid.UUID(post) if post else None
        )


def _not_wanted(variant: Variant | None) -> str:
    return GONE if variant is None else f"The picture is {variant.status.value}; it cannot be published."


async def _uploaded(session: AsyncSession, ready: _Ready, published: Published) -> None:
    row = await session.get(Publication, ready.publication.id, with_for_update=True)
    if row is None or row.state is PublicationState.PUBLISHED:
        return
    row.state = PublicationState.UPLOADED
    row.url, row.etag = published.url, published.etag
    row.remote = {"handle": published.handle, "size": published.size, "sha256": published.sha256}


async def _withdraw(session: AsyncSession, ready: _Ready) -> None:
    row = await session.get(Publication, ready.publication.id, with_for_update=True)
    if row is not None:
        row.state = PublicationState.WITHDRAWN


async def _show(session: AsyncSession, held: Held, ready: _Ready, published: Published) -> None:
    """The one commit by which the world sees it: publication, picture and post together."""
    variant = await session.get(Variant, ready.variant.id, with_for_update=True, populate_existing=True)
    if variant is None or variant.status not in PUBLISHABLE:
        raise _NotWantedError(_not_wanted(variant))
    post = await posts.lock(session, ready.post_id) if ready.post_id else None
    row = await session.get_one(
        Publication, ready.publication.id, with_for_update=True, populate_existing=True
    )
    now = func.clock()
    if row.state is not PublicationState.PUBLISHED:
        row.state, row.published_at = PublicationState.PUBLISHED, now
    if variant.status is not VariantStatus.PUBLISHED:
        variant.status, variant.cdn_url, variant.published_at = VariantStatus.PUBLISHED, published.url, now
        data = {"variantId": str(variant.id), "url": published.url}
        await outbox.tell(
            session, variant.owner_id, WebhookEvent.VARIANT_PUBLISHED, f"{variant.id}:{row.target}", data
        )
    if post is not None and await _still_chosen(session, held, post):
        await _feature(session, post, variant, published.url)
    if held.job is not None:
        held.job.message = f"Published at {published.url}"


async def _still_chosen(session: AsyncSession, held: Held, post: Post) -> bool:
    """Whether the post waits for this very publication: a run that begins anew may come after the next choice."""
    if held.job is None or not posts.allowed(post.status, PostMove.PUBLISHED):
        return False
    newer = select(Job.id).where(
        Job.post_id == post.id,
        Job.kind == JobKind.PUBLICATION,
        Job.status.not_in(FINAL),
        Job.id > held.job.id,
    )
    return await session.scalar(newer.limit(1)) is None


async def _feature(session: AsyncSession, post: Post, variant: Variant, url: str) -> None:
    posts.advance(post, PostMove.PUBLISHED)
    post.featured_image_id, post.featured_image_url = variant.id, url
    post.published_at = func.coalesce(Post.published_at, func.clock())
    data = {"postId": str(post.id), "slug": post.slug, "featuredImageUrl": url}
    await outbox.tell(session, post.owner_id, WebhookEvent.POST_PUBLISHED, f"{post.id}:{variant.id}", data)


async def _nothing_more(_session: AsyncSession, _held: Held) -> None:
    """Everything was written before; only the end of the task is left."""


def _remembered(publication: Publication) -> Published | None:
    """What an earlier run had uploaded."""
    if publication.url is None or publication.state not in {
        PublicationState.UPLOADED,
        PublicationState.PUBLISHED,
    }:
        return None
    return Published(**as_json(publication))


__all__ = ["PUBLISHABLE", "Places", "Publishing"]
