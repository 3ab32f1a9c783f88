"""A server process without transports, for killing: `python -m tests.kills.worker '<json>'`.

Says "ready" on standard output once it claims tasks. SIGTERM stops it as it stops a server: exit status 0.
"""

import asyncio
import contextlib
import io
import json
import logging
import signal
import sys
from pathlib import Path
from typing import Any

import structlog
from PIL import Image

from executor.board import Board
from executor.executor import Executor, Parts
from executor.models import Models
from executor.settings import ExecutorSettings
from generators.scripted import ScriptedGenerator, ScriptedSettings
from store.database.sessions import Database, PoolOptions
from store.events import Broadcast
from store.files.vault import Vault
from tests.executor.workshop import quick_looks


def picture() -> bytes:
    """A small PNG."""
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(out, "PNG")
    return out.getvalue()


async def work(asked: dict[str, Any]) -> None:
    """Work until told to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    db = Database(asked["database_url"], PoolOptions(idle_s=2.0))
    broadcast = Broadcast()
    broadcast.attach(db)
    scripted = ScriptedGenerator(ScriptedSettings(scripted_generator=True, **asked.get("scripted", {})))
    executor = Executor(
        Parts(
            db=db,
            models=Models([scripted]),
            vault=Vault(Path(asked["folder"])),
            broadcast=broadcast,
            board=Board(),
            render=quick_looks,
        ),
        ExecutorSettings(**asked.get("settings", {})),
    )
    await quick_looks(picture())  # its libraries load now, as a server's decoder is warm before it serves
    await executor.start(exclusive=asked.get("exclusive", False))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await stop.wait()
    await executor.stop()
    await db.close()


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(work(json.loads(sys.argv[1])))
