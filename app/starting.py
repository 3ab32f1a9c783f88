"""Keeps the start from loading what it has no use for."""

import contextlib
import sys
from collections.abc import Iterator


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
