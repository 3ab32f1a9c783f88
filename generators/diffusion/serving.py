"""One interface for an engine in a thread, in a process of its own, and for several of them. Imports no torch."""

import dataclasses
import itertools
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Protocol

from generators.diffusion.asks import Ask
from generators.diffusion.checkpoints import Shelf
from generators.diffusion.devices import several_gpus, visible_gpus
from generators.diffusion.engine import Engine, EngineState
from generators.diffusion.remote import ProcessEngine
from generators.diffusion.reserving import Reservation
from generators.diffusion.runs import Post, Run
from generators.diffusion.settings import DiffusionSettings
from generators.generator import Live


class Serving(Protocol):
    """What the generator needs of an engine; see `Engine`."""

    def start(self) -> None:
        """Begin to make ready in the background."""
        ...

    def submit(self, ask: Ask, live: Live, post: Post) -> Run:
        """Take a request."""
        ...

    def cancel(self, run: Run) -> None:
        """Drop it at the next step boundary."""
        ...

    def reserve(self, *, exclusively: bool, elsewhere: bool) -> Reservation:
        """Make way for a trainer."""
        ...

    def close(self) -> None:
        """End it; waits."""
        ...

    def state(self) -> EngineState:
        """What it is doing."""
        ...


def engines(settings: DiffusionSettings, shelf: Shelf) -> Serving:
    """As the settings say: ENGINE=thread or process; one engine for each device, of DEVICE or of all GPUs."""
    kind: Callable[[DiffusionSettings, Shelf], Serving] = (
        ProcessEngine if settings.engine == "process" else Engine
    )

    def on(device: str) -> Serving:
        return kind(dataclasses.replace(settings, device=device), shelf)

    made = [on(device) for device in settings.devices]
    if settings.devices == ("auto",) and several_gpus():
        return Fleet(made, lambda: [on(f"cuda:{number}") for number in range(1, visible_gpus())])
    return made[0] if len(made) == 1 else Fleet(made)


class Fleet:
    """Several engines, one per device. A request goes where its checkpoint is loaded, else to the least busy one."""

    def __init__(
        self, engines: Sequence[Serving], more: Callable[[], Sequence[Serving]] | None = None
    ) -> None:
        """`more` finds further engines once it is started, in the background. Raises ValueError without engines."""
        if not engines:
            raise ValueError("DEVICE names no device.")
        self._engines = tuple(engines)
        self._more = more
        self._growing: threading.Thread | None = None
        self._closed = False
        self._lock = threading.Lock()
        self._turn = itertools.count()
        self._homes: weakref.WeakKeyDictionary[Run, Serving] = weakref.WeakKeyDictionary()

    def start(self) -> None:
        """See `Serving`."""
        for engine in self._engines:
            engine.start()
        with self._lock:
            more, self._more = self._more, None
        if more is not None:
            self._growing = threading.Thread(target=self._grow, args=(more,), name="likeness-devices")
            self._growing.start()

    def _grow(self, more: Callable[[], Sequence[Serving]]) -> None:
        for engine in more():
            with self._lock:
                if self._closed:
                    return
                engine.start()
                self._engines = (*self._engines, engine)

    def submit(self, ask: Ask, live: Live, post: Post) -> Run:
        """See `Serving`."""
        with self._lock:
            first = next(self._turn)
            ranked = sorted(
                enumerate(self._engines),
                key=lambda pair: (*_burden(pair[1].state(), ask), (pair[0] - first) % len(self._engines)),
            )
        engine = ranked[0][1]
        run = engine.submit(ask, live, post)
        self._homes[run] = engine
        return run

    def cancel(self, run: Run) -> None:
        """See `Serving`."""
        home = self._homes.get(run)
        if home is not None:
            home.cancel(run)

    def reserve(self, *, exclusively: bool, elsewhere: bool) -> Reservation:
        """See `Serving`; the first device is the trainers'."""
        return self._engines[0].reserve(exclusively=exclusively, elsewhere=elsewhere)

    def close(self) -> None:
        """See `Serving`."""
        with self._lock:
            self._closed = True
        if self._growing is not None:
            self._growing.join()
        for engine in self._engines:
            engine.close()

    def state(self) -> EngineState:
        """All together."""
        states = [engine.state() for engine in self._engines]
        return EngineState(
            preparing=sum(state.preparing for state in states),
            ready=sum(state.ready for state in states),
            finishing=sum(state.finishing for state in states),
            loaded=tuple(dict.fromkeys(key for state in states for key in state.loaded)),
            device="; ".join(state.device for state in states if state.device) or None,
            forwards=sum(state.forwards for state in states),
            rows=sum(state.rows for state in states),
        )


def _burden(state: EngineState, ask: Ask) -> tuple[int, int]:
    """Less is better: work beyond a few requests outweighs a load."""
    busy = state.preparing + state.ready
    return busy // 4, 0 if ask.checkpoint in state.loaded else 1 + busy
