"""What went wrong, in the words of the contract. Knows torch's errors by their shape, without importing it."""

import re
import traceback

from generators.events import Failed, FailureKind

TRIED = re.compile(r"Tried to allocate ([\d.]+ [KMG]iB)")


class NoCheckpointError(Exception):
    """The checkpoint cannot be used; the words say why and what to do."""


class BadAskError(Exception):
    """This checkpoint cannot make that picture; the words are for its owner."""


class TooLittleError(Exception):
    """A training does not fit now; the words say how much is needed and how much there is."""


class NoRoomError(Exception):
    """The checkpoint does not fit now. `busy` = something that is in use might leave and make room."""

    def __init__(self, needed: int, free: int, *, busy: bool) -> None:
        there = f"{free / 2**30:.1f} GiB are free"
        super().__init__(f"The checkpoint needs {needed / 2**30:.1f} GiB of the device's memory; {there}.")
        self.busy = busy


def out_of_memory(error: BaseException) -> bool:
    """Whether memory was short, on the device or off it."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    words = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in words or "can't allocate memory" in words)


def let_go(error: BaseException) -> None:
    """Drop what the frames of a failed attempt hold, which is memory that the next attempt needs."""
    traceback.clear_frames(error.__traceback__)


def failed(error: BaseException, *, size: tuple[int, int] | None = None, free: int | None = None) -> Failed:
    """The event that ends the run; the `size` asked for and the bytes `free` make its words exact."""
    if isinstance(error, NoCheckpointError):
        return Failed(kind=FailureKind.NO_CHECKPOINT, words=str(error))
    if isinstance(error, BadAskError):
        return Failed(kind=FailureKind.BAD_REQUEST, words=str(error))
    if isinstance(error, NoRoomError):
        return Failed(kind=FailureKind.OUT_OF_MEMORY, words=str(error))
    if out_of_memory(error):
        return Failed(kind=FailureKind.OUT_OF_MEMORY, words=_too_large(str(error), size, free))
    words = f"The engine failed: {type(error).__name__}: {error}"
    return Failed(kind=FailureKind.INTERNAL, words=words[:500], retryable=True)


def _too_large(told: str, size: tuple[int, int] | None, free: int | None) -> str:
    picture = f"this picture of {size[0]}x{size[1]}" if size else "this picture"
    wanted = TRIED.search(told)
    numbers = [
        *([f"{wanted[1]} more are needed at once"] if wanted else []),
        *([f"{free / 2**30:.1f} GiB are free"] if free is not None else []),
    ]
    words = f"The device's memory does not suffice for {picture}"
    return (
        f"{words} ({', '.join(numbers)}); ask for a smaller size."
        if numbers
        else f"{words}; ask for a smaller size."
    )
