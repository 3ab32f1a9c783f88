"""A device lent to somebody beside the engine: a trainer. Knows no device and no queue."""

import concurrent.futures
import contextlib
import threading
from types import TracebackType
from typing import Self


class Reservation:
    """Ends with its `with` block. `ready` = the engine has made way; free bytes there, None = not known.

    Thread-safe; ending it twice does no harm.
    """

    def __init__(self) -> None:
        self.ready: concurrent.futures.Future[int | None] = concurrent.futures.Future()
        self._over = threading.Event()

    def granted(self, free: int | None) -> None:
        """Say that the engine has made way."""
        with contextlib.suppress(concurrent.futures.InvalidStateError):  # it was ended before
            self.ready.set_result(free)

    def end(self) -> None:
        """Give the device back."""
        self._over.set()
        self.granted(None)

    @property
    def over(self) -> bool:
        """Whether it was given back."""
        return self._over.is_set()

    def wait(self) -> None:
        """Until it is given back."""
        self._over.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
