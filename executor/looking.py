"""Quick looks of a picture, made while its generator is still packing it. Knows no database."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from generators.events import Drawn, ImageMade, Report
from generators.generator import Live
from store.files.quick_looks import Renditions

Render = Callable[[bytes], Awaitable[Renditions]]
Looks = Callable[[ImageMade], Awaitable[Renditions] | None]


def unseen(_made: ImageMade) -> None:
    """For a picture that nobody was shown before."""


class Looking:
    """The `Live` of one run: a drawn picture is looked at, all else goes on to `live`."""

    def __init__(self, live: Live, render: Render) -> None:
        """On the event loop. `render` makes the quick looks of a file. Close it with the run."""
        self._live = live
        self._render = render
        self._loop = asyncio.get_running_loop()
        self._drawn: tuple[int, int] | None = None
        self._looks: asyncio.Future[Renditions] | None = None
        self._closed = False

    def report(self, event: Report) -> None:
        """See Live. From any thread."""
        if not isinstance(event, Drawn):
            self._live.report(event)
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to look
            self._loop.call_soon_threadsafe(self._look, event)

    def preview_wanted(self) -> bool:
        """See Live. From any thread."""
        return self._live.preview_wanted()

    def sharp_wanted(self) -> bool:
        """See Live. From any thread."""
        return self._live.sharp_wanted()

    def looks(self, made: ImageMade) -> Awaitable[Renditions] | None:
        """Those of that picture, which may still be in the making; None = it was not shown before."""
        return self._looks if self._drawn == (made.facts.width, made.facts.height) else None

    def close(self) -> None:
        """The run is over: what nobody waited for is given up."""
        self._closed = True
        if self._looks is not None:
            self._looks.cancel()

    def _look(self, event: Drawn) -> None:
        if self._closed or self._looks is not None:
            return
        self._drawn = (event.width, event.height)
        self._looks = asyncio.ensure_future(self._render(event.data))
        self._looks.add_done_callback(_heard)


def _heard(done: asyncio.Future[Renditions]) -> None:
    """A failure is told to who waits for the looks; where nobody does, there is nothing to tell."""
    if not done.cancelled():
        done.exception()
