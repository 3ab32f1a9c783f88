"""How much memory a checkpoint takes and how much there is. Reads headers of safetensors only."""

import json
import math
import re
from pathlib import Path

import torch

from generators.diffusion.devices import Device
from generators.diffusion.tuning import ENCODERS, Tuning

MARGIN = 1.2  # activations and fragmentation beside the weights
OVERHEAD = 2**30  # bytes for the runtime itself
CPU_OVERHEAD = 2**28
DENOISERS = ("unet", "transformer")
MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")


def needed(folder: Path, device: Device, tuning: Tuning | None = None) -> int:
    """Bytes on the device once loaded, weights with a margin; what waits in main memory elsewhere is left out."""
    width = 4 if device.dtype == "float32" else 2
    size = 0
    for path in folder.glob("*/*.safetensors"):
        if path.parent.name != "safety_checker" and not _double(path):
            size += _numbers(path) * _width(path.parent.name, width, device, tuning)
    return int(size * MARGIN) + (CPU_OVERHEAD if device.kind == "cpu" else OVERHEAD)


def _width(part: str, plain: int, device: Device, tuning: Tuning | None) -> int:
    """Bytes that each weight of a part takes on the device."""
    if tuning is None:
        return plain
    away = tuning.offload in ("blocks", "layers") and part in (*DENOISERS, *ENCODERS)
    away = away or (tuning.offload == "encoders" and part in ENCODERS)
    if away and device.kind != "cpu":
        return 0
    return tuning.weight_bytes or plain if part in DENOISERS else plain


def free(device: Device) -> int | None:
    """Bytes free on the device, with those that torch keeps for later use; None = not known, so nothing is refused."""
    if device.kind in ("cuda", "rocm"):
        place = torch.device(device.torch_name)
        kept = torch.cuda.memory_reserved(place) - torch.cuda.memory_allocated(place)
        return int(torch.cuda.mem_get_info(place)[0]) + kept
    return available() if device.kind == "cpu" else None


def available(meminfo: Path = MEMINFO, cgroup: Path = CGROUP) -> int | None:
    """Bytes of main memory that programs can still have: the machine's (Linux), or less in a container."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB$", _text(meminfo), re.MULTILINE)
    there = int(found[1]) * 1024 if found else None
    most, used = _text(cgroup / "memory.max").strip(), _text(cgroup / "memory.current").strip()
    if most.isdigit() and used.isdigit():
        left = max(0, int(most) - int(used))
        return left if there is None else min(there, left)
    return there


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""  # another system, or no limit


def _double(path: Path) -> bool:
    """Whether the same weights also lie there without a mark of reduced precision."""
    plain = path.with_name(path.name.replace(".fp16", "").replace(".bf16", "").replace(".non_ema", ""))
    return plain != path and plain.is_file()


def _numbers(path: Path) -> int:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    return sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
