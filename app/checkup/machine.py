"""Looks at this machine: the data folder, the device, the process that decodes uploads."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator

from app.checkup.finding import Finding, State
from app.settings import Settings
from generators.diffusion.devices import discover
from generators.diffusion.settings import DiffusionSettings
from store.files.decoder import Decoder, DecoderUnavailable
from store.settings import StoreSettings

GIB = 2**30
LITTLE_ROOM = 5 * GIB


async def machine(settings: Settings) -> AsyncIterator[Finding]:
    """The findings, in the order in which they matter."""
    yield _folder(settings.section(StoreSettings))
    yield await asyncio.to_thread(_device, settings.section(DiffusionSettings))
    yield await _decoder()


def _folder(store: StoreSettings) -> Finding:
    folder = store.data_dir.resolve()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not os.access(existing, os.W_OK):
        return Finding(
            what="Data folder",
            state=State.MISSING_ESSENTIAL,
            words=f"{folder} cannot be written to.",
            remedy="Choose another DATA_DIR, or change the owner of that folder.",
        )
    free = shutil.disk_usage(existing).free
    words = f"{folder}, {free / GIB:.0f} GiB free."
    if free < LITTLE_ROOM:
        return Finding(
            what="Data folder",
            state=State.WARNING,
            words=words,
            remedy="Make room, or choose another DATA_DIR.",
        )
    return Finding(what="Data folder", state=State.WORKS, words=words)


def _device(chosen: DiffusionSettings) -> Finding:
    try:
        device = discover(device=chosen.devices[0], dtype=chosen.dtype, threads=chosen.threads)
    except (ImportError, ValueError, RuntimeError) as error:
        return Finding(
            what="Device",
            state=State.WARNING,
            words=str(error),
            remedy="Set DEVICE and DTYPE to `auto`; install torch for this machine's GPU.",
        )
    remedy = None
    if device.kind == "cpu":
        remedy = "Large checkpoints are slow without a GPU; hosted models need none."
    return Finding(what="Device", state=State.WORKS, words=device.describe(), remedy=remedy)


async def _decoder() -> Finding:
    decoder = Decoder()
    try:
        guards = await decoder.warm()
    except DecoderUnavailable as error:
        return Finding(
            what="Upload decoder",
            state=State.MISSING_ESSENTIAL,
            words=f"The process that decodes uploads does not start: {error}",
            remedy="Install the dependencies anew: `make clean`, then `make run`.",
        )
    finally:
        await decoder.aclose()
    return Finding(
        what="Upload decoder", state=State.WORKS, words=f"runs apart, limited in {', '.join(guards)}."
    )
