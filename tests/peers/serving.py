"""Serves one provider's peer on a free loopback port, in a thread, with faults to order.

A fault is applied to the next request whose path contains its text: before the peer sees it, or after (`lost`:
the peer did and billed the work, and nobody heard of it).
"""

import asyncio
import atexit
import contextlib
import dataclasses
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import uvicorn

HTML = b"<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong: kind is one of answer, cut, lost, hang, short, drip."""

    kind: str
    path: str = ""
    method: str = ""
    status: int = 500
    body: bytes = b""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


class Faults:
    """The faults still to come, and every request that arrived."""

    def __init__(self) -> None:
        self.queue: list[Fault] = []
        self.requests: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.delay = 0.0  # seconds before every POST is seen to
        self.released = threading.Event()
        self.first = threading.Event()

    def add(self, kind: str, times: int = 1, **facts: Any) -> None:
        """Order that fault for the next matching requests."""
        self.queue.extend([Fault(kind=kind, **facts)] * times)

    def take(self, method: str, path: str) -> Fault | None:
        """The first ordered fault that fits, removed."""
        for fault in self.queue:
            if fault.path in path and fault.method in ("", method):
                self.queue.remove(fault)
                return fault
        return None

    async def arrived(self) -> None:
        """Wait until a request has come in."""
        await asyncio.to_thread(self.first.wait, 5)

    def count(self, method: str, path: str = "") -> int:
        """How many requests of that method arrived whose path contains the text."""
        return sum(1 for m, p in self.requests if m == method and path in p)


class Faulty:
    """An ASGI application that stands before the peer and breaks what was ordered."""

    def __init__(self, app: Any, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self._faults.requests.append((scope["method"], scope["path"]))
        self._faults.headers.append({name.decode(): value.decode() for name, value in scope["headers"]})
        self._faults.first.set()
        if self._faults.delay and scope["method"] == "POST":
            await asyncio.sleep(self._faults.delay)
        fault = self._faults.take(scope["method"], scope["path"])
        if fault is None:
            await self._app(scope, receive, send)
        elif fault.kind == "lost":
            await self._app(scope, receive, _nobody)
            send.__self__.transport.abort()
        elif fault.kind in ("short", "drip"):
            await self._app(scope, receive, _Spoiled(send, fault.kind, self._faults.released))
        else:
            await _drain(receive)
            await self._answer(fault, send)

    async def _answer(self, fault: Fault, send: Any) -> None:
        if fault.kind == "hang":
            await asyncio.to_thread(self._faults.released.wait, 30)
        if fault.kind in ("cut", "hang"):
            send.__self__.transport.abort()
            return
        headers = {"content-type": "application/json", **fault.headers}
        pairs = [(k.encode(), v.encode()) for k, v in headers.items()]
        await send({"type": "http.response.start", "status": fault.status, "headers": pairs})
        await send({"type": "http.response.body", "body": fault.body})


async def _nobody(_message: Any) -> None:
    """Swallow an answer."""


async def _drain(receive: Any) -> None:
    while (await receive()).get("more_body"):
        pass


class _Spoiled:
    """Sends half of the body and cuts (short), or one byte now and then (drip)."""

    def __init__(self, send: Any, kind: str, released: threading.Event) -> None:
        self._send = send
        self._kind = kind
        self._released = released

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            await self._send(message)
            return
        body = message["body"]
        if self._kind == "short":
            await self._send({**message, "body": body[: len(body) // 2], "more_body": True})
            await asyncio.sleep(0.02)
            self._send.__self__.transport.abort()
            return
        for byte in body[:200]:
            if self._released.is_set():
                self._send.__self__.transport.abort()
                return
            await self._send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
            await asyncio.sleep(0.05)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Served:
    """A running peer."""

    url: str
    faults: Faults


class _Server:
    """One listening server; its application can be changed, so that it serves test after test."""

    def __init__(self) -> None:
        self.app: Any = None
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(128)  # connections wait from here on, however late the thread begins
        config = uvicorn.Config(
            self._switch,
            timeout_graceful_shutdown=1,
            interface="asgi3",
            lifespan="off",
            log_level="critical",
            ws="none",
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(
            target=self.server.run, kwargs={"sockets": [self.listener]}, daemon=True
        )
        self.thread.start()

    async def _switch(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(3)
        self.listener.close()


_idle: list[_Server] = []


@atexit.register
def _stop_all() -> None:
    for server in _idle:
        server.stop()


@contextlib.contextmanager
def serving(app: Any) -> Iterator[Served]:
    """Run that application until the block ends."""
    server = _idle.pop() if _idle else _Server()
    faults = Faults()
    server.app = Faulty(app, faults)
    try:
        yield Served(url=f"http://127.0.0.1:{server.listener.getsockname()[1]}", faults=faults)
    finally:
        faults.released.set()
        _idle.append(server)
