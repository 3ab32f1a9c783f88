"""The process that serves: transports over a built server, and who ends it.

`serve` owns SIGTERM and SIGINT: no new claims, streams end, running work gets its grace, exit status 0.
"""

import asyncio
import contextlib
import functools
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator

import structlog
import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override

from app.beginning import Begun
from app.composition import web
from app.http import UVICORN, application
from app.identity import NeedsKey, open_doors
from app.server import Server, open_server
from app.server_settings import ServerSettings
from app.settings import Settings
from executor.settings import ExecutorSettings
from store.database.embedded import Embedded
from store.settings import StoreSettings

log = structlog.get_logger(__name__)
BACKLOG = 2048
LAST_WORDS_SECONDS = 5  # after the grace: for answers that are being sent


def serve(settings: Settings, begun: Begun) -> int:
    """Serve until told to stop, on the port and the database that were begun; the exit status.

    Raises:
        NeedsKey: the address can be reached from elsewhere and there is no key.
        DatabaseUnreachable, EmbeddedUnavailable, ServerAlreadyRunning, ServerTooOld: see app.database.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_serve(settings, begun))


@contextlib.asynccontextmanager
async def running(
    settings: Settings, embedded: Embedded | None = None
) -> AsyncIterator[tuple[Server, ASGIApp]]:
    """A built server and its application, without a socket; for tests and for other ASGI servers."""
    async with open_server(settings, embedded) as server:
        doors = await open_doors(settings.section(ServerSettings), server.database)
        yield server, application(web(server, doors))


async def _serve(settings: Settings, begun: Begun) -> int:
    try:
        async with contextlib.AsyncExitStack() as stack:
            _end_the_start_on_signals()
            server, application_ = await stack.enter_async_context(running(settings, begun.embedded))
            process = _Uvicorn(
                uvicorn.Config(
                    application_,
                    lifespan="off",
                    log_config=None,
                    access_log=False,
                    server_header=False,
                    timeout_graceful_shutdown=LAST_WORDS_SECONDS,
                    **UVICORN,
                )
            )
            _end_on_signals(server, process, settings.section(ExecutorSettings).stop_grace_seconds)
            begun.listening.listen(BACKLOG)
            _greet(begun.listening, settings)
            await process.serve([begun.listening])
    except asyncio.CancelledError:  # nobody else cancels this task
        log.info("told to stop before anything was served")
    log.info("stopped")
    return 0


class _Uvicorn(uvicorn.Server):
    """Uvicorn without its own signal handlers: they re-raise, and the exit status would be 143."""

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `_end_on_signals`."""
        yield


def _end_the_start_on_signals() -> None:
    """Until there is something to bring to an end: take down what was built so far."""
    starting = asyncio.current_task()
    assert starting is not None
    _on_signals(lambda _name: starting.cancel())


def _on_signals(heard: Callable[[str], object]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl+C raises KeyboardInterrupt instead
            loop.add_signal_handler(number, functools.partial(heard, number.name))


def _end_on_signals(server: Server, process: uvicorn.Server, grace: float) -> None:
    loop = asyncio.get_running_loop()
    ending: list[asyncio.Task[None]] = []

    def end(name: str) -> None:
        if ending:
            log.warning("told to stop again: not waiting any longer", signal=name)
            process.force_exit = process.should_exit = True
            return
        log.info("stopping", signal=name, grace_seconds=grace)
        ending.append(loop.create_task(_end(server, process, grace)))

    _on_signals(end)


async def _end(server: Server, process: uvicorn.Server, grace: float) -> None:
    server.draining.set()
    try:
        await server.executor.stop(grace)
    finally:
        process.should_exit = True


def _greet(listening: socket.socket, settings: Settings) -> None:
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    data = settings.section(StoreSettings).data_dir.resolve()
    log.info("serving", graphql=f"http://{shown}:{port}/graphql", data=str(data))
    sys.stderr.write(f"Likeness serves http://{shown}:{port}/graphql\n")


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # Windows
        return None
    return uvloop.new_event_loop


__all__ = ["NeedsKey", "running", "serve"]
