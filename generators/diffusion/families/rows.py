"""What all families do with their rows: noise, schedulers, guidance, steps, previews. Knows no architecture."""

import copy
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import diffusers
import torch
from diffusers.schedulers.scheduling_utils import KarrasDiffusionSchedulers
from diffusers.utils.torch_utils import randn_tensor

from generators.diffusion.asks import Ask
from generators.diffusion.families.estimate import estimated
from generators.diffusion.families.family import State

SCHEDULERS = frozenset(KarrasDiffusionSchedulers.__members__) | {"LCMScheduler"}
LOOK_SIDE = 16  # latents a side of the pictures that the preview map is fitted on
LOOK_PICTURES = 8


def own_scheduler(pipeline: Any, ask: Ask) -> Any:
    """A scheduler of the request's own: the checkpoint's class, or the one asked for with the same config.

    Raises:
        ValueError: no scheduler of that name goes with the checkpoint.
    """
    own = type(pipeline.scheduler).__name__
    if ask.scheduler is None or ask.scheduler == own:
        return copy.deepcopy(pipeline.scheduler)
    if ask.scheduler not in SCHEDULERS:
        raise ValueError(f"The scheduler {ask.scheduler!r} does not go with this checkpoint.")
    return getattr(diffusers, ask.scheduler).from_config(pipeline.scheduler.config)


def step_options(scheduler: Any, generator: torch.Generator) -> dict[str, Any]:
    """The optional arguments that this scheduler's `step` takes, as the stock pipelines give them."""
    takes = inspect.signature(scheduler.step).parameters
    options: dict[str, Any] = {"eta": 0.0} if "eta" in takes else {}
    if "generator" in takes:
        options["generator"] = generator
    return options


def noise(shape: tuple[int, ...], generator: torch.Generator, like: torch.Tensor) -> torch.Tensor:
    """Normal noise drawn on the CPU in the dtype of the embeds, so that every device draws the same."""
    drawn: torch.Tensor = randn_tensor(shape, generator=generator, device=like.device, dtype=like.dtype)
    return drawn


def stacked(states: Sequence[State], name: str) -> torch.Tensor:
    """One input of all states, rows in order."""
    return torch.cat([state.inputs[name] for state in states])


def guided(states: Sequence[State], output: torch.Tensor) -> list[torch.Tensor]:
    """Each state's prediction: u + g (c - u) (Ho and Salimans 2022, arXiv 2207.12598)."""
    predictions, row = [], 0
    for state in states:
        own = output[row : row + state.rows]
        row += state.rows
        if state.rows > 1:
            unconditional, conditional = own.chunk(2)
            own = unconditional + state.guidance * (conditional - unconditional)
        predictions.append(own)
    return predictions


def advance(state: State, prediction: torch.Tensor, *, estimate: bool) -> torch.Tensor | None:
    """One scheduler step."""
    before = (state.latents, state.timestep)
    output = state.scheduler.step(prediction, state.timestep, state.latents, **state.step_options)
    state.latents = output.prev_sample.to(before[0].dtype)
    state.index += 1
    guess = estimated(state.scheduler, output, prediction, before) if estimate else None
    if state.kept is not None:
        following = None if state.done else state.timestep
        state.latents = state.kept.into(state.latents, state.scheduler, following).to(before[0].dtype)
        guess = state.kept.into(guess, state.scheduler, None) if guess is not None else None
    return guess


def sampled(vae: Any, pixels: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
    """Through the VAE's encoder: a draw, or without a generator the most likely latents."""
    encoded = vae.encode(pixels)
    if hasattr(encoded, "latents"):
        latents: torch.Tensor = encoded.latents
        return latents
    spread = encoded.latent_dist
    drawn: torch.Tensor = spread.sample(generator) if generator is not None else spread.mode()
    return drawn


def look_through(
    encode: Callable[[torch.Tensor], torch.Tensor], side: int, like: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Fit latents -> RGB by least squares on smooth random pictures through the checkpoint's own encoder.

    So every VAE has its own map, trained ones and unknown ones alike; no table of factors is needed. `encode`
    takes pictures [n, 3, side, side] in -1..1 to latents [n, channels, h, w]; `like` gives device and dtype.
    """
    generator = torch.Generator("cpu").manual_seed(0)
    coarse = torch.rand((LOOK_PICTURES, 3, 4, 4), generator=generator)
    pictures = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bicubic").clamp(0, 1)
    latents = encode((pictures * 2 - 1).to(like.device, like.dtype)).float().cpu()
    small = torch.nn.functional.adaptive_avg_pool2d(pictures, (latents.shape[-2], latents.shape[-1]))
    x = latents.permute(0, 2, 3, 1).reshape(-1, latents.shape[1])
    x = torch.cat([x, torch.ones(len(x), 1)], dim=1)
    y = small.permute(0, 2, 3, 1).reshape(-1, 3)
    gram = x.T @ x + 1e-3 * torch.eye(x.shape[1])
    solved = torch.linalg.solve(gram, x.T @ y)
    return solved[:-1], solved[-1]
