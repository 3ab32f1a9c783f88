"""The shipped folder: standard diffusers format, 16-bit weights, a card for people.

Knows file formats; what the weights can do is measured elsewhere and passed in.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

from generators.diffusion.vocabulary import KNOWN_WORDS
from training.starter.card import model_card
from training.starter.latents import LatentCache
from training.starter.parts import (
    deviation_of,
    load_autoencoder,
    load_denoiser,
    load_together,
    pipeline,
    scaled,
)
from training.starter.reference import adapter_tensors
from training.starter.tokenizer import known_words

LIMIT = 16_000_000
NOTE = (
    "Built-in demo checkpoint, trained from nothing on cartoons drawn by code. Draws single cartoon"
    " portraits, empty scenes and eight objects at 128x128; words it does not know are ignored."
)


def export(folder: Path, target: Path, *, stage: str, steps: int = 15, guidance: float = 3.0) -> int:
    """Write the checkpoint of a run's folder to `target`; returns its size in bytes.

    Raises ValueError when it is larger than 16 MB.
    """
    deviation = deviation_of(folder, LatentCache(folder / "latents"))
    autoencoder = scaled(load_autoencoder(folder), deviation).to(memory_format=torch.contiguous_format)
    made = pipeline(load_denoiser(folder, stage), autoencoder, folder)
    made.to(dtype=torch.float16)
    made.save_pretrained(target, safe_serialization=True)
    words = target / "tokenizer" / "tokenizer.json"
    words.write_text(json.dumps(json.loads(words.read_text()), separators=(",", ":"), ensure_ascii=False))
    card = {
        "name": "Likeness starter",
        "note": NOTE,
        "licence": "Apache-2.0",
        "steps": steps,
        "guidance": guidance,
        "noise": False,
        "native_side": 128,
        "max_side": 128,
    }
    (target / "likeness.json").write_text(json.dumps(card, indent=2) + "\n")
    (target / KNOWN_WORDS).write_text("\n".join(sorted(known_words())) + "\n")
    if stage != "denoiser":
        _export_adapter(folder, target / "ip_adapter", stage)
    measured = folder / "figures.json"
    figures = json.loads(measured.read_text()) if measured.exists() else None
    (target / "README.md").write_text(model_card(figures, side=128, steps=steps, guidance=guidance))
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    if size > LIMIT:
        raise ValueError(f"the checkpoint takes {size} bytes; at most {LIMIT} are allowed")
    return size


def _export_adapter(folder: Path, target: Path, stage: str) -> None:
    from safetensors.torch import save_file

    model = load_together(folder, stage).to(torch.float16)
    model.encoder.save_pretrained(target / "image_encoder", safe_serialization=True)
    save_file(adapter_tensors(model.unet), target / "ip-adapter.safetensors")
