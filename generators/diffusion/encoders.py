"""How alike two pictures are: image encoders that lie in folders, read by `transformers`.

Which one: the checkpoint's own (`image_encoder/` beside its UNet), else LIKENESS_ENCODER (a DINOv2, SigLIP or CLIP
folder, or a hub id that lies in the cache), else the one of the IP-Adapter that is installed for the checkpoint's
family. Each works in one thread of its own, on the CPU, so the thread that owns the device is never waited for; it
is loaded on first use. Imports no torch before that.
"""

import asyncio
import concurrent.futures
import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import structlog

from generators.diffusion.checkpoints import Shelf
from generators.diffusion.extras import ExtraKind
from generators.diffusion.loads import LOADS
from generators.diffusion.preparing import Preparation, preparation

log = structlog.get_logger(__name__)
OWN = "image_encoder"
WEIGHTS = "model.safetensors"
KINDS = frozenset(
    {
        "CLIPModel",
        "CLIPVisionModel",
        "CLIPVisionModelWithProjection",
        "SiglipModel",
        "SiglipVisionModel",
        "Siglip2Model",
        "Siglip2VisionModel",
        "Dinov2Model",
        "Dinov2WithRegistersModel",
        "DINOv3ViTModel",
    }
)
"""`architectures` of a config.json that can be read; nothing else is loaded."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LikenessSettings:
    """By what likeness is measured.

    Attributes:
        likeness_encoder: a DINOv2, SigLIP or CLIP model in transformers' format that measures `likeness` where a
            checkpoint has no image encoder of its own: a folder, or a hub id that has been downloaded; without
            either `likeness` stays null.
    """

    likeness_encoder: str | None = None


class FolderEncoder:
    """One encoder in a folder. One picture at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._thread = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="likeness")
        self._loaded: tuple[Any, Preparation] | None = None
        self._broken = False
        self.key = _name(folder)

    async def embed(self, picture: bytes) -> tuple[float, ...] | None:
        """See ImageEncoder. One that cannot be loaded is told once in the log and measures nothing."""
        if self._broken:
            return None
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.look, picture)

    def close(self) -> None:
        """Free the weights and the thread."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._loaded = None

    def look(self, picture: bytes) -> tuple[float, ...] | None:
        """As `embed`, in the calling thread."""
        if self._loaded is None:
            try:
                self._loaded = _load(self._folder), preparation(self._folder)
            except (OSError, ValueError, KeyError) as error:
                self._broken = True
                log.warning("an image encoder cannot be loaded", folder=str(self._folder), error=str(error))
                return None
        model, prepare = self._loaded
        return _vector(model, prepare(picture))


class LocalEncoders:
    """The encoders of this machine; see the module for which is taken."""

    def __init__(self, settings: LikenessSettings, shelf: Shelf) -> None:
        self._settings = settings
        self.shelf = shelf
        self._open: dict[Path, FolderEncoder] = {}

    def encoder_for(self, model: str) -> FolderEncoder | None:
        """See Encoders. Looks at folders, not into weights."""
        folder = self.folder_for(model)
        if folder is None:
            return None
        if folder not in self._open:
            self._open[folder] = FolderEncoder(folder)
        return self._open[folder]

    def folder_for(self, model: str) -> Path | None:
        """Where it lies."""
        return self._own(model) or self._configured() or self._adapter(model)

    async def close(self) -> None:
        """See Encoders."""
        for encoder in self._open.values():
            await asyncio.to_thread(encoder.close)
        self._open.clear()

    def _own(self, model: str) -> Path | None:
        entry = self.shelf.get(model)
        folder = self.shelf.folder(entry) if entry is not None else None
        return _encoder_in(folder / OWN) if folder is not None else None

    def _configured(self) -> Path | None:
        given = self._settings.likeness_encoder
        if not given:
            return None
        return _encoder_in(Path(given).expanduser()) or _encoder_in(self.shelf.snapshot(given))

    def _adapter(self, model: str) -> Path | None:
        entry = self.shelf.get(model)
        found = self.shelf.installed(ExtraKind.IP_ADAPTER, entry) if entry is not None else None
        return _encoder_in(found[1] / found[0].encoder) if found is not None else None


def _encoder_in(folder: Path) -> Path | None:
    return folder if (folder / "config.json").is_file() and (folder / WEIGHTS).is_file() else None


def _name(folder: Path) -> str:
    """What the folder is called, and a digest of what tells its weights: config, size and the first MiB."""
    weights = folder / WEIGHTS
    digest = hashlib.sha256((folder / "config.json").read_bytes())
    digest.update(str(weights.stat().st_size).encode())
    with weights.open("rb") as file:
        digest.update(file.read(1 << 20))
    return f"{folder.name[:100]}-{digest.hexdigest()[:12]}"


def _load(folder: Path) -> Any:
    """The model in eval mode; raises ValueError for a kind that is not known, OSError for broken files."""
    import transformers
    from safetensors import SafetensorError

    kinds = json.loads((folder / "config.json").read_text()).get("architectures") or ["?"]
    if kinds[0] not in KINDS:
        raise ValueError(
            f"{kinds[0]} is no image encoder that can be used; known are {', '.join(sorted(KINDS))}"
        )
    kind = getattr(transformers, kinds[0])
    try:
        with LOADS:
            return kind.from_pretrained(folder, local_files_only=True, use_safetensors=True).float().eval()
    except SafetensorError as error:
        raise ValueError(f"{WEIGHTS} cannot be read: {error}") from error


def _vector(model: Any, pixels: Any) -> tuple[float, ...] | None:
    """The picture's embedding as a unit vector; None when it has no direction."""
    import torch

    with torch.inference_mode():
        inputs = torch.from_numpy(pixels)
        found = (
            model.get_image_features(pixel_values=inputs)
            if hasattr(model, "get_image_features")
            else model(pixel_values=inputs)
        )
        vector = _pooled(found)[0].double()
        length = float(vector.norm())
    if not length or length != length:  # noqa: PLR0124 -- NaN
        return None
    return tuple((vector / length).tolist())


def _pooled(found: Any) -> Any:
    """One row a picture, of whatever the model answers: the projection, else the pooled state, else its class token."""
    if not hasattr(found, "keys"):
        return found
    for name in ("image_embeds", "pooler_output"):
        if found.get(name) is not None:
            return found[name]
    return found["last_hidden_state"][:, 0]
