"""How much memory a checkpoint takes and how much there is. Reads headers of safetensors only."""

import json
import math
from pathlib import Path

import torch

from generators.diffusion.devices import Device

MARGIN = 1.2  # activations and fragmentation beside the weights
OVERHEAD = 2**30


def needed(folder: Path, device: Device) -> int:
    """Bytes on the device once loaded, weights with a margin."""
    width = 4 if device.dtype == "float32" else 2
    count = sum(
        _numbers(path)
        for path in folder.glob("*/*.safetensors")
        if path.parent.name != "safety_checker" and not _double(path)
    )
    return int(count * width * MARGIN) + OVERHEAD


def free(device: Device) -> int | None:
    """Bytes free on the device; None = not known, so nothing is refused for it."""
    if device.kind in ("cuda", "rocm"):
        return int(torch.cuda.mem_get_info(torch.device(device.torch_name))[0])
    return None


def _double(path: Path) -> bool:
    """Whether the same weights also lie there without a mark of reduced precision."""
    plain = path.with_name(path.name.replace(".fp16", "").replace(".bf16", "").replace(".non_ema", ""))
    return plain != path and plain.is_file()


def _numbers(path: Path) -> int:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    return sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
