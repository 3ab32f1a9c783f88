"""The decoder trained on, with the encoder fixed: sharper pictures from the same latents.

May run beside or after the denoiser's training, whose latents it does not change.
"""

from __future__ import annotations

import torch

from training.starter.arithmetic import autocast
from training.starter.autoencoder import (
    averaged_psnr,
    batch_of,
    importance,
    looks_of,
    new_autoencoder,
    picture_loss,
)
from training.starter.optimizers import optimizers_for
from training.starter.runs import Plan, Run, StepLosses, draws
from training.starter.sheets import held_out_looks


def train_decoder(plan: Plan, start: dict[str, torch.Tensor], *, batch: int, pixels: int) -> Run:
    """Train the decoder of an autoencoder whose weights are `start`, resuming what the folder holds."""
    torch.manual_seed(plan.seed)
    model = new_autoencoder().to(memory_format=torch.channels_last)
    model.load_state_dict(start)
    model.encoder.requires_grad_(requires_grad=False)
    outer = ("decoder.layers.0.", f"decoder.layers.{len(model.decoder.layers) - 1}.")
    run = Run(plan, model, optimizers_for(model, rate=plan.rate, decay=0.0, adam_names=outer))
    run.resume()
    weights, held_out = importance(pixels), batch_of(held_out_looks(48), pixels)

    def losses_of(step: int) -> StepLosses:
        rng, generator = draws(plan.seed + 23, step)
        pictures = batch_of(looks_of(rng, batch), pixels)
        with torch.no_grad(), autocast():
            latents = model.encoder(pictures).float()
        noise = torch.randn(latents.shape, generator=generator) * 0.07
        with autocast():
            made = model.decoder((latents + noise).to(memory_format=torch.channels_last))
        return {"loss": picture_loss(made.float(), pictures, weights)}

    run.train(losses_of, every=lambda now: {"held_out_psnr": averaged_psnr(now, held_out)})
    return run
