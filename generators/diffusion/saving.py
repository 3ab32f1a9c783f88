"""A request's state as bytes and back: latents, scheduler, random numbers. Never pickle.

The bytes are one safetensors file: tensors by name, and all else as JSON in its metadata. Knows every
scheduler only as an object whose attributes are numbers, tensors and lists of them.
"""

import dataclasses
import json
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from generators.diffusion.families.family import State
from generators.diffusion.noise import attributes

FORMAT = 1
PLAIN = (bool, int, float, str, type(None))


class UnsavableError(Exception):
    """The scheduler holds something that is neither number, text, tensor nor a list of them (an SDE's noise tree)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A state at a step boundary, independent of what happens to the request afterwards."""

    index: int
    tensors: dict[str, torch.Tensor]
    scheduler: dict[str, Any]


def capture(state: State) -> Snapshot:
    """Copy what differs from a fresh scheduler.

    Raises:
        UnsavableError: see there; such a run starts anew after a crash.
    """
    tensors = {"latents": state.latents.detach().clone(), "random": state.generator.get_state()}
    changed = {
        name: _flatten(value, name, tensors)
        for name, value in attributes(state.scheduler).items()
        if name not in state.fresh or not _same(value, state.fresh[name])
    }
    return Snapshot(index=state.index, tensors=tensors, scheduler=changed)


def pack(snapshot: Snapshot, fingerprint: str) -> bytes:
    """The snapshot as bytes; `fingerprint` ties it to its request."""
    told = {
        "format": FORMAT,
        "fingerprint": fingerprint,
        "index": snapshot.index,
        "scheduler": snapshot.scheduler,
        "strides": {name: list(tensor.stride()) for name, tensor in snapshot.tensors.items()},
    }
    tensors = {name: tensor.cpu().contiguous() for name, tensor in snapshot.tensors.items()}
    return bytes(save_tensors(tensors, metadata={"likeness": json.dumps(told, sort_keys=True)}))


def restore(state: State, data: bytes, fingerprint: str) -> bool:
    """Put a freshly encoded state where the saved one stood; False, and nothing changed, when it does not fit."""
    told = _told(data)
    if told is None or told["fingerprint"] != fingerprint or told["index"] > len(state.timesteps):
        return False
    try:
        loaded = load_tensors(data)
    except SafetensorError:
        return False
    tensors = {name: _laid_out(tensor, told["strides"][name]) for name, tensor in loaded.items()}
    latents = tensors["latents"]
    if latents.shape != state.latents.shape or latents.dtype != state.latents.dtype:
        return False
    device = state.latents.device
    state.latents = latents.to(device)
    state.generator.set_state(tensors["random"])
    state.index = told["index"]
    for name, value in told["scheduler"].items():
        setattr(state.scheduler, name, _unflatten(value, tensors, device))
    return True


def _laid_out(tensor: torch.Tensor, strides: list[int]) -> torch.Tensor:
    """A copy in memory of its own with the strides it had: alignment and layout decide how kernels round."""
    placed = torch.empty_strided(tensor.shape, strides, dtype=tensor.dtype)
    return placed.copy_(tensor)


def _told(data: bytes) -> dict[str, Any] | None:
    try:
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])
        told: dict[str, Any] = json.loads(header["__metadata__"]["likeness"])
    except (ValueError, KeyError, TypeError):
        return None
    return told if told.get("format") == FORMAT else None


def _flatten(value: Any, name: str, tensors: dict[str, torch.Tensor]) -> Any:
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        tensors[name] = torch.from_numpy(value.copy())
        return {"array": name}
    if isinstance(value, torch.Tensor):
        tensors[name] = value.detach().clone()
        return {"tensor": name, "moved": value.device.type != "cpu"}
    if isinstance(value, list | tuple):
        items = [_flatten(item, f"{name}.{number}", tensors) for number, item in enumerate(value)]
        return {"items": items, "tuple": isinstance(value, tuple)}
    raise UnsavableError(f"{name} is a {type(value).__name__}")


def _unflatten(value: Any, tensors: dict[str, torch.Tensor], device: torch.device) -> Any:
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return tensors[value["array"]].numpy()
    if "tensor" in value:
        tensor = tensors[value["tensor"]]
        return tensor.to(device) if value["moved"] else tensor
    items = [_unflatten(item, tensors, device) for item in value["items"]]
    return tuple(items) if value["tuple"] else items


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other.to(one.device))  # some move their tables
    if isinstance(one, np.ndarray):
        return bool(np.array_equal(one, other))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
