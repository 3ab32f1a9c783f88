"""An in-process client of the whole application: real routes, real database, the scripted generator.

`async with serving(db, folder) as api:` then `await api.run(OPERATION, input=...)`. The executor does nothing
until `api.work()`; uploads go through the real decoder.
"""

import asyncio
import contextlib
import dataclasses
import json
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import Connection, event

from app.composition import Joints, web
from app.http import application
from app.identity import Doors
from app.metrics import Metrics
from app.server import Server, stock
from app.settings import Settings
from executor.chores import Chore
from executor.content.guard import Guard
from executor.executor import Executor, Parts
from executor.publishing import Places
from executor.settings import ExecutorSettings
from generators.generator import Generator
from resolvers.access import FileAccess, Signer
from resolvers.context import Context
from resolvers.identity import ALL, Scope, Viewer, create_key, local_owner
from schema.ids import decode
from store.database.ids import new_id
from store.database.sessions import Database
from store.database.tables import Role, TaskKind, User
from store.files.copies import NamedCopies
from store.files.decoder import Decoder
from store.files.local import LocalFolder
from tests.executor import workshop
from tests.executor.workshop import Workshop


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came back: `data`, `errors`, and the whole body."""

    status: int
    body: Any

    @property
    def data(self) -> Any:
        assert "errors" not in self.body, self.body["errors"]
        return self.body["data"]

    @property
    def errors(self) -> list[Any]:
        found: list[Any] = self.body["errors"]
        return found

    @property
    def code(self) -> str:
        """`extensions.code` of the only error."""
        [error] = self.errors
        return str(error["extensions"]["code"])


@dataclasses.dataclass
class Api:
    """One caller of the server. `secret` None = the local owner."""

    shop: Workshop
    server: Server
    viewer: Viewer
    http: httpx2.AsyncClient
    secret: str | None = None
    places: Places = dataclasses.field(default_factory=Places)
    chores: Mapping[TaskKind, Chore] = dataclasses.field(default_factory=dict)

    async def run(self, document: str, /, **variables: Any) -> Answer:
        """Run one operation over HTTP; `file=(name, bytes)` is sent as a multipart upload for `input.file`."""
        body: dict[str, Any] = {"query": document, "variables": variables}
        reply = await self.http.post("/graphql", json=body, headers=self._headers())
        return Answer(reply.status_code, reply.json())

    async def do(self, document: str, /, **given: Any) -> Any:
        """Run a mutation with one `$input` and return its payload."""
        data = (await self.run(document, input=given)).data
        [payload] = data.values()
        return payload

    async def send(self, document: str, file: tuple[str, bytes], /, **given: Any) -> Any:
        """As `do`, with a file for `input.file`."""
        operations = {"query": document, "variables": {"input": {**given, "file": None}}}
        reply = await self.http.post(
            "/graphql",
            data={"operations": json.dumps(operations), "map": json.dumps({"0": ["variables.input.file"]})},
            files={"0": file},
            headers=self._headers() | {"graphql-require-preflight": "1"},
        )
        [payload] = Answer(reply.status_code, reply.json()).data.values()
        return payload

    async def upload(self, name: str, data: bytes) -> str:
        """`POST /uploads`; the upload id."""
        headers = self._headers() | {"graphql-require-preflight": "1"}
        reply = await self.http.post("/uploads", files={"file": (name, data)}, headers=headers)
        assert reply.status_code == 201, reply.text
        return str(reply.json()["uploadId"])

    async def another(self, handle: str, role: Role = Role.EDITOR, scopes: frozenset[Scope] = ALL) -> "Api":
        """A client of another user."""
        user_id = new_id()
        async with self.shop.db.begin() as session:
            session.add(User(id=user_id, handle=handle, role=role))
        secret = await create_key(self.shop.db, user_id, handle, scopes)
        viewer = Viewer(user_id=user_id, role=role, scopes=scopes, handle=handle, key_id=new_id())
        return dataclasses.replace(self, viewer=viewer, secret=secret)

    def context(self) -> Context:
        """A fresh context of this caller, for what is run without HTTP."""
        return Joints(self.server).context(self.viewer, "test")

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """An executor takes up work inside the block; a new one each time, as it cannot be started twice."""
        shop = self.shop
        parts = Parts(
            db=shop.db,
            models=shop.models,
            vault=shop.vault,
            broadcast=shop.broadcast,
            board=shop.board,
            render=workshop.quick_looks,
            chores=self.chores,
            places=self.places,
            guard=self.server.guard,
            judge=shop.judge,
            encoders=shop.encoders,
        )
        executor = Executor(parts, ExecutorSettings(**{**workshop.QUICK, "lease_seconds": 30.0}))
        async with workshop.started(dataclasses.replace(shop, executor=executor)):
            yield

    async def ended(self, job_id: str) -> None:
        """Wait until the job is final; call it inside `working`."""
        await workshop.ended(self.shop, key(job_id))

    @contextlib.contextmanager
    def statements(self) -> Iterator[list[str]]:
        """Every SQL statement inside the block."""
        seen: list[str] = []

        def note(_c: Connection, _cursor: object, statement: str, *_: object) -> None:
            seen.append(statement)

        engine = self.shop.db.engine.sync_engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            yield seen
        finally:
            event.remove(engine, "before_cursor_execute", note)

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.secret}"} if self.secret else {}


@contextlib.asynccontextmanager
async def serving(
    db: Database, folder: Path, *generators: Generator, guard: Guard | None = None, **settings: Any
) -> AsyncIterator[Api]:
    """The application on that database. Without generators: the scripted one."""
    shop = workshop.build(db, folder, *generators, **settings)
    decoder = Decoder()
    public = LocalFolder(folder / "published", "/published")
    copies = NamedCopies(folder / "base_images", folder / "previews")
    places = Places(targets={"local": public}, copies=copies)
    server = Server(
        settings=Settings({"published_dir": folder / "published"}),
        database=db,
        exclusive=False,
        files=FileAccess(vault=shop.vault, decoder=decoder, signer=Signer(b"s" * 32), copies=copies),
        models=shop.models,
        broadcast=shop.broadcast,
        progress=shop.progress,
        executor=shop.executor,
        metrics=Metrics(),
        draining=asyncio.Event(),
        stock=stock(db, shop.models),
        guard=guard or Guard(),
    )
    owner = await local_owner(db)
    app = application(web(server, Doors(db, owner)))
    transport = httpx2.ASGITransport(app=app)
    try:
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http:
            yield Api(shop, server, owner, http, places=places)
    finally:
        await decoder.aclose()


def key(global_id: str) -> uuid.UUID:
    """The UUID in a global id."""
    ref = decode(global_id)
    assert ref is not None
    return ref.key


def refused(payload: Mapping[str, Any]) -> tuple[str, str, list[str] | None]:
    """(code, message, field) of the only userError."""
    [error] = payload["userErrors"]
    return error["code"], error["message"], error["field"]
