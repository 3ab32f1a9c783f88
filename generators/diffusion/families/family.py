"""The contract of a model family: four methods, and the state of one request between them.

A family knows its networks' inputs and nothing of threads, fairness or events.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from PIL import Image

from generators.diffusion.adapters.attached import NOTHING, Attached
from generators.diffusion.asks import Ask
from generators.diffusion.families.inpainting import Kept
from generators.diffusion.step_cache import StepCache


@dataclasses.dataclass(kw_only=True)
class State:
    """One request between two steps; everything in it belongs to that request alone.

    Attributes:
        scheduler: its own noise scheduler, timesteps set.
        timesteps: what is iterated, one forward each (second-order schedulers have more than `steps`).
        latents: [1, channels, height, width] or as the family packs them, on the device.
        inputs: of the forward, with `rows` as first dimension (or lists of that length).
        rows: 1, or 2 with classifier-free guidance.
        guidance: weight of the conditional row over the unconditional one.
        attached: the adapters, references and control of its rows.
        clean: the initial picture of a flow family before any noise, as it is iterated.
        kept: what stays of an initial picture that is repainted in part.
        channels: more input channels [1, n, h, w] of a denoiser made for inpainting.
        fixed: inputs that all requests of equal `share` have in common (positions).
        cache: what its own forwards remember from step to step; such a request never shares a forward.
        exact: it is alone and its bytes count: forwards as the stock pipeline makes them.
        share: requests with equal `share` can share a forward.
        fresh: the scheduler's attributes before its first step; what differs later is what a save must hold.
        notes: facts for `parameters`.
    """

    scheduler: Any = dataclasses.field(repr=False)
    timesteps: list[torch.Tensor] = dataclasses.field(repr=False)
    latents: torch.Tensor = dataclasses.field(repr=False)
    inputs: dict[str, Any] = dataclasses.field(repr=False)
    rows: int
    guidance: float
    width: int
    height: int
    generator: torch.Generator
    share: tuple[Any, ...] = ()
    fixed: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)
    attached: Attached = NOTHING
    clean: torch.Tensor | None = dataclasses.field(default=None, repr=False)
    kept: Kept | None = dataclasses.field(default=None, repr=False)
    channels: torch.Tensor | None = dataclasses.field(default=None, repr=False)
    exact: bool = False
    cache: StepCache | None = dataclasses.field(default=None, repr=False)
    step_options: dict[str, Any] = dataclasses.field(default_factory=dict)
    index: int = 0
    fresh: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)
    notes: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Whether every step has run."""
        return self.index >= len(self.timesteps)

    @property
    def timestep(self) -> torch.Tensor:
        """The timestep of the next forward."""
        return self.timesteps[self.index]


class Family(Protocol):
    """How the checkpoints of one architecture make pictures. Stateless; every method runs without gradients."""

    def encode(self, pipeline: Any, ask: Ask, attached: Attached) -> State:
        """Text, images and noise to a state at its first step; `attached` is what it wears.

        Raises:
            ValueError: the request cannot be made by this checkpoint; the words are for its owner.
        """
        ...

    def denoise(self, pipeline: Any, states: Sequence[State]) -> list[torch.Tensor]:
        """One forward for all; the guided prediction of each. Changes no state, so it can be run again."""
        ...

    def step(self, state: State, prediction: torch.Tensor, *, estimate: bool) -> torch.Tensor | None:
        """Advance by one step; the estimate of the finished latents when asked for."""
        ...

    def decode(self, pipeline: Any, latents: torch.Tensor, size: tuple[int, int]) -> Image.Image:
        """Finished latents to a picture of `size` (width, height)."""
        ...

    def look(self, pipeline: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """The linear map latents -> RGB for previews: weights [channels, 3] and bias [3], RGB in 0..1."""
        ...
