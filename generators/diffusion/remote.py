"""The engine in a process of its own: a native crash ends that process, not the server. Imports no torch.

When the process dies its requests fail as worth another try, and the next request starts a new one; what they
had saved is taken up again. The child lives on its input and ends with the server, however that ends.
"""

import itertools
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from generators.diffusion.asks import Ask
from generators.diffusion.checkpoints import Shelf
from generators.diffusion.engine import EngineState
from generators.diffusion.reserving import Reservation
from generators.diffusion.runs import Post, Run
from generators.diffusion.settings import DiffusionSettings
from generators.diffusion.wire import Sender, messages
from generators.events import Failed, FailureKind, ImageMade, LatentsSaved, Stepped
from generators.generator import Live

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv.pop(1));"
    " from generators.diffusion.remote_child import main; main()"
)
NOTHING = EngineState(preparing=0, ready=0, finishing=0, loaded=(), device=None, forwards=0, rows=0)
DYING_SECONDS = 30.0  # for the step or load that is running


class LentByChild(Reservation):
    """A reservation whose end is told to the child."""

    def __init__(self, tell: Sender, number: int) -> None:
        super().__init__()
        self._tell = tell
        self._number = number

    def end(self) -> None:  # type: ignore[explicit-override]  # Python 3.11 has no typing.override
        """Give the device back."""
        if not self.over:
            self._tell.send("end", self._number)
        super().end()


class ProcessEngine:
    """See `Engine`; every public method may be called from any thread and returns at once."""

    def __init__(self, settings: DiffusionSettings, shelf: Shelf) -> None:
        self._settings = settings
        self._shelf = shelf
        self._lock = threading.RLock()
        self._numbers = itertools.count()
        self._open: dict[int, Run] = {}
        self._watched: dict[int, tuple[bool, bool]] = {}
        self._lent: dict[int, Reservation] = {}
        self._child: subprocess.Popen[bytes] | None = None
        self._sender: Sender | None = None
        self._reader: threading.Thread | None = None
        self._state = NOTHING
        self._closed = False

    def start(self) -> None:
        """Start the process if there is none."""
        self._talk()

    def submit(self, ask: Ask, live: Live, post: Post) -> Run:
        """Take a request; its final event goes to `post` unless it is canceled."""
        with self._lock:
            if self._closed:
                raise RuntimeError("The engine is closed.")
            run = Run(ask=ask, live=live, post=post, number=next(self._numbers), alone=ask.exact)
            sender = self._talk()
            self._open[run.number] = run
            sender.send("submit", run.number, ask)
        return run

    def cancel(self, run: Run) -> None:
        """Drop a request at the next step boundary; nothing of it is posted after this call. Idempotent."""
        run.cancel()
        with self._lock:
            known = self._open.pop(run.number, None)
            self._watched.pop(run.number, None)
            if known is not None and self._sender is not None:
                self._sender.send("cancel", run.number)

    def reserve(self, *, exclusively: bool, elsewhere: bool) -> Reservation:
        """Make way for a trainer."""
        with self._lock:
            sender, number = self._talk(), next(self._numbers)
            reservation = LentByChild(sender, number)
            self._lent[number] = reservation
            sender.send("reserve", number, exclusively, elsewhere)
        return reservation

    def state(self) -> EngineState:
        """As the process last told; it is asked anew."""
        with self._lock:
            if self._sender is not None:
                self._sender.send("state")
            return self._state

    def close(self) -> None:
        """Cancel everything and end the process; waits for the step or load that is running."""
        with self._lock:
            self._closed = True
            child, sender, reader = self._child, self._sender, self._reader
            for run in self._open.values():
                run.cancel()
            self._open.clear()
        if child is None or sender is None or reader is None:
            return
        sender.send("close")
        sender.close()
        try:
            child.wait(DYING_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        reader.join()

    def _talk(self) -> Sender:
        with self._lock:
            if self._sender is None:
                child = subprocess.Popen(  # noqa: S603 - our own program, no shell
                    [sys.executable, "-I", "-B", "-c", PROGRAM, str(ROOT)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    start_new_session=True,  # Ctrl-C in a terminal is the server's business
                )
                assert child.stdin is not None and child.stdout is not None  # noqa: PT018 - both were asked for
                self._child = child
                self._sender = Sender(child.stdin, "likeness-engine-tell")  # type: ignore[arg-type]  # IO[bytes] is one
                self._sender.send("settings", self._settings)
                self._reader = threading.Thread(
                    target=self._listen, args=(child,), name="likeness-engine-hear"
                )
                self._reader.daemon = True
                self._reader.start()
            return self._sender

    def _listen(self, child: "subprocess.Popen[bytes]") -> None:
        assert child.stdout is not None
        for kind, number, told in messages(child.stdout):  # type: ignore[arg-type]  # IO[bytes] is a BinaryIO
            self._heard(kind, number, told)
        child.stdout.close()
        status = child.wait()
        with self._lock:
            lost, self._open = list(self._open.values()), {}
            lent, self._lent = list(self._lent.values()), {}
            self._watched.clear()
            sender = self._sender
            self._child, self._sender, self._state = None, None, NOTHING
        if sender is not None:
            sender.close()
        for reservation in lent:
            reservation.end()
        words = f"The engine's process ended with status {status}; what it had saved is taken up again."
        for run in lost:
            run.end(Failed(kind=FailureKind.INTERNAL, words=words, retryable=True))

    def _heard(self, kind: str, number: int, told: Any) -> None:
        if kind == "state":
            self._state = told
        elif kind == "granted":
            with self._lock:
                reservation = self._lent.get(number)
            if reservation is not None:
                reservation.granted(told)
        else:
            with self._lock:
                run = self._open.get(number)
            if run is not None and not run.canceled:
                self._pass_on(run, kind, told)

    def _pass_on(self, run: Run, kind: str, told: Any) -> None:
        if kind == "report":
            run.live.report(told)
            if not isinstance(told, Stepped):
                return
            wanted = (run.live.preview_wanted(), run.live.sharp_wanted())
            if wanted != self._watched.get(run.number, (False, False)):
                with self._lock:
                    self._watched[run.number] = wanted
                    if self._sender is not None:
                        self._sender.send("watched", run.number, *wanted)
            return
        if not isinstance(told, LatentsSaved):
            with self._lock:
                self._open.pop(run.number, None)
                self._watched.pop(run.number, None)
            self._learn(run.ask.checkpoint, told)
        run.post(told)

    def _learn(self, key: str, told: ImageMade | Failed) -> None:
        """The catalog is on this side: what the process found out about a checkpoint belongs there."""
        if isinstance(told, ImageMade):
            self._shelf.mended(key)
        elif told.kind is FailureKind.NO_CHECKPOINT and self._shelf.get(key) is not None:
            self._shelf.broke(key, told.words)
