"""A small model hub on the loopback interface that speaks as much of the protocol as a download needs."""

import contextlib
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typing_extensions import override

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Serves the files of one folder as `owner/name`.

    `damage` names files whose bytes arrive wrong; with `heals` only the first time.
    """

    def __init__(self, folder: Path) -> None:
        self.files = {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        self.damage: set[str] = set()
        self.heals = False
        self.gated = False
        self.asked: list[str] = []
        self.held = threading.Event()  # a file was asked for
        self.hold = threading.Event()  # files are answered while it is set
        self.hold.set()

    def siblings(self) -> list[dict[str, Any]]:
        """As the hub lists them: large files with their SHA-256."""
        listed = []
        for name, data in self.files.items():
            entry: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": blob(data)}
            if name.endswith((".safetensors", ".bin", ".ckpt")):
                digest = hashlib.sha256(data).hexdigest()
                entry["lfs"] = {"sha256": digest, "size": len(data), "pointerSize": 100}
            listed.append(entry)
        return listed


def blob(data: bytes) -> str:
    """Git's name of a file."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """A server that knows its hub."""

    daemon_threads = True

    def __init__(self, hub: Hub) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.hub = hub


class Answer(http.server.BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub, path = self.server.hub, self.path.split("?")[0]
        hub.asked.append(path)
        if path.startswith("/api/models/owner/name"):
            body = {"id": "owner/name", "sha": COMMIT, "siblings": hub.siblings(), "private": False}
            self.reply(200, json.dumps(body).encode(), {"Content-Type": "application/json"})
        elif hub.gated:
            self.reply(403, b"", {"X-Error-Code": "GatedRepo"})
        else:
            self.file(hub, path.partition("/resolve/")[2].partition("/")[2])

    def file(self, hub: Hub, name: str) -> None:
        if name not in hub.files:
            return self.reply(404, b"", {"X-Error-Code": "EntryNotFound"})
        data = hub.files[name]
        etag = hashlib.sha256(data).hexdigest()
        if name in hub.damage:
            data = b"\x00" * len(data)
            if hub.heals and self.command == "GET":
                hub.damage.discard(name)
        if self.command == "GET":
            hub.held.set()
            hub.hold.wait(10)
        return self.reply(200, data, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})

    def reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def served(folder: Path) -> Iterator[tuple[Hub, str]]:
    """(hub, address) while the context is open."""
    server = Server(Hub(folder))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.hub, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.hub.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()
