"""A stream of its own for each of the engine's threads (CUDA, ROCm), so that encoding, decoding and previews do not
stand in one queue with the steps of others. Elsewhere there is one queue, and nothing here does anything.

Memory belongs to the stream in which it was made. What another lane reads stays alive until the reader has waited for
its own work (a copy to main memory does), or is lent to it; so nothing is written over while it is still being read.
"""

import collections
import contextlib
import enum
from typing import Any

import torch

from generators.diffusion.devices import Device

AHEAD = 1  # forwards that may wait in the device's queue: more would only delay who joins or cancels
FIRST = -1  # CUDA: a lower number goes first


class Lane(enum.Enum):
    """What a thread does on the device."""

    PREPARE = "prepare"
    DENOISE = "denoise"
    DECODE = "decode"
    PACK = "pack"


Mark = Any  # a torch.cuda.Event, None where there are no streams


class Lanes:
    """The streams of one device. Each method is called by the thread whose lane is on."""

    def __init__(self, device: Device) -> None:
        """Steps go before all else."""
        self._streams: dict[Lane, torch.cuda.Stream] = {}
        self._queued: collections.deque[Mark] = collections.deque()
        if device.kind in ("cuda", "rocm"):
            self._streams = {
                lane: torch.cuda.Stream(device.torch_name, priority=FIRST if lane is Lane.DENOISE else 0)  # type: ignore[no-untyped-call]  # torch
                for lane in Lane
            }

    def on(self, lane: Lane) -> contextlib.AbstractContextManager[object]:
        """While open, what this thread asks of the device goes into that lane."""
        if not self._streams:
            return contextlib.nullcontext()
        return torch.cuda.stream(self._streams[lane])

    def settle(self) -> None:
        """Wait until all is done that was asked in the lane that is on."""
        if self._streams:
            torch.cuda.current_stream().synchronize()

    def mark(self) -> Mark:
        """For `wait`: all that was asked in this lane until now."""
        if not self._streams:
            return None
        mark = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]  # torch; a thread that waits leaves its processor to others
        mark.record(torch.cuda.current_stream())
        return mark

    def paced(self) -> Mark:
        """A mark behind a forward; returns when no more than AHEAD forwards are left to do."""
        mark = self.mark()
        if mark is not None:
            self._queued.append(mark)
            while len(self._queued) > AHEAD:
                wait(self._queued.popleft())
        return mark

    def lend(self, tensor: torch.Tensor, lane: Lane) -> None:
        """Its memory is not used again before that lane is done with what it was asked when the tensor dies."""
        if self._streams and tensor.is_cuda:
            tensor.record_stream(self._streams[lane])


def wait(mark: Mark) -> None:
    """From any thread: until the marked work is done."""
    if mark is not None:
        mark.synchronize()
