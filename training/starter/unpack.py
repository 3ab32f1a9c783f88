"""The shipped checkpoint as a training folder, so that a later stage can begin without the earlier ones.

Knows both layouts. The shipped weights have 16 bits: what a stage leaves alone is exported again bit for bit.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from training.starter.joint import Together
from training.starter.parts import DEVIATION, empty_together
from training.starter.reference import load_adapter_tensors


def unpack(checkpoint: Path, folder: Path) -> None:
    """Write `autoencoder`, `tokenizer` and `joint` of a training folder from an exported checkpoint.

    Raises FileExistsError when the folder already holds a joint stage: training is not overwritten.
    """
    joint = folder / "joint" / "state.pt"
    if joint.exists():
        raise FileExistsError(f"{joint} exists: choose an empty folder")
    shutil.copytree(checkpoint / "tokenizer", folder / "tokenizer", dirs_exist_ok=True)
    _write(folder / "autoencoder" / "state.pt", _weights(checkpoint / "vae"))
    factor = json.loads((checkpoint / "vae" / "config.json").read_text())["scaling_factor"]
    (folder / DEVIATION).write_text(repr(1.0 / factor))
    model = shipped_together(checkpoint, folder)
    _write(joint, model.state_dict())


def shipped_together(checkpoint: Path, folder: Path) -> Together:
    """UNet with adapter, text encoder and image encoder of an exported checkpoint, float32."""
    model = empty_together(folder)
    _take(model.unet, _weights(checkpoint / "unet"), partly=True)
    _take(model.text, load_file(checkpoint / "text_encoder" / "model.safetensors"))
    adapter = checkpoint / "ip_adapter"
    _take(model.encoder, load_file(adapter / "image_encoder" / "model.safetensors"))
    load_adapter_tensors(model.unet, load_file(adapter / "ip-adapter.safetensors"))
    return model


def _take(module: nn.Module, weights: dict[str, Tensor], *, partly: bool = False) -> None:
    missing, unexpected = module.load_state_dict(weights, strict=False)
    if unexpected or (missing and not partly):
        raise ValueError(f"the checkpoint does not fit: {unexpected or missing}")


def _weights(part: Path) -> dict[str, Tensor]:
    return load_file(part / "diffusion_pytorch_model.safetensors")


def _write(path: Path, weights: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"average": {name: value.float() for name, value in weights.items()}}, path)
