"""The engine's own process: reads requests from its input, tells events on its first output, ends with its server."""

import os
import sys
import threading
from functools import partial
from typing import Any

from generators.diffusion.checkpoints import Shelf
from generators.diffusion.engine import Engine
from generators.diffusion.reserving import Reservation
from generators.diffusion.runs import Run
from generators.diffusion.settings import DiffusionSettings
from generators.diffusion.wire import Sender, messages
from generators.events import Failed, ImageMade, LatentsSaved, Report

BROKEN = 70  # sysexits.h: EX_SOFTWARE


class Told:
    """A `Live` on the other side of the pipe; whether somebody watches was told from there."""

    def __init__(self, sender: Sender, number: int) -> None:
        self._sender = sender
        self._number = number
        self.watched = False
        self.sharp = False

    def report(self, event: Report) -> None:
        """Pass it on."""
        self._sender.send("report", self._number, event)

    def preview_wanted(self) -> bool:
        """As was last told."""
        return self.watched

    def sharp_wanted(self) -> bool:
        """As was last told."""
        return self.sharp


class Child:
    """An engine that is driven by messages. When its device is gone the process ends, and the next one finds it anew."""

    def __init__(self, settings: DiffusionSettings, sender: Sender) -> None:
        self._sender = sender
        self._shelf = Shelf(settings)
        self.engine = Engine(settings, self._shelf, on_broken=lambda: os._exit(BROKEN))
        self.engine.start()
        self._lock = threading.Lock()
        self._open: dict[int, tuple[Run, Told]] = {}
        self._lent: dict[int, Reservation] = {}

    def obey(self, kind: str, *told: Any) -> None:
        """Do what one message says."""
        getattr(self, f"_{kind}")(*told)

    def _submit(self, number: int, ask: Any) -> None:
        self._shelf.mended(ask.checkpoint)  # the server knows what is broken, and asked all the same
        live = Told(self._sender, number)
        with self._lock:
            self._open[number] = (self.engine.submit(ask, live, partial(self._post, number)), live)

    def _post(self, number: int, event: LatentsSaved | ImageMade | Failed) -> None:
        self._sender.send("post", number, event)
        if not isinstance(event, LatentsSaved):
            with self._lock:
                self._open.pop(number, None)
            self._state()

    def _cancel(self, number: int) -> None:
        with self._lock:
            known = self._open.pop(number, None)
        if known is not None:
            self.engine.cancel(known[0])

    def _watched(self, number: int, wanted: bool, sharp: bool) -> None:
        with self._lock:
            known = self._open.get(number)
        if known is not None:
            known[1].watched, known[1].sharp = wanted, sharp

    def _reserve(self, number: int, exclusively: bool, elsewhere: bool) -> None:
        reservation = self.engine.reserve(exclusively=exclusively, elsewhere=elsewhere)
        self._lent[number] = reservation
        reservation.ready.add_done_callback(
            lambda ready: self._sender.send("granted", number, ready.result())
        )

    def _end(self, number: int) -> None:
        reservation = self._lent.pop(number, None)
        if reservation is not None:
            reservation.end()

    def _state(self) -> None:
        self._sender.send("state", -1, self.engine.state())


def main() -> None:
    """Serve until the input ends; status 0 when it was asked to close, 1 when the server is gone, BROKEN see there."""
    said = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whoever prints must not break the protocol
    sender = Sender(said, "likeness-tell")
    heard = messages(sys.stdin.buffer)
    _, settings = next(heard)
    child = Child(settings, sender)
    for kind, *told in heard:
        if kind == "close":
            child.engine.close()
            sender.close()
            return
        child.obey(kind, *told)
    os._exit(1)
