"""Slow imports in a thread that nobody has to wait for: torch takes seconds, from a slow disk minutes, and no import can
be interrupted. Imports nothing that is slow itself.
"""

import contextlib
import gc
import threading
from collections.abc import Callable, Iterator

NAME = "likeness-import"


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Load modules in the block: all that is made meanwhile stays, so looking for garbage among it finds none. What is
    there at its end is never looked through again, which also spares the event loop the longest pauses.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def imported(modules: Callable[[], None], wake: threading.Condition, given_up: Callable[[], bool]) -> bool:
    """Call `modules`, which imports them, in a thread of its own and wait; False when `given_up` before its end.

    Whoever changes what `given_up` says notifies `wake`. Raises what the imports raise.
    """
    ended: list[BaseException | None] = []

    def work() -> None:
        error: BaseException | None = None
        try:
            with uncollected():
                modules()
        except BaseException as raised:  # noqa: BLE001 - raised again by the one who waits
            error = raised
        with wake:
            ended.append(error)
            wake.notify_all()

    threading.Thread(target=work, name=NAME, daemon=True).start()
    with wake:
        while not ended and not given_up():
            wake.wait()
    if ended and ended[0] is not None:
        raise ended[0]
    return bool(ended)


def importing() -> bool:
    """Whether such a thread still runs. Python must not be taken down then, only ended: libraries are half loaded."""
    return any(thread.name == NAME for thread in threading.enumerate())
