"""Which checkpoints are loaded. Loads happen on one thread, one after another; the least recently used leaves."""

import dataclasses
import gc
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
import torch

from generators.diffusion import room, starter
from generators.diffusion.adapters.wardrobe import Wardrobe
from generators.diffusion.catalog_entries import Checkpoint
from generators.diffusion.checkpoints import STARTER_KEY, Shelf
from generators.diffusion.compiled import Compiled
from generators.diffusion.devices import Device
from generators.diffusion.extras import ExtraKind
from generators.diffusion.failures import NoCheckpointError, NoRoomError, out_of_memory
from generators.diffusion.families.cards import BY_NAME
from generators.diffusion.families.family import Family
from generators.diffusion.loading import load, tile
from generators.diffusion.loads import LOADS
from generators.diffusion.sharp_preview import SharpPreview
from generators.diffusion.tuning import Tuning, tune
from generators.diffusion.vocabulary import words_of

log = structlog.get_logger(__name__)


@dataclasses.dataclass(kw_only=True, eq=False)
class Resident:
    """A loaded checkpoint. `users` counts the requests that hold it; `words` are all that it knows, if it says so.

    `sharp` decodes all previews; where it is None, `sharpen` finds a tiny autoencoder for who asks for one.
    """

    entry: Checkpoint
    pipeline: Any
    family: Family
    wardrobe: Wardrobe
    compiled: Compiled
    words: frozenset[str] | None = None
    users: int = 0
    used_at: float = 0.0
    look: tuple[torch.Tensor, torch.Tensor] | None = None
    sharp: SharpPreview | None = None
    sharpen: Callable[[], SharpPreview | None] = lambda: None
    on_request: SharpPreview | None = None
    unfit: bool = False

    def sharpened(self) -> SharpPreview | None:
        """The tiny autoencoder, loaded when it is first asked for; None = none is installed, fits, or is at hand yet.

        On the pack thread: while other weights are being loaded it does not wait.
        """
        if self.sharp is not None or self.on_request is not None or self.unfit:
            return self.sharp or self.on_request
        if not LOADS.acquire(blocking=False):
            return None
        try:
            self.on_request = self.sharpen()
        except Exception as error:  # noqa: BLE001 - a preview is a courtesy; the linear map goes on
            self.unfit = True
            log.warning("no sharp previews", checkpoint=self.entry.key, error=str(error))
        finally:
            LOADS.release()
        return self.on_request


class Residents:
    """The loaded checkpoints of one device."""

    def __init__(self, shelf: Shelf, device: Device, tuning: Tuning, *, limit: int, tile_beyond: int) -> None:
        """`limit` checkpoints at once; `tile_beyond` pixels a side the VAE works in tiles (0 = never)."""
        self._shelf = shelf
        self._device = device
        self._limit = max(1, limit)
        self._tuning = tuning
        self._tile_beyond = tile_beyond
        self._lock = threading.Lock()
        self._loaded: dict[str, Resident] = {}

    def __contains__(self, key: str) -> bool:
        with self._lock:
            return key in self._loaded

    def keys(self) -> list[str]:
        """What is loaded now."""
        with self._lock:
            return list(self._loaded)

    def take(self, key: str) -> Resident:
        """Hold that checkpoint, loading it if need be; only ever called by the loading thread.

        Raises:
            NoCheckpointError: it is unknown, absent, or does not load; the reason is kept for the catalog.
            NoRoomError: it does not fit into the device's memory beside what is in use.
        """
        with self._lock:
            resident = self._loaded.get(key)
            if resident is not None:
                resident.users += 1
                resident.used_at = time.monotonic()
                return resident
        self.make_room(self._limit - 1)
        resident = self._load(key)
        with self._lock:
            self._loaded[key] = resident
            resident.users += 1
            resident.used_at = time.monotonic()
        return resident

    def release(self, resident: Resident) -> None:
        """Let go of it; it stays loaded until its place is needed."""
        with self._lock:
            resident.users -= 1

    def make_room(self, keep: int = 0) -> int:
        """Unload idle checkpoints, least recently used first, until `keep` are left; how many went."""
        with self._lock:
            idle = sorted((r for r in self._loaded.values() if r.users == 0), key=lambda r: r.used_at)
            going = idle[: max(0, len(self._loaded) - keep)]
            keys = [resident.entry.key for resident in going]
            for key in keys:
                del self._loaded[key]
        idle, going = [], []  # the last references: only then can memory be given back
        if keys:
            free()
        return len(keys)

    def _load(self, key: str) -> Resident:
        entry = self._shelf.get(key)
        state = self._shelf.availability(key)
        if entry is None or not state.available:
            raise NoCheckpointError(state.reason or f"The checkpoint {key!r} is not available.")
        try:
            if key == STARTER_KEY:
                with LOADS:  # another engine of this process may find it missing too
                    starter.build(self._shelf.starter_folder())
                entry = self._shelf.get(key) or entry
            folder = self._shelf.folder(entry) or Path(entry.source)
            tuning = self._tuning.roomy(
                room.needed(folder, self._device), self._device, unet=(folder / "unet").is_dir()
            )
            self._find_room(folder, tuning)
            pipeline = load(entry, folder, self._device)
            compiled = tune(pipeline, self._device, tuning)
            tile(pipeline, self._tile_beyond)
            sharp = None
            if tuning.sharp_previews:
                with LOADS:
                    sharp = self._sharp(entry, pipeline)
        except NoRoomError:
            raise
        except Exception as error:
            if out_of_memory(error):
                raise
            reason = f"It does not load: {type(error).__name__}: {error}"[:500]
            self._shelf.broke(key, reason)
            raise NoCheckpointError(reason) from error
        self._shelf.mended(key)
        return Resident(
            entry=entry,
            pipeline=pipeline,
            family=BY_NAME[entry.family].load(),
            wardrobe=Wardrobe(pipeline, lambda kind: self._shelf.installed(kind, entry)),
            words=words_of(folder),
            compiled=compiled,
            sharp=sharp,
            sharpen=lambda: self._sharp(entry, pipeline),
        )

    def _sharp(self, entry: Checkpoint, pipeline: Any) -> SharpPreview | None:
        """The family's tiny autoencoder; None = none is installed, so previews are linear. LOADS is held."""
        found = self._shelf.installed(ExtraKind.PREVIEW, entry)
        if found is None:
            return None
        return SharpPreview(found[1], self._device, channels=pipeline.vae.config.latent_channels)

    def _find_room(self, folder: Path, tuning: Tuning) -> None:
        """Unload what is idle if it must be.

        Raises:
            NoRoomError: it would not fit even so.
        """
        wanted, there = room.needed(folder, self._device, tuning), room.free(self._device)
        if there is None or wanted <= there:
            return
        self.make_room()
        there = room.free(self._device) or 0
        if wanted > there:
            with self._lock:
                busy = any(resident.users for resident in self._loaded.values())
            raise NoRoomError(wanted, there, busy=busy)


def free() -> None:
    """Give memory back to the device."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()
