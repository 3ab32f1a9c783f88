"""Which accelerator there is and what it can do. Imports torch only when asked; knows no checkpoint."""

import dataclasses
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

BF16_ROCM = ("gfx90a", "gfx94", "gfx95", "gfx11", "gfx12")
AMPERE = 8  # compute capability; older cards emulate bfloat16 slowly
TESTED = frozenset({"cpu", "cuda"})  # docs/benchmarks.md says what ran on a GPU


@dataclasses.dataclass(frozen=True, kw_only=True)
class Device:
    """One device and what is chosen for it.

    `kind` is "cuda", "rocm", "mps" or "cpu"; `torch_name` what torch calls it ("cuda:0"). `dtype` is a torch
    dtype's name. `memory` in bytes, 0 = not known. `attention` names the attention used.
    """

    kind: str
    torch_name: str
    name: str
    dtype: str
    attention: str
    memory: int = 0
    threads: int = 1

    @property
    def tested(self) -> bool:
        """Whether the engine's own tests have run on this kind of device."""
        return self.kind in TESTED

    def describe(self) -> str:
        """In plain words, for `doctor`."""
        memory = f", {self.memory / 2**30:.0f} GiB" if self.memory else ""
        untested = "" if self.tested else " This kind of device was not tested with this version."
        threads = f", {self.threads} thread{'s' if self.threads != 1 else ''}" if self.kind == "cpu" else ""
        return (
            f"{KIND_WORDS[self.kind]}: {self.name}{memory}{threads}; "
            f"computes in {self.dtype} with {self.attention} attention.{untested}"
        )


KIND_WORDS = {"cuda": "NVIDIA GPU", "rocm": "AMD GPU (ROCm)", "mps": "Apple GPU (MPS)", "cpu": "CPU only"}


def discover(*, device: str = "auto", dtype: str = "auto", threads: int = 0) -> Device:
    """Choose the device and dtype; imports torch (seconds when cold), so never call it on an event loop.

    Raises:
        ValueError: the device asked for is not there, or the dtype is unknown.
    """
    import torch

    found = _find(torch, device)
    if found.kind == "cpu":
        found = dataclasses.replace(found, threads=threads or spare_cores())
    if dtype == "auto":
        return found
    if dtype not in ("float32", "bfloat16", "float16"):
        raise ValueError(f"The dtype {dtype!r} is unknown; use auto, float32, bfloat16 or float16.")
    return dataclasses.replace(found, dtype=dtype)


def spare_cores() -> int:
    """All cores but one, which is left to the event loop and the database; at least one.

    More compute threads than free cores cost dearly: they wait for each other by spinning (25 times the CPU time
    on a machine with two cores and other work).
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores - 1)


def _find(torch: Any, asked: str) -> Device:
    kind = asked.split(":", maxsplit=1)[0]
    if kind not in ("auto", "cuda", "mps", "cpu"):
        raise ValueError(f"The device {asked!r} is unknown; use auto, cuda, cuda:N, mps or cpu.")
    if kind in ("auto", "cuda") and torch.cuda.is_available():
        return _gpu(torch, int(asked.split(":")[1]) if ":" in asked else 0)
    if kind in ("auto", "mps") and torch.backends.mps.is_available():
        return Device(
            kind="mps",
            torch_name="mps",
            name=platform.processor() or platform.machine(),
            dtype="float16",
            attention="native",
        )
    if kind in ("cuda", "mps"):
        raise ValueError(f"The device {asked!r} was asked for, but torch {torch.__version__} sees none.")
    return Device(
        kind="cpu",
        torch_name="cpu",
        name=platform.processor() or platform.machine(),
        dtype="float32",
        attention="native",
    )


def _gpu(torch: Any, index: int) -> Device:
    if index >= torch.cuda.device_count():
        raise ValueError(f"The device 'cuda:{index}' was asked for; there are {torch.cuda.device_count()}.")
    facts = torch.cuda.get_device_properties(index)
    rocm = torch.version.hip is not None
    architecture = str(getattr(facts, "gcnArchName", ""))
    bf16 = architecture.startswith(BF16_ROCM) if rocm else facts.major >= AMPERE
    return Device(
        kind="rocm" if rocm else "cuda",
        torch_name=f"cuda:{index}",
        name=str(facts.name),
        dtype="bfloat16" if bf16 else "float16",
        attention="native flash" if bf16 else "native",
        memory=int(facts.total_memory),
    )


def several_gpus(devices: Path = Path("/dev")) -> bool:
    """Whether this machine seems to have more than one GPU; a look at device files, without torch (Linux)."""
    nvidia = [path for path in devices.glob("nvidia*") if path.name.removeprefix("nvidia").isdecimal()]
    amd = list(devices.glob("dri/renderD*")) if (devices / "kfd").exists() else []
    return max(len(nvidia), len(amd)) > 1


def visible_gpus() -> int:
    """How many torch sees. In a process of its own, so that a server whose engines are processes loads no torch."""
    code = "import torch; print(torch.cuda.device_count())"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)  # noqa: S603 - our own program, no shell
    return int(done.stdout) if done.returncode == 0 else 1
