"""The life of a trainer process: gentle to others, alone on its device, gone when its server is gone.

Reads one `Order` from its input, which then stays open: its end is the end of the server, and of this process.
Says what happens as lines of JSON on its first output; everything that libraries print goes to the second.
"""

import contextlib
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from generators.diffusion.failures import BadAskError, TooLittleError, out_of_memory
from generators.diffusion.importing import uncollected
from generators.diffusion.trainer.orders import Order

NICE = 10
Say = Callable[..., None]


def main() -> None:
    """Train what the first line asks for; exit status 0 once the fate of the training has been said."""
    say = _mouth()
    line = sys.stdin.buffer.readline()
    threading.Thread(target=_die_with_server, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(NICE)
    try:
        order = Order.read(line)
        with _alone(Path(order.lock)):
            with uncollected():
                from generators.diffusion.trainer.learning import learn

            learn(order, say)
    except Exception as error:  # noqa: BLE001 - every fate is told; the server decides what it means
        say("failed", **_words(error))


def _mouth() -> Say:
    """Keep the first output for the protocol, whoever prints."""
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def say(event: str, **facts: Any) -> None:
        pipe.write(json.dumps({"event": event} | facts).encode() + b"\n")

    return say


def _die_with_server() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait for other trainers of the same device; the kernel frees the lock of a process that died."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as file:
        try:
            import fcntl
        except ImportError:  # not on Windows, where the lane's capacity of one must do
            yield
            return
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _words(error: Exception) -> dict[str, Any]:
    if isinstance(error, BadAskError):
        return {"kind": "BAD_REQUEST", "words": str(error)}
    if isinstance(error, TooLittleError):
        return {"kind": "OUT_OF_MEMORY", "words": str(error), "retryable": True}
    if out_of_memory(error):
        words = "The device's memory does not suffice for this training; ask for a smaller rank, or train elsewhere."
        return {"kind": "OUT_OF_MEMORY", "words": words}
    return {"kind": "INTERNAL", "words": f"The training failed: {type(error).__name__}: {error}"[:500]}
