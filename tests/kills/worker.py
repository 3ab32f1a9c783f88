"""A server process without transports, for killing.

Says "ready" through its pipe once it claims tasks. SIGTERM stops it as it stops a server: exit status 0.
"""

import asyncio
import logging
import signal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import structlog
from PIL import Image

from executor.board import Board
from executor.executor import Executor, Parts
from executor.models import Models
from executor.settings import ExecutorSettings
from generators.generator import Generator
from generators.hosted.generator import HostedGenerator
from generators.hosted.settings import HostedSettings
from generators.scripted import ScriptedGenerator, ScriptedSettings
from generators.spec import FileRef
from store.database.sessions import Database, PoolOptions
from store.events import Broadcast
from store.files.renditions import render
from store.files.vault import Vault
from store.wire import Wire
from tests.executor.workshop import quick_looks


async def work(ready: Connection, asked: dict[str, Any]) -> None:
    """Work until told to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    db = Database(asked["database_url"], PoolOptions(idle_s=asked.get("idle_s", 2.0)))
    broadcast = Broadcast()
    broadcast.attach(db)
    models = Models([generator(asked)])
    for one in models.generators:
        await one.start()
    executor = Executor(
        Parts(
            db=db,
            models=models,
            vault=Vault(Path(asked["folder"])),
            broadcast=broadcast,
            board=Board(),
            render=quick_looks,
        ),
        ExecutorSettings(**asked.get("settings", {})),
    )
    wire = Wire(db, broadcast)
    wire.start()
    await executor.start(exclusive=asked.get("exclusive", False))
    ready.send("ready")
    await stop.wait()
    await executor.stop()
    await wire.stop()
    for one in models.generators:
        await one.close()
    await db.close()


def generator(asked: dict[str, Any]) -> Generator:
    """The scripted one, the hosted ones, or the real engine with a starter checkpoint of random weights."""
    vault = Vault(Path(asked["folder"]))

    async def open_file(file: FileRef) -> bytes:
        return await vault.read_async(file.sha256)

    if "hosted" in asked:
        return HostedGenerator(HostedSettings(**asked["hosted"]), open_file)
    if "diffusion" not in asked:
        return ScriptedGenerator(ScriptedSettings(scripted_generator=True, **asked.get("scripted", {})))
    from generators.diffusion.generator import DiffusionGenerator
    from generators.diffusion.settings import DiffusionSettings

    folder = Path(asked["diffusion"])
    settings = DiffusionSettings(
        data_dir=folder,
        starter_folder=folder / "starter",
        builtin_checkpoints=False,
        threads=1,
        save_every_steps=3,
        save_every_seconds=0.0,
        training_save_seconds=0.0,
    )
    return DiffusionGenerator(settings, open_file)


def main(ready: Connection, asked: dict[str, Any]) -> None:
    """What the process runs."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asyncio.run(work(ready, asked))


render(Image.new("RGB", (64, 64)))  # its libraries load before the fork, as a server's decoder is warm
