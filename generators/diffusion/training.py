"""LoRA training beside serving: a process for each training, its events, and its end. Imports no torch.

The child lives on a pipe: when this process dies, however it dies, the child's input ends and it ends too. Its
folder is the run's own, under a name that no other run ever has; what must outlive the run leaves it as a durable
event, behind the task's fence. So a trainer that was given up can write nothing that anybody reads.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import structlog

from generators.diffusion.catalog_entries import Checkpoint
from generators.diffusion.checkpoints import STARTER_KEY
from generators.diffusion.encoders import LocalEncoders
from generators.diffusion.serving import Serving
from generators.diffusion.settings import DiffusionSettings
from generators.diffusion.sizes import square
from generators.diffusion.trainer.folders import own_folder, sweep
from generators.diffusion.trainer.need import too_little
from generators.diffusion.trainer.orders import TEMPLATE, Lesson, Order, called
from generators.events import (
    AdapterMade,
    Event,
    Failed,
    FailureKind,
    LatentsSaved,
    Phase,
    SampleMade,
    Stepped,
)
from generators.generator import Known, Live
from generators.spec import OpenFile, TrainingSpec

log = structlog.get_logger(__name__)
ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv.pop(1));"
    " from generators.diffusion.trainer.process import main; main()"
)
LONGEST_LINE = 2**20
DYING_SECONDS = 5.0
FEWEST, MOST = 1, 50  # a reference image that was just approved may be all there is
SAMPLE_STEPS = 20
PRIOR_FOR_EACH = 2
MOST_PRIOR = 40


class Trainings:
    """All trainings of one server."""

    def __init__(
        self, settings: DiffusionSettings, encoders: LocalEncoders, engine: Serving, open_file: OpenFile
    ) -> None:
        """The checkpoints are those of `encoders`."""
        self._settings = settings
        self._shelf = encoders.shelf
        self._engine = engine
        self._open_file = open_file
        self._encoders = encoders

    def start(self) -> None:
        """Remove what killed servers have left."""
        sweep(self._settings.training_dir)

    async def run(self, spec: TrainingSpec, known: Known, live: Live) -> AsyncGenerator[Event, None]:
        """Train; yields samples, saved states (`LatentsSaved`) and a final event."""
        entry = self._shelf.get(spec.model)
        state = self._shelf.availability(spec.model)
        if entry is None or not state.available:
            yield Failed(
                kind=FailureKind.NO_CHECKPOINT, words=state.reason or f"{spec.model} is not available."
            )
            return
        if not FEWEST <= len(spec.images) <= MOST:
            words = f"A training takes {FEWEST} to {MOST} pictures; got {len(spec.images)}."
            yield Failed(kind=FailureKind.BAD_REQUEST, words=words)
            return
        live.report(Stepped(phase=Phase.LOADING_MODEL))
        with own_folder(self._settings.training_dir, known.fence) as folder:
            try:
                order = await self._order(spec, entry, known, folder)
            except FileNotFoundError:
                words = "A training picture is no longer stored."
                yield Failed(kind=FailureKind.BAD_REQUEST, words=words)
                return
            async with contextlib.aclosing(self._train(order, spec, live)) as events:
                async for event in events:
                    yield event

    async def _train(self, order: Order, spec: TrainingSpec, live: Live) -> AsyncGenerator[Event, None]:
        settings = self._settings
        with self._engine.reserve(
            exclusively=settings.training_pauses_serving, elsewhere=settings.training_device != "auto"
        ) as reservation:
            free = await asyncio.wrap_future(reservation.ready)
            words = await asyncio.to_thread(too_little, order, free)
            if words is not None:
                yield Failed(kind=FailureKind.OUT_OF_MEMORY, words=words, retryable=True)
                return
            async with contextlib.aclosing(_events(order, spec, live)) as events:
                async for event in events:
                    yield event

    async def _order(self, spec: TrainingSpec, entry: Checkpoint, known: Known, folder: Path) -> Order:
        name = called(spec.trigger, spec.class_prompt)
        lessons = []
        for number, image in enumerate(spec.images):
            file = f"{number}.picture"
            await asyncio.to_thread((folder / file).write_bytes, await self._open_file(image.file))
            lessons.append(Lesson(file=file, caption=image.caption or TEMPLATE.format(name=name)))
        resume = ""
        if known.latents is not None:
            resume = "resume.safetensors"
            await asyncio.to_thread((folder / resume).write_bytes, known.latents.data)
        settings = self._settings
        device = settings.training_device if settings.training_device != "auto" else settings.devices[0]
        device = device.split(",")[0]  # of several engines the first one's
        prior = min(MOST_PRIOR, PRIOR_FOR_EACH * len(lessons)) if spec.prior_preservation else 0
        judge = self._encoders.folder_for(spec.model)
        return Order(
            folder=str(folder),
            lock=str(settings.training_dir / f"{device.replace(':', '-')}.lock"),
            source=str(self._shelf.folder(entry) or entry.source),
            family=entry.family,
            device=device,
            dtype=settings.dtype,
            lessons=tuple(lessons),
            trigger=spec.trigger,
            class_prompt=spec.class_prompt,
            base_model=spec.model,
            side=square(entry.model(), spec.resolution),
            rank=spec.rank,
            steps=spec.steps,
            learning_rate=spec.learning_rate,
            seed=spec.seed,
            sample_steps=min(SAMPLE_STEPS, entry.steps),
            guidance=entry.guidance,
            variant="" if entry.is_folder else entry.variant or "",
            starter=entry.key == STARTER_KEY,
            prior=prior,
            threads=settings.training_threads,
            resume=resume,
            judge=str(judge) if judge is not None else "",
            save_seconds=settings.training_save_seconds,
        )


async def _events(order: Order, spec: TrainingSpec, live: Live) -> AsyncGenerator[Event, None]:
    """Start the child, tell it the order, and turn what it says into events; it is gone when this ends."""
    diary = order.path("log")
    with diary.open("wb") as errors:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-B", "-c", PROGRAM, str(ROOT)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            cwd=order.folder,
            start_new_session=True,  # Ctrl-C in a terminal is the server's business
            limit=LONGEST_LINE,
        )
    try:
        assert child.stdin is not None and child.stdout is not None  # noqa: PT018 - both were asked for
        child.stdin.write(order.line())
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its end is told below
            await child.stdin.drain()
        while line := await child.stdout.readline():
            event = await _understood(json.loads(line), order, spec, live)
            if event is not None:
                yield event
            if isinstance(event, AdapterMade | Failed):
                return
        yield _died(await child.wait(), diary)
    finally:
        await _to_its_end(asyncio.create_task(_ended(child)))


async def _to_its_end(task: "asyncio.Task[None]") -> None:
    """Wait for a task whatever happens to the caller, who is cancelled after it."""
    canceled = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            canceled = error
    if canceled is not None:
        raise canceled
    task.result()


async def _ended(child: asyncio.subprocess.Process) -> None:
    """Close its input, which ends it; make sure."""
    if child.stdin is not None:
        child.stdin.close()
    with contextlib.suppress(ProcessLookupError):
        child.kill()
    await asyncio.wait_for(child.wait(), DYING_SECONDS)


async def _understood(told: dict[str, Any], order: Order, spec: TrainingSpec, live: Live) -> Event | None:
    match told["event"]:
        case "phase":
            live.report(Stepped(phase=Phase(told["phase"])))
        case "step":
            live.report(
                Stepped(phase=Phase.TRAINING, step=told["step"], steps=told["steps"], loss=told["loss"])
            )
        case "saved":
            return LatentsSaved(data=await _taken(order, told["file"]), step=told["step"], steps=order.steps)
        case "sample":
            return SampleMade(
                data=await _taken(order, told["file"]), media_type="image/webp", step=told["step"]
            )
        case "failed":
            return Failed(
                kind=FailureKind(told["kind"]), words=told["words"], retryable=bool(told.get("retryable"))
            )
        case "done":
            return AdapterMade(
                data=await _taken(order, told["file"]),
                rank=spec.rank,
                model=spec.model,
                parameters=_parameters(spec, order, told),
            )
        case other:
            raise ValueError(f"The trainer said {other!r}.")
    return None


def _parameters(spec: TrainingSpec, order: Order, told: dict[str, Any]) -> dict[str, Any]:
    asked = {
        "steps": spec.steps,
        "learningRate": spec.learning_rate,
        "resolution": order.side,
        "priorPreservation": spec.prior_preservation,
        "classPrompt": spec.class_prompt,
        "seed": spec.seed,
    }
    return asked | {"chosenStep": told["step"], "judgedBy": told["judged_by"], "scores": told["scores"]}


async def _taken(order: Order, file: str) -> bytes:
    """A file that the child has left, once."""

    def take() -> bytes:
        data = order.path(file).read_bytes()
        order.path(file).unlink()
        return data

    return await asyncio.to_thread(take)


def _died(status: int, diary: Path) -> Failed:
    """What an end without a word means: killed from outside, most often, and worth going on from where it stood."""
    end = diary.read_bytes()[-2000:].decode(errors="replace")
    log.warning("a trainer ended without a word", status=status, said=end)
    words = f"The trainer's process ended by itself (status {status})."
    if status < 0:
        words = f"The trainer's process was killed (signal {-status}), most often for want of memory."
    return Failed(kind=FailureKind.INTERNAL, words=words, retryable=True)
