"""Messages between a server and its own engine process, over the child's two pipes. Never read from anybody else."""

import pickle
import queue
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO

LENGTH = 8


class Sender:
    """Sends in order from a thread of its own, so that whoever says something never waits for the other side."""

    def __init__(self, pipe: BinaryIO, name: str) -> None:
        self._pipe = pipe
        self._messages: queue.SimpleQueue[tuple[Any, ...] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def send(self, *message: Any) -> None:
        """Queue one message."""
        self._messages.put(message)

    def close(self) -> None:
        """Send what is queued, then close the pipe."""
        self._messages.put(None)
        self._thread.join()

    def _work(self) -> None:
        try:
            while (message := self._messages.get()) is not None:
                data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
                self._pipe.write(len(data).to_bytes(LENGTH, "little") + data)
                self._pipe.flush()
            self._pipe.close()
        except (BrokenPipeError, OSError, ValueError):
            return  # the other side is gone: its reader tells


def messages(pipe: BinaryIO) -> Iterator[tuple[Any, ...]]:
    """What the other side says, until it is gone."""
    while len(head := pipe.read(LENGTH)) == LENGTH:
        data = pipe.read(int.from_bytes(head, "little"))
        if len(data) < int.from_bytes(head, "little"):
            return
        message: tuple[Any, ...] = pickle.loads(data)  # noqa: S301 - our own child, or our own parent
        yield message
