"""Trying out a checkpoint before anybody asks: compiles its blocks, and measures what forwards of more rows cost.

Runs on the loading thread while no request waits, so it delays nobody by more than one forward.
"""

from collections.abc import Callable, Hashable

import structlog
import torch

from generators.diffusion.asks import Ask
from generators.diffusion.capacity import SAMPLES, Curves
from generators.diffusion.failures import let_go, out_of_memory
from generators.diffusion.families.family import State
from generators.diffusion.residents import Resident, free

log = structlog.get_logger(__name__)


class Trial:
    """Forwards of one, two, four ... rows at the checkpoint's own size, until more rows do not pay."""

    def __init__(
        self,
        resident: Resident,
        curves: Curves,
        kind: Callable[[Hashable], Hashable],
        timed: Callable[[Callable[[], object]], float],
    ) -> None:
        """`kind` names a forward's curve by what its rows share; `timed` gives the seconds of a forward."""
        self._resident = resident
        self._curves = curves
        self._kind = kind
        self._timed = timed

    @torch.no_grad()
    def run(self, over: Callable[[], bool]) -> None:
        """Measure until it is known, or `over`. A checkpoint that cannot do even this fails its first request."""
        if over():
            return
        try:
            state = self._state()
            self._measure(state, over)
        except Exception as error:  # noqa: BLE001 - nobody asked for it; whoever asks is told
            if self._resident.compiled:
                self._resident.compiled.give_up()
            log.warning("a trial of a checkpoint failed", key=self._resident.entry.key, error=repr(error))

    def _state(self) -> State:
        """A request of one row for one picture."""
        entry, resident = self._resident.entry, self._resident
        ask = Ask(
            checkpoint=entry.key,
            prompt="a portrait",
            width=entry.native.width,
            height=entry.native.height,
            steps=4,
            guidance=0.0,
            seed=0,
        )
        return resident.family.encode(resident.pipeline, ask, resident.wardrobe.attach(ask))

    def _measure(self, state: State, over: Callable[[], bool]) -> None:
        resident = self._resident
        key, rows = self._kind((resident.entry.key, state.share)), state.rows
        while rows <= self._curves.cap(key):
            for _ in range(SAMPLES):
                if over() or not self._curves.learning(key, rows):
                    break
                states = [state] * (rows // state.rows)
                try:
                    with resident.compiled.running(allowed=True):
                        seconds = self._timed(lambda: resident.family.denoise(resident.pipeline, states))  # noqa: B023 - called at once
                except Exception as error:
                    if not out_of_memory(error) or rows == state.rows:
                        raise
                    self._curves.limit(key, rows // 2)
                    let_go(error)
                    free()
                    return
                self._curves.measured(key, rows, seconds)
            if over():
                return
            rows *= 2
