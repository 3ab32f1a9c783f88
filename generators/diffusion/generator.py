"""The local generator: the bridge between an event loop and the step engine's threads.

Imports no torch; the engine does, in the background. Knows no database and no user.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

import structlog

from generators.catalog import Availability, Model
from generators.diffusion.asks import Ask
from generators.diffusion.calling import named
from generators.diffusion.checkpoints import Shelf
from generators.diffusion.conditioning import LostFileError, choose, opened, with_mask
from generators.diffusion.downloads import DownloadError, pull
from generators.diffusion.encoders import LikenessSettings, LocalEncoders
from generators.diffusion.engine import EngineState
from generators.diffusion.serving import engines
from generators.diffusion.settings import DiffusionSettings
from generators.diffusion.sizes import reduced
from generators.diffusion.training import Trainings
from generators.events import Downloaded, Event, Failed, FailureKind, ImageMade, LatentsSaved, Phase, Stepped
from generators.generator import Known, Live
from generators.spec import (
    Determinism,
    DownloadSpec,
    ImageSpec,
    OpenFile,
    Spec,
    TrainingSpec,
)

log = structlog.get_logger(__name__)
LET_ANSWER_SECONDS = 0.5  # the first callers, before torch is imported
NONE_AVAILABLE = "No local image generation models available"


class DiffusionGenerator:
    """Pictures from checkpoints on this machine, many requests in one forward."""

    def __init__(
        self, settings: DiffusionSettings, open_file: OpenFile, likeness: LikenessSettings | None = None
    ) -> None:
        """Touches neither device nor weights; `likeness` chooses the encoder that trainings are judged by.

        Raises:
            ValueError: two checkpoints share a key.
        """
        self._open_file = open_file
        self._settings = settings
        self.shelf = Shelf(settings)
        self.engine = engines(settings, self.shelf)
        self._starting: asyncio.TimerHandle | None = None
        encoders = LocalEncoders(likeness or LikenessSettings(), self.shelf)
        self._trainings = Trainings(settings, encoders, self.engine, open_file)

    def models(self) -> Sequence[Model]:
        """The local checkpoints, best first, then the networks beside them."""
        extras = {extra.key: extra.model() for extra in reversed(self.shelf.extras())}
        return [*(entry.model() for entry in self.shelf.checkpoints()), *extras.values()]

    def availability(self, key: str) -> Availability:
        """Whether the checkpoint lies on disk, complete and of a kind that the engine runs."""
        return self.shelf.availability(key)

    def not_downloadable(self, key: str) -> str | None:
        """Why there is nothing to bring for that checkpoint; None = it can be brought."""
        entry = self.shelf.get(key) or self.shelf.network(key)
        if entry is None:
            return f"No local checkpoint has the key {key!r}."
        if entry.is_folder:
            return f"{entry.name} is a folder of this server; there is nothing to download."
        return f"{entry.name} is here already." if self.shelf.availability(key).available else None

    def best_model(self) -> Model | None:
        """The highest in rank that can be used now; None = `unavailable_words` says why."""
        best = self.shelf.best()
        return best.model() if best else None

    def unavailable_words(self) -> str:
        """The refusal when there is none, with each checkpoint's reason."""
        reasons = [(entry.key, self.shelf.availability(entry.key)) for entry in self.shelf.checkpoints()]
        told = "; ".join(f"{key}: {state.reason}" for key, state in reasons if not state.available)
        return f"{NONE_AVAILABLE} ({told or 'none is configured'})"

    def engine_state(self) -> EngineState:
        """What the engine is doing now."""
        return self.engine.state()

    async def start(self) -> None:
        """Import torch and load the best checkpoint in the background: a moment later, or with the first picture.

        The import holds the interpreter for parts of a second, in which nobody could be answered.
        """
        await asyncio.to_thread(self._trainings.start)
        self._starting = asyncio.get_running_loop().call_later(LET_ANSWER_SECONDS, self.engine.start)

    async def close(self) -> None:
        """End the engine; waits for the step or load that is running, off the loop, and for no import."""
        if self._starting is not None:
            self._starting.cancel()
        await asyncio.to_thread(self.engine.close)

    async def run(self, spec: Spec, known: Known, live: Live) -> AsyncIterator[Event]:
        """Make one picture, train one adapter, or download one checkpoint.

        Yields `LatentsSaved` (the newest only, when the consumer is slow) and a final event.
        """
        if isinstance(spec, ImageSpec):
            events: AsyncGenerator[Event, None] = self._picture(spec, known, live)
        elif isinstance(spec, DownloadSpec):
            events = self._download(spec, live)
        elif isinstance(spec, TrainingSpec):
            events = self._trainings.run(spec, known, live)
        else:
            words = f"Local checkpoints do not make {type(spec).__name__}."
            yield Failed(kind=FailureKind.BAD_REQUEST, words=words)
            return
        async with contextlib.aclosing(events):
            async for event in events:
                yield event

    async def _picture(self, spec: ImageSpec, known: Known, live: Live) -> AsyncGenerator[Event, None]:
        state = self.availability(spec.model)
        entry = self.shelf.get(spec.model)
        if entry is None or not state.available:
            words = f"{NONE_AVAILABLE} ({spec.model}: {state.reason})"
            yield Failed(kind=FailureKind.NO_CHECKPOINT, words=words)
            return
        try:
            ask = await self._ask(spec, entry.model(), known)
        except LostFileError as lost:
            yield Failed(kind=FailureKind.BAD_REQUEST, words=str(lost))
            return
        async with contextlib.aclosing(self._events(ask, live)) as events:
            async for event in events:
                yield event

    async def _download(self, spec: DownloadSpec, live: Live) -> AsyncGenerator[Event, None]:
        """Steps are MiB."""
        size = 0
        try:
            async with contextlib.aclosing(pull(self.shelf, self._settings, spec.model)) as progress:
                async for now in progress:
                    size = now.total
                    live.report(Stepped(phase=Phase.DOWNLOADING, step=now.done >> 20, steps=now.total >> 20))
        except DownloadError as error:
            kind = FailureKind.PROVIDER_DOWN if error.retryable else FailureKind.NO_CHECKPOINT
            yield Failed(kind=kind, words=str(error), retryable=error.retryable)
            return
        yield Downloaded(model=spec.model, size=size)

    async def _events(self, ask: Ask, live: Live) -> AsyncGenerator[LatentsSaved | ImageMade | Failed, None]:
        loop = asyncio.get_running_loop()
        mailbox = Mailbox()

        def post(event: LatentsSaved | ImageMade | Failed) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
                loop.call_soon_threadsafe(mailbox.put, event)

        log.debug("drawing", checkpoint=ask.checkpoint, steps=ask.steps, resumed=ask.latents is not None)
        run = self.engine.submit(ask, live, post)
        try:
            while True:
                event = await mailbox.get()
                yield event
                if not isinstance(event, LatentsSaved):
                    return
        finally:
            self.engine.cancel(run)

    async def _ask(self, spec: ImageSpec, model: Model, known: Known) -> Ask:
        size, notes = reduced(model, spec.width, spec.height)
        chosen = choose(spec.conditioning, model, masked=spec.mask is not None)
        if chosen.skipped:
            notes["conditioningSkipped"] = [item.kind.value for item in chosen.skipped]
        guidance = spec.guidance if spec.guidance is not None else model.default_guidance
        ask = Ask(
            checkpoint=spec.model,
            prompt=spec.prompt,
            negative_prompt=spec.negative_prompt,
            width=size.width,
            height=size.height,
            steps=spec.steps,
            guidance=float(guidance or 0.0),
            seed=spec.seed,
            exact=spec.determinism is Determinism.EXACT,
            latents=known.latents.data if known.latents else None,
            owner=spec.owner_id,
            request=spec.request_id,
            used=chosen.used,
            notes=tuple(notes.items()),
        )
        ask = await opened(ask, chosen, self._open_file)
        if spec.mask is not None:
            ask = await with_mask(ask, spec.mask, self._open_file)
        return named(ask)


class Mailbox:
    """Events on their way to one consumer; only the newest saved state is kept. Used on the loop only."""

    def __init__(self) -> None:
        self._saved: LatentsSaved | None = None
        self._final: ImageMade | Failed | None = None
        self._filled = asyncio.Event()

    def put(self, event: LatentsSaved | ImageMade | Failed) -> None:
        """Leave an event; a final one makes saved states worthless."""
        if isinstance(event, LatentsSaved):
            self._saved = event
        elif self._final is None:
            self._final = event
        self._filled.set()

    async def get(self) -> LatentsSaved | ImageMade | Failed:
        """The final event if there is one, else the newest saved state; waits for either."""
        await self._filled.wait()
        if self._final is not None:
            return self._final
        self._filled.clear()
        saved, self._saved = self._saved, None
        assert saved is not None
        return saved
