"""Repainting a part of a picture: everything outside the mask is laid back after each step. Knows no architecture.

What is kept gets the noise of the step that comes next, so that both parts are equally noisy (Lugmayr et al. 2022,
arXiv 2201.09865, section 4.1, as the stock pipelines do it). Denoisers made for inpainting see mask and picture as
input channels instead, and nothing is laid back.
"""

import dataclasses
from typing import Any

import numpy as np
import torch

from generators.diffusion.pictures import fitted, painted

HALF = 0.5


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Kept:
    """What stays as it is, in the layout that the steps iterate.

    `clean` latents of the picture, the `noise` that the run began with, and `mask`: 1 = repainted.
    """

    clean: torch.Tensor
    noise: torch.Tensor
    mask: torch.Tensor

    def into(self, latents: torch.Tensor, scheduler: Any, timestep: torch.Tensor | None) -> torch.Tensor:
        """The latents with the rest laid back, as noisy as the next `timestep` wants it; None = finished."""
        rest = self.clean
        if timestep is not None:
            when = timestep.reshape(1)
            if hasattr(scheduler, "scale_noise"):
                rest = scheduler.scale_noise(rest, when, self.noise)
            else:
                rest = scheduler.add_noise(rest, self.noise, when)
        return (1 - self.mask) * rest + self.mask * latents


def mask_of(data: bytes, width: int, height: int) -> torch.Tensor:
    """[1, 1, height, width], 1 = repainted: where the mask is at least half white.

    Raises:
        ValueError: it is no picture, or marks nothing.
    """
    levels = np.asarray(fitted(painted(data), width, height), dtype=np.float32) / 255.0
    return _marking(torch.from_numpy((levels >= HALF).astype(np.float32))[None, None])


def nearest(mask: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """The mask at the size of latents: each takes the level of its first pixel, as in the stock pipelines.

    Raises:
        ValueError: nothing of what it marks is left.
    """
    return _marking(torch.nn.functional.interpolate(mask, size=(height, width)))


def _marking(mask: torch.Tensor) -> torch.Tensor:
    if not bool((mask >= HALF).any()):
        raise ValueError("The mask marks nothing that can be painted anew: make its white part larger.")
    return mask


def masked_pixels(pixels: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The picture with what will be repainted made grey."""
    return pixels * (mask < HALF)
