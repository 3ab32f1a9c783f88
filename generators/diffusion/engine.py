"""The step engine: requests join and leave one shared denoising loop at step boundaries.

Four threads, each the only one to do its work: `prepare` loads checkpoints, tokenizes and encodes (so neither
stalls the steps of others), `denoise` owns the networks of the loop and every scheduler, `decode` owns the
VAE's decoder, `pack` makes PNG, WebP and saved states. Knows no event loop, no database and no user.
See docs/decisions/003-step-engine.md.
"""

import concurrent.futures
import dataclasses
import itertools
import sys
import threading
from collections.abc import Callable, Hashable
from functools import partial
from typing import TYPE_CHECKING

import structlog

from generators.diffusion.asks import Ask
from generators.diffusion.checkpoints import Shelf
from generators.diffusion.failures import NoRoomError
from generators.diffusion.importing import imported
from generators.diffusion.reserving import Reservation
from generators.diffusion.runs import Post, Run
from generators.diffusion.settings import DiffusionSettings
from generators.diffusion.turns import Turn, Turns
from generators.events import Phase
from generators.generator import Live

log = structlog.get_logger(__name__)

if TYPE_CHECKING:
    from generators.diffusion.work import Work

MAKING_WAY_SECONDS = 0.1  # how often it is looked whether the runs before a trainer are over


@dataclasses.dataclass(frozen=True, kw_only=True)
class EngineState:
    """What the engine is doing now: requests per stage, loaded checkpoints, the device in words."""

    preparing: int
    ready: int
    finishing: int
    loaded: tuple[str, ...]
    device: str | None
    forwards: int
    rows: int


