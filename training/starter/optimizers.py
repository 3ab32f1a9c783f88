"""Optimizer and learning rate: Muon for matrices and kernels, AdamW for the rest.

Knows parameters and rates; knows nothing of what is trained.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

_ITERATIONS = ((3.4445, -4.7750, 2.0315),) * 5


def orthogonal(matrix: Tensor) -> Tensor:
    """Nearest semi-orthogonal matrix, roughly (Newton-Schulz, five steps, in bfloat16).

    Quintic coefficients from Keller Jordan, "Muon: An optimizer for hidden layers" (2024).
    """
    wide: Tensor = matrix.bfloat16()
    flipped = wide.shape[0] > wide.shape[1]
    if flipped:
        wide = wide.T
    wide = wide / (wide.norm() + 1e-7)
    for a, b, c in _ITERATIONS:
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * (gram @ gram)) @ wide
    turned: Tensor = wide.T if flipped else wide
    return turned.to(matrix.dtype)


class Muon(torch.optim.Optimizer):
    """Momentum, made orthogonal per matrix; kernels count as (out, in*height*width).

    The update is scaled by 0.2*sqrt(larger side), so its size matches AdamW's and the same
    learning rate serves both (Liu et al., "Muon is scalable for LLM training", 2025).
    """

    def __init__(
        self, params: Iterable[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    @torch.no_grad()
    @override
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                self._update(weight, group)

    def _update(self, weight: Tensor, group: dict[str, float]) -> None:
        state, gradient = self.state[weight], weight.grad
        if gradient is None:
            return
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        state["momentum"].lerp_(gradient, 1 - group["momentum"])
        direction = gradient.lerp(state["momentum"], group["momentum"])
        flat = direction.reshape(direction.shape[0], -1)
        scale = 0.2 * math.sqrt(max(flat.shape))
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.add_(orthogonal(flat).view_as(weight), alpha=-group["lr"] * scale)


def optimizers_for(
    model: nn.Module, *, rate: float, decay: float, adam_names: tuple[str, ...], muon: bool = True
) -> list[torch.optim.Optimizer]:
    """Muon for tensors of two or more dimensions, AdamW for the rest.

    Parameters whose name contains one of `adam_names` (embeddings, first and last
    layers) also go to AdamW.
    """
    matrices: list[Tensor] = []
    others: list[Tensor] = []
    for name, weight in model.named_parameters():
        if not weight.requires_grad:
            continue
        plain = weight.ndim < 2 or not muon or any(part in name for part in adam_names)
        (others if plain else matrices).append(weight)
    chosen: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.99), weight_decay=0.0, foreach=True)
    ]
    if matrices:
        chosen.append(Muon(matrices, lr=rate, weight_decay=decay))
    return chosen


def rate_at(step: int, *, steps: int, warmup: int, decay: int) -> float:
    """Share of the full rate: linear warm-up, constant, then 1-sqrt over the last `decay` steps.

    A constant middle lets a later run continue from before the decay (warmup-stable-decay,
    Hägele et al., "Scaling laws and compute-optimal training beyond fixed durations", 2024).
    """
    if step < warmup:
        return (step + 1) / warmup
    left = steps - step
    if left >= decay:
        return 1.0
    return max(0.0, 1.0 - math.sqrt(1.0 - max(0, left) / decay))
