"""Builds everything once, in order, and takes it down in reverse: the one place that knows all names."""

import asyncio
import contextlib
import dataclasses
import secrets
from collections.abc import AsyncIterator

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.content import guard
from app.database import OpenDatabase, open_database
from app.metrics import Metrics
from app.publishing import places
from app.server_settings import ServerSettings
from app.settings import Settings
from executor.board import Board
from executor.cataloguing import Cataloguing
from executor.content.guard import Guard
from executor.delivering import Delivering
from executor.executor import Executor, Parts
from executor.housekeeping import Housekeeping
from executor.models import Models
from executor.progress import Progress, Sources
from executor.reconciling import Reconciling
from executor.retention import Retention
from executor.settings import ExecutorSettings
from executor.stock import Stock
from generators.diffusion.checkpoints import Shelf
from generators.diffusion.encoders import LikenessSettings, LocalEncoders
from generators.diffusion.generator import DiffusionGenerator
from generators.diffusion.judging import ClipJudge, JudgeSettings
from generators.diffusion.settings import DiffusionSettings
from generators.generator import Generator
from generators.hosted.generator import HostedGenerator
from generators.hosted.settings import HostedSettings
from generators.scripted import ScriptedGenerator, ScriptedSettings
from generators.spec import FileRef
from resolvers.access import FileAccess, Signer
from store.database.embedded import Embedded
from store.database.sessions import Database
from store.database.tables import Secret, TaskKind
from store.events import Broadcast
from store.files.decoder import Decoder, DecoderLimits
from store.files.vault import FileMissing, Vault
from store.publishing_settings import PublishingSettings
from store.settings import StoreSettings
from store.wire import Wire

MIB = 1024 * 1024
SIGNING = "file_addresses"
LET_ANSWER_SECONDS = 0.5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Server:
    """The parts of a running server."""

    settings: Settings
    database: Database
    exclusive: bool
    files: FileAccess
    models: Models
    broadcast: Broadcast
    progress: Progress
    executor: Executor
    metrics: Metrics
    draining: asyncio.Event
    publish_to: str = "local"
    stock: Stock | None = None
    guard: Guard = dataclasses.field(default_factory=Guard)


@contextlib.asynccontextmanager
async def open_server(settings: Settings, embedded: Embedded | None = None) -> AsyncIterator[Server]:
    """Everything but the transports: database open and migrated, work being done.

    `embedded` = the private database, already being started.

    Raises:
        DatabaseUnreachable, EmbeddedUnavailable, ServerAlreadyRunning, ServerTooOld: see app.database.
    """
    async with contextlib.AsyncExitStack() as stack:
        opened = await stack.enter_async_context(open_database(settings, embedded=embedded))
        files = await _files(settings, opened.database, stack)
        models = Models(generators(settings, files.vault))
        server = await _assemble(settings, opened, files, models, stack)
        for generator in models.generators:
            stack.push_async_callback(generator.close)
            await generator.start()
        await server.executor.start(exclusive=server.exclusive)
        stack.push_async_callback(server.executor.stop)
        stack.push_async_callback(server.progress.close)
        days = settings.section(PublishingSettings).retention_days
        retention = Retention(server.database, server.files.vault, server.files.copies, days)
        sweeping = asyncio.create_task(retention.work(), name="retention")
        stack.push_async_callback(_ended, sweeping)
        reconciling = Reconciling(server.database, server.models)
        stack.push_async_callback(_ended, asyncio.create_task(reconciling.work(), name="reconciling"))
        cataloguing = Cataloguing(server.models, server.broadcast)
        stack.push_async_callback(_ended, asyncio.create_task(cataloguing.work(), name="cataloguing"))
        keeping = Housekeeping(server.database, settings.section(ExecutorSettings))
        stack.push_async_callback(_ended, asyncio.create_task(keeping.work(), name="housekeeping"))
        yield server


