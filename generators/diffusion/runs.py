"""One request on its way through the engine. Knows no thread beyond one flag."""

import dataclasses
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from generators.diffusion.asks import Ask
from generators.diffusion.failures import failed
from generators.events import Drawn, Failed, FailureKind, ImageMade, LatentsSaved, Phase, Stepped
from generators.generator import Live

if TYPE_CHECKING:
    import torch

    from generators.diffusion.families.family import State
    from generators.diffusion.lanes import Mark
    from generators.diffusion.residents import Resident

log = structlog.get_logger(__name__)
Post = Callable[[LatentsSaved | ImageMade | Failed], None]


@dataclasses.dataclass(kw_only=True, eq=False)
class Run:
    """A request with its listeners.

    `post` takes durable events from any thread and never waits. `alone` = it is not put together with others:
    asked for. `waited` counts forwards without it. `estimate` waits to be shown. `mark` is behind its last step
    in the device's queue.
    """

    ask: Ask
    live: Live
    post: Post
    number: int
    resident: "Resident | None" = dataclasses.field(default=None, repr=False)
    state: "State | None" = dataclasses.field(default=None, repr=False)
    alone: bool = False
    waited: int = 0
    begun: float = dataclasses.field(default_factory=time.monotonic)
    saved_step: int = 0
    saved_time: float = dataclasses.field(default_factory=time.monotonic)
    savable: bool = True
    previewing: bool = False
    estimate: "tuple[torch.Tensor, int] | None" = None
    mark: "Mark" = None
    retried: bool = False
    _canceled: threading.Event = dataclasses.field(default_factory=threading.Event)

    def cancel(self) -> None:
        """From any thread; takes effect at the next step boundary."""
        self._canceled.set()

    @property
    def canceled(self) -> bool:
        """Whether nobody wants it any more; then nothing is posted either."""
        return self._canceled.is_set()

    def tell(self, phase: Phase) -> None:
        """Report where it stands."""
        if self.canceled:
            return
        state = self.state
        step, steps = (state.index, len(state.timesteps)) if state else (0, self.ask.steps)
        self.live.report(Stepped(phase=phase, step=step, steps=steps))

    def show(self, data: bytes, size: tuple[int, int]) -> None:
        """Give the finished picture away before it is packed, as PNG."""
        if not self.canceled:
            width, height = size
            self.live.report(Drawn(data=data, media_type="image/png", width=width, height=height))

    def end(self, event: ImageMade | Failed) -> None:
        """Post the final event, unless it was canceled."""
        if not self.canceled:
            self.post(event)

    def fail(self, error: BaseException, free: int | None = None) -> None:
        """Post why it failed, with the bytes `free` on the device; what nobody foresaw is logged, as only this thread has its traceback."""
        event = failed(error, size=(self.ask.width, self.ask.height), free=free)
        if event.kind is FailureKind.INTERNAL and not self.canceled:
            log.error(
                "the engine failed",
                request_id=self.ask.request,
                checkpoint=self.ask.checkpoint,
                exc_info=error,
            )
        self.end(event)
