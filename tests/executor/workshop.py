"""What executor tests are built with: one server's parts on a real database, and jobs to put into it."""

import asyncio
import contextlib
import dataclasses
import io
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from PIL import Image
from sqlalchemy import select

from executor.board import Board
from executor.executor import Executor, Parts
from executor.looking import Render
from executor.metrics import Observer, Silent
from executor.models import Models
from executor.progress import Progress, Sources
from executor.settings import ExecutorSettings
from executor.specs import kind_of, to_json
from executor.states import JobState
from generators.encoder import Encoders
from generators.generator import Generator
from generators.judge import Judge
from generators.scripted import KEY, ScriptedGenerator, ScriptedSettings
from generators.spec import ImageSpec, Spec, TextSpec
from store.database.ids import new_id
from store.database.sessions import Database
from store.database.tables import (
    ImageSource,
    Job,
    JobKind,
    Persona,
    Task,
    User,
    Variant,
    VariantPurpose,
)
from store.events import Broadcast
from store.files.quick_looks import Renditions
from store.files.renditions import render
from store.files.vault import Vault
from store.queue import enqueue
from store.wire import Wire
from tests.patience import PATIENCE

QUICK: Mapping[str, Any] = {
    "lease_seconds": 1.0,
    "heartbeat_seconds": 0.2,
    "claim_poll_seconds": 0.2,
    "sweep_seconds": 0.2,
    "flush_seconds": 0.05,
    "stop_grace_seconds": 5.0,
    "watch_poll_seconds": 1.0,
}


async def quick_looks(data: bytes) -> Renditions:
    """The decoder's answer without its process."""
    return await asyncio.to_thread(lambda: render(Image.open(io.BytesIO(data)).convert("RGB")))


@dataclasses.dataclass
class Workshop:
    """One server's parts, without transports."""

    db: Database
    broadcast: Broadcast
    board: Board
    models: Models
    vault: Vault
    executor: Executor
    progress: Progress
    judge: Judge | None = None
    encoders: Encoders | None = None


def build(
    db: Database,
    folder: Path,
    *generators: Generator,
    observer: Observer | None = None,
    judge: Judge | None = None,
    encoders: Encoders | None = None,
    render: Render = quick_looks,
    **settings: Any,
) -> Workshop:
    """A server that has not been started. Without generators: the scripted one, 2 ms a step."""
    chosen = ExecutorSettings(**{**QUICK, **settings})
    models = Models(generators or [scripted()])
    observer = observer or Silent()
    broadcast, board = Broadcast(), Board(observer)
    broadcast.attach(db)
    vault = Vault(folder)
    executor = Executor(
        Parts(
            db=db,
            models=models,
            vault=vault,
            broadcast=broadcast,
            board=board,
            render=render,
            observer=observer,
            judge=judge,
            encoders=encoders,
        ),
        chosen,
    )
    progress = Progress(Sources(db=db, broadcast=broadcast, board=board, models=models), chosen)
    return Workshop(db, broadcast, board, models, vault, executor, progress, judge, encoders)


def scripted(**settings: Any) -> ScriptedGenerator:
    """The scripted generator, offered and quick."""
    return ScriptedGenerator(
        ScriptedSettings(**{"scripted_generator": True, "scripted_step_seconds": 0.002, **settings})
    )


@contextlib.asynccontextmanager
async def started(workshop: Workshop, **how: Any) -> AsyncIterator[Workshop]:
    """The server at work, stopped without grace at the end."""
    wire = Wire(workshop.db, workshop.broadcast)
    wire.start()
    await workshop.executor.start(**how)
    try:
        yield workshop
    finally:
        await workshop.executor.stop(0)
        await workshop.progress.close()
        await wire.stop()


async def add_user(db: Database, handle: str = "ada") -> uuid.UUID:
    """A user's id."""
    async with db.begin() as session:
        user = User(id=new_id(), handle=handle)
        session.add(user)
    return user.id


async def add_persona(db: Database, owner_id: uuid.UUID) -> uuid.UUID:
    """A persona's id."""
    async with db.begin() as session:
        persona = Persona(id=new_id(), owner_id=owner_id, name="Mira", appearance="a baker")
        session.add(persona)
    return persona.id