def generators(settings: Settings, vault: Vault) -> list[Generator]:
    """All generators that the settings offer."""

    async def open_file(file: FileRef) -> bytes:
        try:
            return await vault.read_async(file.sha256)
        except FileMissing as error:
            raise FileNotFoundError(file.sha256) from error

    made: list[Generator] = [
        DiffusionGenerator(
            settings.section(DiffusionSettings), open_file, settings.section(LikenessSettings)
        ),
        HostedGenerator(settings.section(HostedSettings), open_file),
    ]
    scripted = settings.section(ScriptedSettings)
    if scripted.scripted_generator:
        made.append(ScriptedGenerator(scripted))
    return made


async def _assemble(
    settings: Settings,
    opened: OpenDatabase,
    files: FileAccess,
    models: Models,
    stack: contextlib.AsyncExitStack,
) -> Server:
    broadcast, metrics = Broadcast(), Metrics()
    board = Board(metrics)
    broadcast.attach(opened.database)
    wire = Wire(opened.database, broadcast, telling=not opened.exclusive)
    wire.start()
    stack.push_async_callback(wire.stop)
    chosen = settings.section(ExecutorSettings)
    where = places(settings)
    guarded = guard(settings, models.generators)
    judge = ClipJudge(settings.section(JudgeSettings))
    stack.push_async_callback(judge.close)
    encoders = LocalEncoders(settings.section(LikenessSettings), Shelf(settings.section(DiffusionSettings)))
    stack.push_async_callback(encoders.close)
    parts = Parts(
        db=opened.database,
        models=models,
        vault=files.vault,
        broadcast=broadcast,
        board=board,
        render=files.decoder.render,
        observer=metrics,
        chores={TaskKind.DELIVER: Delivering(opened.database, chosen)},
        places=where,
        judge=judge,
        guard=guarded,
        encoders=encoders,
    )
    return Server(
        settings=settings,
        database=opened.database,
        exclusive=opened.exclusive,
        files=files,
        models=models,
        broadcast=broadcast,
        progress=Progress(
            Sources(db=opened.database, broadcast=broadcast, board=board, models=models), chosen
        ),
        executor=Executor(parts, chosen),
        metrics=metrics,
        draining=asyncio.Event(),
        publish_to=where.publish_to,
        stock=stock(opened.database, models),
        guard=guarded,
    )


def stock(database: Database, models: Models) -> Stock | None:
    """Photographs of others, where a generator finds them."""
    hosted = (one for one in models.generators if isinstance(one, HostedGenerator))
    return next((Stock(database, one.pexels) for one in hosted), None)


async def _files(settings: Settings, database: Database, stack: contextlib.AsyncExitStack) -> FileAccess:
    store, server = settings.section(StoreSettings), settings.section(ServerSettings)
    decoder = Decoder(
        DecoderLimits(max_bytes=store.max_upload_mb * MIB, memory_bytes=store.decoder_memory_mb * MIB)
    )
    stack.push_async_callback(decoder.aclose)
    warming = asyncio.create_task(_warmed(decoder), name="warm the upload decoder")
    stack.push_async_callback(_ended, warming)
    signer = Signer(await own_secret(database, SIGNING), server.public_url or "")
    return FileAccess(
        vault=Vault(store.data_dir / "files"),
        decoder=decoder,
        signer=signer,
        max_upload_bytes=store.max_upload_mb * MIB,
        copies=places(settings).copies,
    )


async def _warmed(decoder: Decoder) -> None:
    """Once the first callers had their answer: its child loads for a second, beside all that else begins."""
    await asyncio.sleep(LET_ANSWER_SECONDS)
    await decoder.warm()


async def _ended(task: "asyncio.Task[object]") -> None:
    """Wait for a task of the start that nobody else waits for; its failure is told by whoever needs its work."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def own_secret(database: Database, name: str) -> bytes:
    """32 random bytes that this server keeps under `name`; made on first use."""
    async with database.begin() as session:
        made = insert(Secret).values(name=name, value=secrets.token_bytes(32))
        await session.execute(made.on_conflict_do_nothing(index_elements=[Secret.name]))
        return (await session.scalars(select(Secret.value).where(Secret.name == name))).one()
