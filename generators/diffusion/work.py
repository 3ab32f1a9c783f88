"""What the engine's threads do: admit, forward, save, preview, decode. Knows no queue; imports torch."""

import os
import time
from collections.abc import Callable, Hashable, Sequence

import torch
from PIL import Image

from generators.diffusion import loading, pictures, room, saving
from generators.diffusion.asks import Ask
from generators.diffusion.calling import in_known_words
from generators.diffusion.capacity import Curves
from generators.diffusion.checkpoints import Shelf
from generators.diffusion.devices import discover
from generators.diffusion.failures import BadAskError, let_go, out_of_memory
from generators.diffusion.families.family import State
from generators.diffusion.lanes import Lane, Lanes, wait
from generators.diffusion.made import image_made
from generators.diffusion.residents import Resident, Residents
from generators.diffusion.runs import Run
from generators.diffusion.settings import DiffusionSettings
from generators.diffusion.step_cache import StepCache, cacheable
from generators.diffusion.tuning import Tuning, denoiser_of
from generators.diffusion.warming import Trial
from generators.events import LatentsSaved, Phase, Previewed

CPU_ROWS = 8
GPU_ROWS = 32
GPU_WARM_UP = 30.0  # seconds
LEAST_TILE = 128  # pixels: smaller ones would show their seams
# For cuBLAS, which listens to nothing else: with several streams at work its products are repeatable in a workspace each only.
WORKSPACES = ("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


class Work:
    """The engine's hands. Each method is called by one thread only, named in its first words."""

    def __init__(self, settings: DiffusionSettings, shelf: Shelf) -> None:
        """Prepare thread. Imports are done; finds the device. Raises ValueError when it is not there."""
        os.environ.setdefault(*WORKSPACES)
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
        self._settings = settings
        self._shelf = shelf
        self.device = discover(device=settings.device, dtype=settings.dtype, threads=settings.threads)
        if self.device.kind == "cpu":
            torch.set_num_threads(self.device.threads)
        self.residents = Residents(
            shelf,
            self.device,
            Tuning.of(settings, self.device),
            limit=settings.max_resident,
            tile_beyond=settings.vae_tiling,
        )
        most = settings.max_rows or (CPU_ROWS if self.device.kind == "cpu" else GPU_ROWS)
        self._curves = Curves(most, settings.checkpoint_dir / "curves.json")
        self._lanes = Lanes(self.device)
        self.forwards = 0
        self.rows = 0

    def warm(self, wanted: Callable[[], bool]) -> None:
        """Prepare thread. Load the best checkpoint and try it out until its time is over or it is `wanted`."""
        best = self._shelf.best()
        if best is None:
            return
        with self._lanes.on(Lane.PREPARE):
            self._try_out(best.key, wanted)
            self._lanes.settle()

    def _try_out(self, key: str, wanted: Callable[[], bool]) -> None:
        try:
            resident = self.residents.take(key)
        except Exception:  # noqa: BLE001 - the shelf remembers the reason, the first request gets it
            return
        seconds = self._settings.warm_up_seconds
        if seconds is None:
            seconds = GPU_WARM_UP if self.device.kind in ("cuda", "rocm") else 0.0
        end = time.monotonic() + seconds
        try:
            trial = Trial(resident, self._curves, self._kind, self._timed)
            trial.run(lambda: wanted() or time.monotonic() >= end)
        finally:
            self.residents.release(resident)

    def _timed(self, forward: Callable[[], object]) -> float:
        """Seconds that it takes, the device waited for."""
        self._lanes.settle()
        begun = self._clock()
        forward()
        self._lanes.settle()
        return self._clock() - begun

    def free_memory(self) -> int | None:
        """Any thread. Bytes free on the device now; None where it cannot tell."""
        return room.free(self.device)

    @torch.no_grad()
    def admit(self, run: Run) -> None:
        """Prepare thread. Load, encode, and take up where an earlier run stood."""
        with self._lanes.on(Lane.PREPARE):
            self._admit(run)
            self._lanes.settle()

    def _admit(self, run: Run) -> None:
        if run.ask.checkpoint not in self.residents:
            run.tell(Phase.LOADING_MODEL)
        run.resident = self.residents.take(run.ask.checkpoint)
        if run.canceled:
            return
        run.tell(Phase.ENCODING)
        run.begun = time.monotonic()
        state = self._encoded(run.resident, run.ask)
        if run.ask.latents is not None and saving.restore(state, run.ask.latents, run.ask.fingerprint):
            run.saved_step = state.index
        run.saved_time = time.monotonic()
        self._remember(run, state)
        self._lanes.lend(state.latents, Lane.DENOISE)  # its first step lets go of them
        run.state = state

    def _remember(self, run: Run, state: State) -> None:
        """A step cache, where one is wanted and the checkpoint can have it; then it runs alone."""
        threshold = self._settings.step_cache
        if threshold > 0 and not run.ask.exact and cacheable(denoiser_of(_resident(run).pipeline)):
            state.cache = StepCache(threshold)
            state.notes["stepCache"] = threshold
            run.alone = True

    def _encoded(self, resident: Resident, ask: Ask) -> State:
        understood, notes = in_known_words(ask, resident.words)
        try:
            state = resident.family.encode(resident.pipeline, understood, resident.wardrobe.attach(ask))
        except ValueError as error:
            raise BadAskError(str(error)) from error
        except Exception as error:
            if not out_of_memory(error) or not self.residents.make_room():
                raise
            let_go(error)
            state = resident.family.encode(resident.pipeline, understood, resident.wardrobe.attach(ask))
        state.notes |= notes
        return state

    def cap(self, share: Hashable) -> int:
        """Denoise thread. Most rows of a forward of that kind (one that runs alone has no limit but its own)."""
        return self._curves.cap(self._kind(share))

    def _kind(self, share: Hashable) -> Hashable:
        return (self.device.name, self.device.dtype, self.device.threads, share)

    @torch.no_grad()
    def forward(self, runs: Sequence[Run]) -> dict[Run, BaseException]:
        """Denoise thread. One step for each; those that failed, with why. The others are not touched by it."""
        failures: dict[Run, BaseException] = {}
        going = [run for run in runs if not (run.state and run.state.done)]
        if not going:
            return failures
        with self._lanes.on(Lane.DENOISE):
            for run, prediction in self._predict(going, failures):
                try:
                    self._step(run, prediction)
                except Exception as error:  # noqa: BLE001 - it is this run's own
                    failures[run] = error
            mark = self._lanes.paced()
        for run in going:
            run.mark = mark
        return failures

    def _predict(self, runs: list[Run], failures: dict[Run, BaseException]) -> list[tuple[Run, torch.Tensor]]:
        resident = _resident(runs[0])
        states = [_state(run) for run in runs]
        rows = sum(state.rows for state in states)
        try:
            with resident.compiled.running(allowed=all(_plain(state) for state in states)):
                predictions = self._measured(
                    (resident.entry.key, states[0].share),
                    rows,
                    lambda: resident.family.denoise(resident.pipeline, states),
                )
        except Exception as error:  # noqa: BLE001 - sorted out below
            return self._second_try(runs, error, failures)
        self.forwards += 1
        self.rows += rows
        return list(zip(runs, predictions, strict=True))

    def _measured(
        self, share: Hashable, rows: int, forward: Callable[[], list[torch.Tensor]]
    ) -> list[torch.Tensor]:
        """The forward, timed while its row count is still being judged: a GPU must be waited for."""
        kind = self._kind(share)
        if not self._curves.learning(kind, rows):
            return forward()
        made: list[torch.Tensor] = []
        self._curves.measured(kind, rows, self._timed(lambda: made.extend(forward())))
        return made

    def _clock(self) -> float:
        """Seconds: on a CPU those that this thread had it, so that a busy machine does not teach nonsense."""
        return time.thread_time() if self.device.kind == "cpu" else time.perf_counter()

    def _second_try(
        self, runs: list[Run], error: Exception, failures: dict[Run, BaseException]
    ) -> list[tuple[Run, torch.Tensor]]:
        """Smaller after too little memory, else one by one to find the guilty; a denoise changes no state."""
        for cache in [state.cache for state in map(_state, runs) if state.cache is not None]:
            cache.forget()
        short = out_of_memory(error)
        if short:
            let_go(error)
            self.residents.make_room()
            share = (_resident(runs[0]).entry.key, _state(runs[0]).share)
            self._curves.limit(self._kind(share), sum(_state(run).rows for run in runs) // 2)
        if len(runs) == 1:
            if not short or runs[0].retried:
                failures[runs[0]] = error
                return []
            runs[0].retried = True
            return self._predict(runs, failures)
        half = len(runs) // 2 if short else 1
        parts = (runs[:half], runs[half:]) if short else tuple([run] for run in runs)
        return [pair for part in parts for pair in self._predict(list(part), failures)]

    def _step(self, run: Run, prediction: torch.Tensor) -> None:
        state = _state(run)
        watched = not run.previewing and not run.canceled and run.live.preview_wanted()
        estimate = _resident(run).family.step(state, prediction, estimate=watched)
        if estimate is not None:
            run.previewing = True
            run.estimate = (estimate, state.index)

    def save_due(self, run: Run) -> bool:
        """Denoise thread. Whether enough steps and seconds have passed since the last save."""
        every = self._settings.save_every_steps
        if not every or not run.savable or _state(run).index - run.saved_step < every:
            return False
        return time.monotonic() - run.saved_time >= self._settings.save_every_seconds

    def save(self, run: Run) -> Callable[[], None] | None:
        """Denoise thread. Copy the state; what is returned packs and posts it, on the pack thread."""
        state = _state(run)
        try:
            with self._lanes.on(Lane.DENOISE):
                snapshot = saving.capture(state)
                mark = self._lanes.mark()
        except saving.UnsavableError:
            run.savable = False
            return None
        run.saved_step, run.saved_time = state.index, time.monotonic()
        steps = len(state.timesteps)

        def pack() -> None:
            wait(mark)
            with self._lanes.on(Lane.PACK):
                data = saving.pack(snapshot, run.ask.fingerprint)
            if not run.canceled:
                run.post(LatentsSaved(data=data, step=snapshot.index, steps=steps))

        return pack

    def preview(self, run: Run) -> Callable[[], None] | None:
        """Denoise thread. What is returned makes the preview of the last step, on the pack thread."""
        if run.estimate is None:
            return None
        estimate, step = run.estimate
        run.estimate = None
        resident, mark = _resident(run), run.mark

        def show() -> None:
            try:
                if run.canceled:
                    return
                wait(mark)
                with self._lanes.on(Lane.PACK):
                    data, (width, height) = _looked_at(resident, estimate, sharp=run.live.sharp_wanted())
                run.live.report(
                    Previewed(data=data, media_type="image/webp", width=width, height=height, step=step)
                )
            finally:
                run.previewing = False

        return show

    @torch.no_grad()
    def decode(self, run: Run) -> Callable[[], None]:
        """Decode thread. Latents to a picture; what is returned encodes and posts it, on the pack thread."""
        wait(run.mark)
        run.tell(Phase.DECODING)
        with self._lanes.on(Lane.DECODE):
            picture = self._picture(run)

        def pack() -> None:
            run.tell(Phase.SAVING)
            whole = _with_what_stays(picture, run.ask)
            run.show(pictures.unpacked(whole), whole.size)
            made = image_made(run, pictures.png(whole), whole.size, self.device)
            self.release(run)  # who hears of the end and asks for another checkpoint finds this one idle
            run.end(made)

        return pack

    def _picture(self, run: Run) -> Image.Image:
        state, resident = _state(run), _resident(run)
        if not bool(torch.isfinite(state.latents).all()):
            raise ArithmeticError("the numbers left the range of " + str(state.latents.dtype))
        side = max(state.width, state.height)
        picture = self._decoded(run, last=False)
        try:
            while picture is None:
                side //= 2
                loading.tile(resident.pipeline, side)
                state.notes["decodedInTiles"] = True
                picture = self._decoded(run, last=side <= LEAST_TILE)
        finally:
            loading.tile(resident.pipeline, self._settings.vae_tiling)
        return picture

    def _decoded(self, run: Run, *, last: bool) -> Image.Image | None:
        """None = memory was short, and it is worth another try."""
        state, resident = _state(run), _resident(run)
        try:
            return resident.family.decode(resident.pipeline, state.latents, (state.width, state.height))
        except Exception as error:
            if last or not out_of_memory(error):
                raise
            let_go(error)
        self.residents.make_room()
        return None

    def release(self, run: Run) -> None:
        """Any thread. Let go of what the run holds, once the device does not read it any more."""
        wait(run.mark)
        if run.resident is not None:
            self.residents.release(run.resident)
            run.resident = None
        run.state = None


def _state(run: Run) -> State:
    assert run.state is not None
    return run.state


def _resident(run: Run) -> Resident:
    assert run.resident is not None
    return run.resident


def _looked_at(resident: Resident, estimate: torch.Tensor, *, sharp: bool) -> tuple[bytes, tuple[int, int]]:
    """A preview's bytes and size: `sharp` by the tiny autoencoder where there is one, else by the linear map."""
    tiny = resident.sharpened() if sharp else resident.sharp
    if tiny is not None:
        return pictures.webp(tiny(estimate))
    if resident.look is None:
        with torch.no_grad():
            resident.look = resident.family.look(resident.pipeline)
    return pictures.preview(estimate, *resident.look)


def _with_what_stays(picture: Image.Image, ask: Ask) -> Image.Image:
    """The VAE gives back what it was shown only nearly; what a mask keeps comes from the initial picture itself."""
    if ask.mask is None or ask.init_image is None:
        return picture
    return pictures.laid_back(picture, ask.init_image, ask.mask)


def _plain(state: State) -> bool:
    """Whether compiled blocks may compute it; see compiled.py."""
    return not (state.exact or state.attached.loras or state.attached.reference or state.cache)
