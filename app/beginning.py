"""What a start does before its modules are loaded: takes the port, and sets the private database going beside the
loading, which is most of a start. Until there is somebody to end the server in order, SIGTERM and Ctrl+C end it here.
"""

import contextlib
import dataclasses
import signal
import socket
from collections.abc import Iterator
from types import FrameType

from app.server_settings import ServerSettings
from app.settings import Settings
from store.database.embedded import Embedded
from store.settings import StoreSettings


class ToldToStop(BaseException):
    """SIGTERM or Ctrl+C while modules are loaded. No Exception, so that no module takes it for its own failure."""


class PortTaken(RuntimeError):  # noqa: N818 -- reads as the sentence that it carries
    """Another program listens there, or the address is not this machine's."""

    def __init__(self, host: str, port: int, error: OSError) -> None:
        super().__init__(f"HOST {host}, PORT {port} cannot be used: {error.strerror}. Choose another PORT.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Begun:
    """What the server goes on with: its port, bound, and the private database that is being started, if it has one."""

    listening: socket.socket
    embedded: Embedded | None


@contextlib.contextmanager
def begun(settings: Settings) -> Iterator[Begun]:
    """Both, for as long as the block lasts.

    Raises:
        PortTaken: said at once, before anything is started.
        EmbeddedUnavailable, ServerAlreadyRunning: see store.database.embedded.
        ToldToStop: from anywhere in the block, until it has signal handlers of its own.
    """
    store = settings.section(StoreSettings)
    with _stopped_by_signals(), contextlib.closing(_listen(settings.section(ServerSettings))) as listening:
        embedded = Embedded(store.data_dir) if store.database_url is None else None
        try:
            yield Begun(listening=listening, embedded=embedded)
        finally:
            if embedded is not None:
                embedded.stop_and_wait()


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise ToldToStop

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listen(chosen: ServerSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in chosen.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((chosen.host, chosen.port))
    except OSError as error:
        listening.close()
        raise PortTaken(chosen.host, chosen.port, error) from error
    return listening
