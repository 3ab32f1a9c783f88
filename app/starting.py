"""Makes the start quick: all that is made while modules load stays, so looking for garbage among it finds none."""

import contextlib
import gc
import sys
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


@contextlib.contextmanager
def without_rich() -> Iterator[None]:
    """Load structlog in the block, and it prints plain tracebacks on a terminal.

    It loads rich and pygments where some other library happens to have brought them, for coloured ones.
    """
    if "rich" in sys.modules:
        yield
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # what makes `import rich` raise ImportError
    try:
        yield
    finally:
        del sys.modules["rich"]
