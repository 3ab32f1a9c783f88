"""Decoders under test and a look at their children from outside."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from store.files.decoder import Decoder, DecoderLimits
from tests.patience import PATIENCE


@asynccontextmanager
async def running(**limits: float) -> AsyncIterator[Decoder]:
    decoder = Decoder(DecoderLimits(**limits))  # type: ignore[arg-type]  # ints stand for floats here
    try:
        await decoder.warm()
        yield decoder
    finally:
        await decoder.aclose()


def child_pid(decoder: Decoder) -> int:
    (child,) = decoder._idle
    return child.process.pid


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def peak() -> int:
    """The most memory this process has held, in bytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found.group(1)) * 1024


def peak_from_now() -> int:
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


def environment_and_files(pid: int) -> tuple[bytes, list[str]]:
    process = Path(f"/proc/{pid}")
    return (process / "environ").read_bytes(), [str(link.readlink()) for link in (process / "fd").iterdir()]


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not happened():  # noqa: ASYNC110 -- what happens is in another process
            await asyncio.sleep(0)


async def begun(decoder: Decoder, data: bytes) -> asyncio.Task[object]:
    """A call that has taken its child and waits for the answer."""
    call: asyncio.Task[object] = asyncio.create_task(decoder.clean(data))
    await until(lambda: not decoder._idle)
    return call
