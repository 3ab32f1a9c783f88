"""A cache of encoded pictures, so that the denoiser's training need not render and encode.

Knows shards on disk; the look of picture number i is derived from the seed and i, so
only latents are stored.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from training.starter.autoencoder import batch_of
from training.starter.captions import training_look
from training.starter.looks import Look
from training.starter.runs import draws

if TYPE_CHECKING:
    from diffusers import AutoencoderTiny

SHARD = 4096
_SEED = 77


def cached_look(index: int) -> Look:
    """The look of the cached picture with this number."""
    rng, _ = draws(_SEED, index)
    return training_look(rng)


def write_shards(
    model: AutoencoderTiny, folder: Path, shards: range, *, pixels: int, size: int = SHARD
) -> None:
    """Encode pictures into shard files of `size` latents each; finished shards are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    for shard in shards:
        path = folder / f"{shard:03d}.npy"
        if path.exists():
            continue
        parts = []
        for start in range(shard * size, (shard + 1) * size, 32):
            pictures = batch_of(
                [cached_look(i) for i in range(start, min(start + 32, (shard + 1) * size))], pixels
            )
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                parts.append(model.encoder(pictures).float().contiguous().numpy().astype(np.float16))
        np.save(path.with_suffix(".part.npy"), np.concatenate(parts))
        path.with_suffix(".part.npy").replace(path)


class LatentCache:
    """All finished shards of a folder, unscaled latents of shape (count, channels, side, side)."""

    def __init__(self, folder: Path) -> None:
        paths = sorted(path for path in folder.glob("[0-9][0-9][0-9].npy"))
        if not paths:
            raise FileNotFoundError(f"no latents in {folder}: run the latents stage first")
        self.latents = torch.from_numpy(np.concatenate([np.load(path) for path in paths]))

    def __len__(self) -> int:
        return len(self.latents)

    def deviation(self) -> float:
        """Standard deviation over all channels, by which latents are divided for the denoiser."""
        return float(self.latents[:4096].float().std())

    def channels(self) -> tuple[list[float], list[float]]:
        """Mean and deviation of each channel."""
        some = self.latents[:4096].float()
        return some.mean(dim=(0, 2, 3)).tolist(), some.std(dim=(0, 2, 3)).tolist()

    def pick(self, indices: list[int]) -> Tensor:
        """The latents with these numbers, float32."""
        return self.latents[indices].float()
