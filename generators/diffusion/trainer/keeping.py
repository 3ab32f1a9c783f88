"""What a training leaves behind: saved states to go on from, and the adapter file. safetensors only, no pickles."""

import dataclasses
import json
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save, save_file

from generators.diffusion.trainer.orders import Order

Tensors = dict[str, torch.Tensor]
LENGTH = 8  # bytes; also what the header is padded to


@dataclasses.dataclass(kw_only=True)
class Record:
    """How far it has come. `scores` are (step, score), higher is better; `best` the weights of the best one."""

    step: int = 0
    losses: list[float] = dataclasses.field(default_factory=list)
    scores: list[tuple[int, float]] = dataclasses.field(default_factory=list)
    best: Tensors = dataclasses.field(default_factory=dict)

    @property
    def best_step(self) -> int:
        """Where the best score was reached, the earliest of equals."""
        return max(self.scores, key=lambda item: (item[1], -item[0]))[0]


def save_state(
    order: Order, file: str, optimizer: torch.optim.AdamW, weights: Tensors, record: Record
) -> None:
    """Everything that the next step depends on."""
    tensors = {f"weight.{name}": value.detach() for name, value in weights.items()}
    tensors |= {f"best.{name}": value for name, value in record.best.items()}
    for name, value in weights.items():
        moments = optimizer.state.get(value)
        if moments is None:  # nothing that the network says depends on it, as in a last block's text half
            continue
        tensors |= {f"{kind}.{name}": moments[kind] for kind in ("exp_avg", "exp_avg_sq")}
    told = {"step": record.step, "losses": record.losses, "scores": record.scores}
    whole = {name: value.to("cpu").contiguous() for name, value in tensors.items()}
    save_file(whole, order.path(file), metadata={"training": json.dumps(told)})


def load_state(order: Order, optimizer: torch.optim.AdamW, weights: Tensors) -> Record:
    """Put back what `save_state` wrote; a fresh record when it does not fit these weights."""
    try:
        with safe_open(order.path(order.resume), framework="pt") as file:
            told = json.loads((file.metadata() or {})["training"])
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
    except (SafetensorError, KeyError, ValueError, OSError):
        return Record()
    if any(
        found.get(f"weight.{name}") is None or found[f"weight.{name}"].shape != value.shape
        for name, value in weights.items()
    ):
        return Record()
    for name, value in weights.items():
        with torch.no_grad():
            value.copy_(found[f"weight.{name}"])
        if f"exp_avg.{name}" not in found:
            continue
        optimizer.state[value] = {
            "step": torch.tensor(float(told["step"])),
            **{kind: found[f"{kind}.{name}"].to(value.device) for kind in ("exp_avg", "exp_avg_sq")},
        }
    best = {name.removeprefix("best."): value for name, value in found.items() if name.startswith("best.")}
    return Record(
        step=told["step"],
        losses=told["losses"],
        scores=[(step, score) for step, score in told["scores"]],
        best=best,
    )


def adapter(order: Order, trained: tuple[str, dict[str, Any]], record: Record) -> bytes:
    """The file: diffusers' naming and metadata, readable by `load_lora_weights`, and how the subject is called.

    `trained`: the network's name and its LoRA's configuration.
    """
    network, lora_config = trained
    told = {
        "trigger": order.trigger,
        "class_prompt": order.class_prompt,
        "base_model": order.base_model,
        "steps": order.steps,
        "step": record.best_step,
    }
    metadata = {
        "format": "pt",
        "lora_adapter_metadata": json.dumps(
            {f"{network}.{key}": value for key, value in lora_config.items()}
        ),
        "likeness": json.dumps(told),
    }
    named = {
        f"{network}.{name}": value.detach().to("cpu").contiguous() for name, value in record.best.items()
    }
    return _ordered(save(named, metadata))


def _ordered(data: bytes) -> bytes:
    """Equal contents as equal bytes: the library writes the header in any order.

    See https://huggingface.co/docs/safetensors: 8 bytes of length, the header as JSON, the tensors.
    """
    length = int.from_bytes(data[:LENGTH], "little")
    header = json.dumps(json.loads(data[LENGTH : LENGTH + length]), sort_keys=True).encode()
    header += b" " * (-len(header) % LENGTH)
    return len(header).to_bytes(LENGTH, "little") + header + data[LENGTH + length :]
