"""A cache of encoded pictures, so that the denoiser's training need not render and encode.

Knows shards on disk: latents and, beside them, the looks they show.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.starter.arithmetic import autocast
from training.starter.autoencoder import batch_of
from training.starter.captions import training_look
from training.starter.looks import Look
from training.starter.runs import draws

if TYPE_CHECKING:
    from diffusers import AutoencoderTiny

SHARD = 4096
_SEED = 77


def write_shards(
    model: AutoencoderTiny, folder: Path, shards: range, *, pixels: int, size: int = SHARD
) -> None:
    """Encode pictures into shard files of `size` latents each; finished shards are kept.

    The looks lie beside the latents, so that a later change to how looks are drawn at random
    cannot part the two.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for shard in shards:
        path = folder / f"{shard:03d}.npy"
        if path.exists():
            continue
        looks = [training_look(draws(_SEED, shard * size + index)[0]) for index in range(size)]
        parts = [_encoded(model, looks[start : start + 32], pixels) for start in range(0, size, 32)]
        path.with_suffix(".json").write_text(json.dumps([dataclasses.asdict(look) for look in looks]))
        np.save(path.with_suffix(".part.npy"), np.concatenate(parts))
        path.with_suffix(".part.npy").replace(path)


def _encoded(model: AutoencoderTiny, looks: list[Look], pixels: int) -> NDArray[np.float16]:
    with torch.no_grad(), autocast():
        latents = model.encoder(batch_of(looks, pixels))
    array: NDArray[np.float16] = latents.float().contiguous().numpy().astype(np.float16)
    return array


class LatentCache:
    """All finished shards of a folder, unscaled latents of shape (count, channels, side, side)."""

    def __init__(self, folder: Path) -> None:
        paths = sorted(path for path in folder.glob("[0-9][0-9][0-9].npy"))
        if not paths:
            raise FileNotFoundError(f"no latents in {folder}: run the latents stage first")
        self.latents = torch.from_numpy(np.concatenate([np.load(path) for path in paths]))
        self._looks = [row for path in paths for row in json.loads(path.with_suffix(".json").read_text())]

    def __len__(self) -> int:
        return len(self.latents)

    def look(self, index: int) -> Look:
        """The look of the picture with this number."""
        row = self._looks[index]
        return Look(**row | {"shift": tuple(row["shift"])})

    def deviation(self) -> float:
        """Standard deviation over all channels, by which latents are divided for the denoiser."""
        return float(self.latents[:4096].float().std())

    def pick(self, indices: list[int]) -> Tensor:
        """The latents with these numbers, float32."""
        return self.latents[indices].float()
