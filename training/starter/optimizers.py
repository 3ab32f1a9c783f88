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

from training.starter.arithmetic import working_dtype

_ITERATIONS = ((3.4445, -4.7750, 2.0315),) * 5


def orthogonal(matrices: Tensor) -> Tensor:
    """Nearest semi-orthogonal matrices, roughly (Newton-Schulz, five steps, in the working dtype).

    Takes and gives (count, rows, columns) with rows <= columns; one call for many matrices of
    a shape costs half of many calls. Quintic coefficients from Keller Jordan, "Muon: An
    optimizer for hidden layers" (2024).
    """
    wide: Tensor = matrices.to(working_dtype())
    wide = wide / (wide.flatten(1).norm(dim=1)[:, None, None] + 1e-7)
    for a, b, c in _ITERATIONS:
        gram = torch.bmm(wide, wide.transpose(1, 2))
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        wide = torch.baddbmm(wide, polynomial, wide, beta=a)
    return wide.to(matrices.dtype)


def _lying(matrix: Tensor) -> Tensor:
    return matrix.T if matrix.shape[0] > matrix.shape[1] else matrix


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
            by_shape: dict[tuple[int, ...], list[tuple[Tensor, Tensor]]] = {}
            for weight in group["params"]:
                if weight.grad is not None:
                    flat = self._direction(weight, weight.grad, group["momentum"])
                    by_shape.setdefault(tuple(_lying(flat).shape), []).append((weight, flat))
            for pairs in by_shape.values():
                self._update(pairs, group)

    def _direction(self, weight: Tensor, gradient: Tensor, momentum: float) -> Tensor:
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        state["momentum"].lerp_(gradient, 1 - momentum)
        return gradient.lerp(state["momentum"], momentum).reshape(weight.shape[0], -1)

    def _update(self, pairs: list[tuple[Tensor, Tensor]], group: dict[str, float]) -> None:
        turned = orthogonal(torch.stack([_lying(flat) for _, flat in pairs]))
        for (weight, flat), update in zip(pairs, turned, strict=True):
            shaped = update if _lying(flat) is flat else update.T
            scale = 0.2 * math.sqrt(max(flat.shape))
            weight.mul_(1 - group["lr"] * group["weight_decay"])
            weight.add_(shaped.reshape(weight.shape), alpha=-group["lr"] * scale)


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