class Engine:
    """One device's engine. Every public method may be called from any thread and returns at once."""

    def __init__(
        self, settings: DiffusionSettings, shelf: Shelf, on_broken: Callable[[], None] = lambda: None
    ) -> None:
        """`on_broken` is called when the device is gone, before anybody is told."""
        self._settings = settings
        self._shelf = shelf
        self._on_broken = on_broken
        self._wake = threading.Condition()
        self._ready: list[Run] = []
        self._open: dict[int, Run] = {}
        self._parked: list[Run] = []
        self._preparing = 0
        self._finishing = 0
        self._numbers = itertools.count()
        self._turns = Turns()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._prepare = _pool("prepare")
        self._decode = _pool("decode")
        self._pack = _pool("pack")
        self._work: Work | None = None
        self._broken: BaseException | None = None
        self._lent: set[Reservation] = set()
        self._beside: list[
            Reservation
        ] = []  # trainers on this device, beside which smaller forwards are made

    def start(self) -> None:
        """Import torch, find the device and load the best checkpoint, all in the background."""
        if self._thread is not None:
            return
        if self._settings.switch_interval:
            sys.setswitchinterval(self._settings.switch_interval)
        self._thread = threading.Thread(target=self._serve, name="likeness-denoise", daemon=True)
        self._prepare.submit(self._warm)
        self._thread.start()

    def submit(self, ask: Ask, live: Live, post: Post) -> Run:
        """Take a request; its final event goes to `post` unless it is canceled."""
        self.start()
        run = Run(ask=ask, live=live, post=post, number=next(self._numbers), alone=ask.exact)
        with self._wake:
            if self._closed:
                raise RuntimeError("The engine is closed.")
            self._open[run.number] = run
            self._preparing += 1
        self._prepare.submit(self._admit, run)
        return run

    def cancel(self, run: Run) -> None:
        """Drop a request at the next step boundary; nothing of it is posted after this call. Idempotent."""
        run.cancel()
        with self._wake:
            self._wake.notify_all()

    def reserve(self, *, exclusively: bool, elsewhere: bool) -> Reservation:
        """Make way for a trainer: unload what is idle, on an accelerator; `elsewhere` = it uses another device.

        `exclusively`: what runs is finished first, then everything is unloaded, and new requests wait.
        """
        reservation = Reservation()
        with self._wake:
            if self._closed or self._thread is None or (elsewhere and not exclusively):
                reservation.granted(None)
                return reservation
            self._lent.add(reservation)
        self._prepare.submit(self._make_way, reservation, exclusively)
        return reservation

    def close(self) -> None:
        """Cancel everything and end the threads; waits for the step or load that is running, for no import."""
        with self._wake:
            self._closed = True
            for run in self._open.values():
                run.cancel()
            for reservation in (*self._lent, *self._beside):
                reservation.end()
            self._wake.notify_all()
        for pool in (self._prepare, self._decode, self._pack):
            pool.shutdown(wait=True, cancel_futures=True)
        if self._thread is not None:
            self._thread.join()

    def state(self) -> EngineState:
        """A look from outside, for metrics and `doctor`."""
        work = self._work
        with self._wake:
            return EngineState(
                preparing=self._preparing,
                ready=len(self._ready),
                finishing=self._finishing,
                loaded=tuple(work.residents.keys()) if work else (),
                device=work.device.describe() if work else None,
                forwards=work.forwards if work else 0,
                rows=work.rows if work else 0,
            )

    # ---- prepare thread

    def _warm(self) -> None:
        try:
            if not imported(_modules, self._wake, lambda: self._closed):
                return
            from generators.diffusion.work import Work

            self._work = Work(self._settings, self._shelf)
            self._work.warm(lambda: self._closed or self._preparing > 0)
        except Exception as error:  # noqa: BLE001 - kept, and told to every request
            self._broken = error

    def _admit(self, run: Run) -> None:
        ready = False
        try:
            if not run.canceled:
                self._hands().admit(run)
                ready = not run.canceled
        except NoRoomError as error:
            if error.busy:
                self._park(run)
                return
            self._fail(run, error)
        except Exception as error:  # noqa: BLE001 - becomes the run's Failed
            self._fail(run, error)
        with self._wake:
            self._preparing -= 1
            if ready:
                self._ready.append(run)
                self._wake.notify_all()
        if not ready:
            self._leave(run)

    def _fail(self, run: Run, error: BaseException) -> None:
        run.fail(error, free=self._work.free_memory() if self._work is not None else None)

    def _park(self, run: Run) -> None:
        """Let it wait until another request leaves, which may free its checkpoint's memory."""
        with self._wake:
            waits = any(other is not run and other not in self._parked for other in self._open.values())
            if waits:
                self._parked.append(run)
        if not waits:  # the last one has just left: now it fits, or never will
            self._hand_over(self._prepare, partial(self._admit, run))

    def _make_way(self, reservation: Reservation, exclusively: bool) -> None:
        """Admission waits behind it, as it runs on this thread too."""
        work = self._work
        if work is not None and (exclusively or work.device.kind != "cpu"):
            with self._wake:
                while exclusively and (self._ready or self._finishing) and not reservation.over:
                    self._wake.wait(MAKING_WAY_SECONDS)
            work.residents.make_room()
            reservation.granted(work.free_memory())
            if exclusively:
                reservation.wait()
            self._beside.append(reservation)
        reservation.granted(None)
        with self._wake:
            self._lent.discard(reservation)

    def _hands(self) -> "Work":
        if self._work is None or self._broken is not None:
            raise self._broken or RuntimeError("The engine did not start.")
        return self._work

    # ---- denoise thread

    def _serve(self) -> None:
        try:
            self._loop()
        except Exception as error:  # noqa: BLE001 - the device is gone: told to everybody, now and from now on
            self._on_broken()
            with self._wake:
                self._broken, left = error, list(self._open.values())
            for run in left:
                run.fail(error)

    def _loop(self) -> None:
        while True:
            with self._wake:
                while not self._closed and not self._ready:
                    self._wake.wait()
                gone = [run for run in self._ready if run.canceled]
                self._ready = [run for run in self._ready if not run.canceled]
                ready = list(self._ready)
                closed = self._closed
            for run in gone:
                self._leave(run)
            if closed:
                return
            if ready:
                self._tick(ready)

    def _tick(self, ready: list[Run]) -> None:
        work = self._work
        assert work is not None  # nothing becomes ready before there is one
        by_number = {run.number: run for run in ready}
        chosen = self._turns.choose([turn_of(run) for run in ready], self._cap)
        runs = [by_number[turn.number] for turn in chosen]
        for run in ready:
            run.waited += 1
        for run, error in work.forward(runs).items():
            self._give_up(run, error)
        for run in runs:
            try:
                self._after_step(run)
            except Exception as error:  # noqa: BLE001 - becomes the run's Failed; the others go on
                self._give_up(run, error)

    def _give_up(self, run: Run, error: BaseException) -> None:
        self._drop(run)
        self._fail(run, error)
        self._leave(run)

    def _cap(self, share: Hashable) -> int:
        """Most rows of a forward: half as many while a trainer needs memory on this device too."""
        work = self._work
        assert work is not None
        self._beside = [one for one in self._beside if not one.over]
        return max(1, work.cap(share) // 2) if self._beside else work.cap(share)

    def _after_step(self, run: Run) -> None:
        work, state = self._work, run.state
        if work is None or state is None or run.number not in self._open:
            return
        run.waited = 0
        if run.canceled:
            return  # the loop drops it before the next forward
        run.tell(Phase.DENOISING)
        self._hand_over(self._pack, work.preview(run))
        if not state.done:
            if work.save_due(run):
                self._hand_over(self._pack, work.save(run))
            return
        self._drop(run)
        with self._wake:
            self._finishing += 1
        self._hand_over(self._decode, lambda: self._finish(run))

    def _drop(self, run: Run) -> None:
        with self._wake:
            self._ready = [other for other in self._ready if other is not run]

    # ---- decode and pack threads

    def _finish(self, run: Run) -> None:
        pack: Callable[[], None] | None = None
        try:
            if self._work is not None and not run.canceled:
                pack = self._work.decode(run)
        except Exception as error:  # noqa: BLE001 - becomes the run's Failed
            self._fail(run, error)
        if pack is None or not self._hand_over(self._pack, lambda: self._packed(run, pack)):
            self._finished(run)

    def _packed(self, run: Run, pack: Callable[[], None]) -> None:
        try:
            if not run.canceled:
                pack()
        except Exception as error:  # noqa: BLE001 - becomes the run's Failed
            self._fail(run, error)
        self._finished(run)

    def _finished(self, run: Run) -> None:
        with self._wake:
            self._finishing -= 1
        self._leave(run)

    def _hand_over(self, pool: concurrent.futures.Executor, task: Callable[[], None] | None) -> bool:
        if task is None:
            return False
        try:
            pool.submit(task).add_done_callback(_told)
        except RuntimeError:  # the pool is shut down: the engine is closing and everything was canceled
            return False
        return True

    def _leave(self, run: Run) -> None:
        with self._wake:
            known = self._open.pop(run.number, None)
            parked, self._parked = self._parked, []
        if known is not None and self._work is not None:
            self._work.release(run)
        for other in parked:
            self._hand_over(self._prepare, partial(self._admit, other))


def _modules() -> None:
    from generators.diffusion import loading

    loading.quiet()  # before the imports that talk
    import generators.diffusion.work  # noqa: F401 - for the sake of its imports


def _told(done: "concurrent.futures.Future[None]") -> None:
    """A preview or a save that failed harms no picture, but must not fail in silence."""
    error = None if done.cancelled() else done.exception()
    if error is not None:
        log.error("work beside the denoising failed", exc_info=error)


def _pool(name: str) -> concurrent.futures.ThreadPoolExecutor:
    return concurrent.futures.ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"likeness-{name}")


def turn_of(run: Run) -> Turn:
    """A request as `Turns` sees it."""
    assert run.state is not None and run.resident is not None  # noqa: PT018 - both are set by admission
    share: tuple[object, ...] = (run.resident.entry.key, run.state.share)
    return Turn(
        number=run.number,
        owner=run.ask.owner,
        share=(*share, run.number) if run.alone else share,
        rows=run.state.rows,
        remaining=len(run.state.timesteps) - run.state.index,
        waited=run.waited,
    )
