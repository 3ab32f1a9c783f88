"""Makes the start quick: all that is made while modules load stays, so looking for garbage among it finds none."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Load modules in the block. What is there at its end is never looked through again, which also spares the
    event loop the longest pauses.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
