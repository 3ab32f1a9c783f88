"""Joins a built server with the transports: what each route may ask of the floors below."""

import time
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from sqlalchemy import func, select, text
from starlette.datastructures import UploadFile
from starlette.routing import Route

from app.allowed import allowed_documents
from app.graphql.settings import GraphQLSettings
from app.graphql.wiring import Wiring
from app.http import Web
from app.identity import Doors
from app.publishing import SERVED_AT, published_folder
from app.server import Server
from app.server_settings import ServerSettings
from app.web.explorer import page
from app.web.files import Files, Found
from app.web.jobs import Snapshot, Snapshots
from app.web.published import PublishedPictures
from app.web.replicate_hooks import replicate_route
from executor.settings import ExecutorSettings
from executor.states import JobState, VariantState
from generators.hosted.generator import HostedGenerator
from generators.hosted.settings import HostedSettings
from resolvers.account_settings import AccountSettings
from resolvers.context import Context
from resolvers.identity import Viewer
from resolvers.refused import Told
from resolvers.uploads import keep_upload
from resolvers.visible import Sights
from schema import schema
from schema.ids import decode, encode, global_id
from store.database import migrate
from store.database.tables import File, Job
from store.files import signing
from store.files.refusals import UploadRefused
from store.pictures import preview_over


def web(server: Server, doors: Doors) -> Web:
    """Everything the routes need."""
    chosen = server.settings.section(ServerSettings)
    settings = server.settings.section(GraphQLSettings)
    joints = Joints(server)
    server.metrics.before_scrape = joints.count_bytes
    return Web(
        graphql=Wiring(
            schema=schema,
            admit=doors.admit,
            context=joints.context,
            settings=settings,
            allowed=allowed_documents(settings, schema._schema),  # noqa: SLF001 -- it has no public name
            observer=server.metrics,
            draining=server.draining,
            public_errors=(Told,),
            page=page if chosen.ide else None,
        ),
        watch_job=joints.watch_job,
        keep_upload=joints.keep_upload,
        upload_refusals=(UploadRefused, Told),
        files=Files(joints.verify, joints.find, time.time),
        checks=joints.checks,
        metrics=server.metrics,
        public_url=chosen.public_url,
        allowed_hosts=chosen.allowed_hosts,
        allowed_origins=chosen.allowed_origins,
        more_routes=(published_route(server), *webhook_routes(server)),
    )


def published_route(server: Server) -> Route:
    """Pictures that this server has published itself."""
    pictures = PublishedPictures(published_folder(server.settings))
    return Route(f"{SERVED_AT}/{{key:path}}", pictures.__call__, methods=["GET"])


def webhook_routes(server: Server) -> list[Route]:
    """Where providers send their news; none without a secret to check it by."""
    secret = server.settings.section(HostedSettings).replicate_webhook_secret
    hosted = [one for one in server.models.generators if isinstance(one, HostedGenerator)]
    return [replicate_route(secret, one.nudge) for one in hosted[:1]] if secret else []


class Joints:
    """The functions that routes are given."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._newest = migrate.newest()
        self._sights = Sights(server.database)

    def context(self, viewer: Viewer, request_id: str) -> Context:
        """A fresh context for one operation."""
        server = self._server
        return Context(
            db=server.database,
            viewer=viewer,
            models=server.models,
            progress=server.progress,
            files=server.files,
            request_id=request_id,
            plain_webhooks=server.settings.section(ExecutorSettings).webhook_allow_private,
            accounts=server.settings.section(AccountSettings),
            broadcast=server.broadcast,
            publish_to=server.publish_to,
            stock=server.stock,
            guard=server.guard,
            sights=self._sights,
        )

    async def watch_job(self, viewer: Viewer, job_id: str) -> Snapshots | None:
        """The viewer's job as a stream of snapshots; `job_id` is its global id, or the UUID in it."""
        key = _job_key(job_id)
        if key is None:
            return None
        if not await self._sights.sees(viewer, Job, key):
            return None
        return self._snapshots(key)

    async def _snapshots(self, key: uuid.UUID) -> AsyncGenerator[Snapshot, None]:
        async with aclosing(self._server.progress.watch(key, previews=True)) as states:
            async for state in states:
                yield Snapshot(sequence=state.sequence, final=state.final, body=job_body(state))

    async def keep_upload(self, viewer: Viewer, sent: UploadFile, request_id: str) -> dict[str, object]:
        """Keep a picture; what the sender is told."""
        data = await sent.read(self._server.files.max_upload_bytes + 1)
        kept = await keep_upload(self.context(viewer, request_id), data, sent.filename)
        return {
            "uploadId": encode("Upload", kept.id),
            "name": kept.name,
            "width": kept.width,
            "height": kept.height,
            "mediaType": kept.media_type,
            "placeholder": kept.placeholder,
        }

    def verify(self, file_id: uuid.UUID, rendition: str, query: tuple[str, str]) -> bool:
        """Whether a signed address is genuine and not over."""
        return signing.verify(self._server.files.signer.secret, file_id, rendition, query, time.time())

    async def find(self, file_id: uuid.UUID, rendition: str) -> Found | None:
        """The bytes of a rendition; thumbnails are always WebP."""
        async with self._server.database.session() as session:
            file = await session.get(File, file_id)
            over = file is not None and rendition == "original" and await preview_over(session, file.id)
        if file is None or over:
            return None
        named = {
            "original": (file.sha256, file.media_type),
            "256": (file.thumbnail_256, "image/webp"),
            "512": (file.thumbnail_512, "image/webp"),
        }
        sha256, media_type = named.get(rendition, (None, ""))
        vault = self._server.files.vault
        if sha256 is None or not vault.exists(sha256):
            return None
        return Found(path=vault.path(sha256), media_type=media_type, sha256=sha256)

    async def checks(self) -> Mapping[str, str | None]:
        """What must hold for the server to do its work, and what is wrong with it."""
        return {
            "database": await self._database(),
            "executor": None if self._server.executor.alive else "no work is being taken up",
        }

    async def count_bytes(self) -> None:
        """Set the gauge of kept bytes."""
        async with self._server.database.session() as session:
            total = await session.scalar(select(func.coalesce(func.sum(File.size), 0)))
        self._server.metrics.bytes_stored(int(total or 0))

    async def _database(self) -> str | None:
        try:
            async with self._server.database.session() as session:
                revision = await session.scalar(text("SELECT version_num FROM alembic_version"))
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is why the probe fails, and is told
            return f"not reachable: {type(error).__name__}"
        return None if revision == self._newest else f"at revision {revision}, needs {self._newest}"


def job_body(state: JobState) -> dict[str, Any]:
    """One state of a job as plain SSE sends it: the essentials of the contract's `JobProgress`."""
    return {
        "jobId": global_id(state.job),
        "sequence": state.sequence,
        "status": state.job.status.value,
        "phase": state.phase,
        "fraction": state.fraction,
        "queuePosition": state.queue_position,
        "etaSeconds": state.eta_seconds,
        "variants": [_variant_body(one) for one in state.variants],
        "message": state.message,
    }


def _variant_body(state: VariantState) -> dict[str, Any]:
    return {
        "variantId": global_id(state.variant),
        "status": state.variant.status.value,
        "step": state.step,
        "steps": state.steps,
        "fraction": state.fraction,
        "preview": None if state.preview is None else state.preview.data_uri,
    }


def _job_key(given: str) -> uuid.UUID | None:
    found = decode(given)
    if found is not None:
        return found.key if found.table is Job else None
    try:
        return uuid.UUID(given)
    except ValueError:
        return None
