"""The whole application over toy parts: jobs that a test drives, one stored picture, uploads that are counted."""

import asyncio
import contextlib
import hashlib
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from starlette.datastructures import UploadFile

from app.graphql.settings import GraphQLSettings
from app.graphql.wiring import Wiring
from app.http import Web, application
from app.metrics import Metrics
from app.web.explorer import page
from app.web.files import Files, Found
from app.web.jobs import Snapshot
from store.files import signing
from tests.transport.serving import serving
from tests.transport.toy import Toy, wiring

SECRET = b"s" * 32
NOW = 1_800_000_000.0
FILE = uuid.UUID("01900000-0000-7000-8000-000000000001")
PIXELS = b"\x89PNG pretend"


class TooUgly(Exception):  # noqa: N818  # a refusal of the toy
    """A refusal of an upload."""

    code = "TOO_UGLY"


@dataclass
class WebToy:
    """The parts, and what happened to them."""

    folder: Path
    toy: Toy = field(default_factory=Toy)
    states: "asyncio.Queue[Snapshot]" = field(default_factory=asyncio.Queue)
    kept: list[tuple[str, bytes, str | None, str]] = field(default_factory=list)
    trouble: dict[str, str | None] = field(default_factory=dict)
    watching: int = 0
    metrics: Metrics = field(default_factory=Metrics)
    settings: GraphQLSettings = field(default_factory=GraphQLSettings)
    changes: dict[str, Any] = field(default_factory=dict)
    draining: asyncio.Event = field(default_factory=asyncio.Event)

    def web(self) -> Web:
        """All of it, as app.http wants it."""
        graphql: Wiring = wiring(
            self.toy, settings=self.settings, observer=self.metrics, page=page, draining=self.draining
        )
        (self.folder / "picture").write_bytes(PIXELS)
        return Web(
            graphql=graphql,
            watch_job=self.watch,
            keep_upload=self.keep,
            upload_refusals=(TooUgly,),
            files=Files(
                lambda file, rendition, query: signing.verify(SECRET, file, rendition, query, NOW),
                self.find,
                lambda: NOW,
            ),
            checks=self.checks,
            metrics=self.metrics,
            **self.changes,
        )

    async def watch(self, viewer: str, job_id: str) -> AsyncGenerator[Snapshot, None] | None:
        """Only `job-1` exists, and only for the local caller."""
        return self.snapshots() if (viewer, job_id) == ("local", "job-1") else None

    async def snapshots(self) -> AsyncGenerator[Snapshot, None]:
        """What the test puts in, to the final one."""
        self.watching += 1
        try:
            while True:
                snapshot = await self.states.get()
                yield snapshot
                if snapshot.final:
                    return
        finally:
            self.watching -= 1

    async def keep(self, viewer: str, file: UploadFile, request_id: str) -> dict[str, object]:
        """Keep what is not ugly."""
        data = await file.read()
        if data.startswith(b"ugly"):
            raise TooUgly("This is too ugly.")
        self.kept.append((viewer, data, file.filename, request_id))
        return {"uploadId": "u1"}

    async def find(self, file_id: uuid.UUID, rendition: str) -> Found | None:
        """One file in one rendition."""
        if (file_id, rendition) != (FILE, "original"):
            return None
        return Found(self.folder / "picture", "image/png", hashlib.sha256(PIXELS).hexdigest())

    async def checks(self) -> Mapping[str, str | None]:
        """What the test says is wrong."""
        return {"database": None, **self.trouble}

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[httpx2.AsyncClient]:
        """A client of a running server."""
        async with (
            serving(application(self.web())) as address,
            httpx2.AsyncClient(base_url=f"http://{address}") as made,
        ):
            yield made


def state(sequence: int, *, final: bool = False) -> Snapshot:
    """A snapshot whose body says its sequence."""
    return Snapshot(sequence, final, {"sequence": sequence})
