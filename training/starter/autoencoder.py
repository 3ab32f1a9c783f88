"""The autoencoder: pictures to latents an eighth their size, and back.

Knows how it is built and trained; the latents' mean is about 0 and their deviation about 1.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.starter.arithmetic import autocast
from training.starter.looks import Look, random_look
from training.starter.optimizers import optimizers_for
from training.starter.render import pixels_of
from training.starter.runs import Plan, Run, StepLosses, draws
from training.starter.sheets import held_out_looks

if TYPE_CHECKING:
    from diffusers import AutoencoderTiny

LATENT_CHANNELS = 8
FACE, EYES, MOUTH = (30, 28, 98, 92), (44, 48, 84, 64), (50, 66, 78, 82)


def new_autoencoder(width: int = 32, latents: int = LATENT_CHANNELS) -> AutoencoderTiny:
    """Untrained autoencoder; nothing is computed at full resolution but its two outer layers."""
    from diffusers import AutoencoderTiny

    return AutoencoderTiny(
        encoder_block_out_channels=(width,) * 4,
        decoder_block_out_channels=(width,) * 4,
        num_encoder_blocks=(0, 1, 2, 2),
        num_decoder_blocks=(4, 4, 3, 0),
        latent_channels=latents,
        scaling_factor=1.0,
    )


def batch_of(looks: list[Look], pixels: int) -> Tensor:
    """Rendered pictures as (count, 3, pixels, pixels) in -1..1."""
    stacked = np.stack([pixels_of(look, pixels) for look in looks])
    tensor = torch.from_numpy(stacked).permute(0, 3, 1, 2).float()
    return tensor.div_(127.5).sub_(1.0).contiguous(memory_format=torch.channels_last)


def importance(pixels: int) -> Tensor:
    """How much each pixel counts, (1, 1, pixels, pixels): faces, eyes and mouths more."""
    weights = torch.ones(1, 1, 128, 128)
    for (left, top, right, bottom), weight in ((FACE, 1.5), (EYES, 2.5), (MOUTH, 2.5)):
        weights[..., top:bottom, left:right] = weight
    return functional.interpolate(weights, size=(pixels, pixels), mode="area")


def picture_loss(made: Tensor, wanted: Tensor, weights: Tensor) -> Tensor:
    """Weighted L1, L1 of the picture's gradients (crisp edges) and L2 of both."""
    gap = made - wanted
    across, down = gap[..., :, 1:] - gap[..., :, :-1], gap[..., 1:, :] - gap[..., :-1, :]
    edges = (across.abs() * weights[..., 1:]).mean() + (down.abs() * weights[..., 1:, :]).mean()
    return (gap.abs() * weights).mean() + 0.5 * edges + 1.5 * (gap.square() * weights).mean()


def autoencoder_losses(
    model: AutoencoderTiny, pictures: Tensor, generator: torch.Generator, weights: Tensor
) -> StepLosses:
    """Reconstruction from noisy latents, and a pull of the latents to mean 0, deviation 1."""
    noise = torch.randn(
        (len(pictures), LATENT_CHANNELS, pictures.shape[2] // 8, pictures.shape[3] // 8),
        generator=generator,
    )
    amount = torch.rand((len(pictures), 1, 1, 1), generator=generator) * 0.15
    with autocast():
        latents = model.encoder(pictures)
        made = model.decoder((latents + noise * amount).to(memory_format=torch.channels_last))
    latents, made = latents.float(), made.float()
    spread = latents.mean(dim=(0, 2, 3)).square().mean() + (latents.std(dim=(0, 2, 3)) - 1).square().mean()
    picture = picture_loss(made, pictures, weights)
    with torch.no_grad():
        squared = (made - pictures).square().mean(dim=(1, 2, 3)) / 4
        decibels = (-10 * torch.log10(squared + 1e-9)).mean()
    return {"loss": picture + 0.05 * spread, "psnr": decibels, "deviation": latents.std().detach()}


def psnr(model: nn.Module, pictures: Tensor) -> float:
    """Mean peak signal-to-noise ratio in dB of pictures encoded and decoded without noise."""
    with torch.no_grad(), autocast():
        encode, decode = model.get_submodule("encoder"), model.get_submodule("decoder")
        made = decode(encode(pictures)).float().clamp(-1, 1)
    squared = (made - pictures).square().mean(dim=(1, 2, 3)) / 4
    return float((-10 * torch.log10(squared)).mean())


def averaged_psnr(run: Run, pictures: Tensor) -> float:
    """The figure of the run's averaged weights."""
    kept = {name: value.clone() for name, value in run.model.state_dict().items()}
    run.model.load_state_dict(run.average)
    try:
        return psnr(run.model, pictures)
    finally:
        run.model.load_state_dict(kept)


def train_autoencoder(plan: Plan, *, batch: int, pixels: int, muon: bool = True) -> Run:
    """Train on fresh pictures, resuming what the folder holds."""
    torch.manual_seed(plan.seed)
    model = new_autoencoder().to(memory_format=torch.channels_last)
    outer = ("encoder.layers.0.", "decoder.layers.0.", f"decoder.layers.{len(model.decoder.layers) - 1}.")
    optimizers = optimizers_for(model, rate=plan.rate, decay=0.0, adam_names=outer, muon=muon)
    run = Run(plan, model, optimizers)
    run.resume()
    weights = importance(pixels)
    held_out = batch_of(held_out_looks(48), pixels)

    def losses_of(step: int) -> StepLosses:
        rng, generator = draws(plan.seed, step)
        pictures = batch_of(looks_of(rng, batch), pixels)
        return autoencoder_losses(model, pictures, generator, weights)

    run.train(losses_of, every=lambda now: {"held_out_psnr": averaged_psnr(now, held_out)})
    return run


def looks_of(rng: random.Random, count: int) -> list[Look]:
    """Fresh random looks."""
    return [random_look(rng) for _ in range(count)]