@dataclasses.dataclass(frozen=True, kw_only=True)
class Order:
    """A job to be put into the queue."""

    owner_id: uuid.UUID
    prompt: str = "a lighthouse"
    count: int = 1
    steps: int = 4
    lane: str = "local"
    model: str = KEY
    priority: int = 0
    subject_id: uuid.UUID | None = None
    first_version: int = 1
    price: Decimal = Decimal(0)


async def add_job(db: Database, order: Order) -> uuid.UUID:
    """An IMAGE job with its variants and tasks, committed."""
    job = Job(
        id=new_id(), owner_id=order.owner_id, kind=JobKind.IMAGE, title="test", subject_id=order.subject_id
    )
    purpose = VariantPurpose.BASE_IMAGE if order.subject_id else VariantPurpose.SCENE
    variants = [
        Variant(
            id=new_id(),
            owner_id=order.owner_id,
            job_id=job.id,
            subject_id=order.subject_id,
            purpose=purpose,
            version_number=order.first_version + number,
            source=ImageSource.LOCAL,
            model_key=order.model,
            original_prompt=order.prompt,
            seed=number,
        )
        for number in range(order.count)
    ]
    tasks = [task_for(order, job, image_spec(order, variant), variant) for variant in variants]
    async with db.begin() as session:
        await enqueue(session, job, variants, tasks)
    return job.id


async def add_text_job(db: Database, order: Order) -> uuid.UUID:
    """A TEXT job with its one task, committed."""
    job = Job(id=new_id(), owner_id=order.owner_id, kind=JobKind.TEXT, title="test")
    spec = TextSpec(model=order.model, instructions="", prompt=order.prompt)
    async with db.begin() as session:
        await enqueue(session, job, [], [task_for(order, job, spec, None)])
    return job.id


def image_spec(order: Order, variant: Variant) -> ImageSpec:
    """What the resolvers would write."""
    return ImageSpec(
        variant_id=str(variant.id),
        model=order.model,
        prompt=order.prompt,
        width=64,
        height=64,
        steps=order.steps,
        seed=variant.seed or 0,
        owner_id=str(order.owner_id),
    )


def task_for(order: Order, job: Job, spec: Spec, variant: Variant | None) -> Task:
    """The task that makes a spec."""
    return Task(
        id=new_id(),
        job_id=job.id,
        variant_id=variant.id if variant is not None else None,
        owner_id=order.owner_id,
        kind=kind_of(spec),
        lane=order.lane,
        model_key=order.model,
        priority=order.priority,
        spec=to_json(spec),
        cost_estimate=order.price,
    )


async def job_of(db: Database, job_id: uuid.UUID) -> Job:
    """The row as it is now."""
    async with db.session() as session:
        job = await session.get(Job, job_id)
    assert job is not None
    return job


async def variants_of(db: Database, job_id: uuid.UUID) -> Sequence[Variant]:
    """The job's variants in order."""
    async with db.session() as session:
        rows = await session.scalars(
            select(Variant).where(Variant.job_id == job_id).order_by(Variant.version_number)
        )
        return rows.all()


async def tasks_of(db: Database, job_id: uuid.UUID) -> Sequence[Task]:
    """The job's tasks, oldest first."""
    async with db.session() as session:
        rows = await session.scalars(select(Task).where(Task.job_id == job_id).order_by(Task.id))
        return rows.all()


async def ended(workshop: Workshop, job_id: uuid.UUID, *, timeout: float = PATIENCE) -> Job:
    """The job once it is final."""
    return (await seen(workshop, job_id, lambda state: state.final, timeout=timeout)).job


async def seen(
    workshop: Workshop, job_id: uuid.UUID, wanted: Callable[[JobState], bool], *, timeout: float = PATIENCE
) -> JobState:
    """The first state of a job that is as wanted."""
    async with asyncio.timeout(timeout), contextlib.aclosing(workshop.progress.watch(job_id)) as states:
        async for state in states:
            if wanted(state):
                return state
    raise AssertionError("the job ended or is gone")


async def until(holds: Callable[[], Awaitable[bool]], *, timeout: float = PATIENCE) -> None:
    """Wait until something holds that has no event to wait for."""
    async with asyncio.timeout(timeout):
        while not await holds():  # noqa: ASYNC110 -- see above
            await asyncio.sleep(0.02)
