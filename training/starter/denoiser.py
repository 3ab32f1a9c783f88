"""The denoiser: a small conditional UNet on latents, trained on the velocity target.

Knows noise levels, captions and latents; the text encoder is fixed here and trained along in
the joint stage.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from training.starter.arithmetic import autocast
from training.starter.autoencoder import LATENT_CHANNELS
from training.starter.captions import caption
from training.starter.latents import LatentCache
from training.starter.optimizers import optimizers_for
from training.starter.runs import Plan, Run, StepLosses, draws
from training.starter.text import HIDDEN, token_ids

if TYPE_CHECKING:
    from diffusers import DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

UNSAID_SHARE = 0.12
FACE, FACE_WEIGHT = (slice(3, 12), slice(4, 12)), 1.7
EYES_AND_MOUTH, EYES_AND_MOUTH_WEIGHT = (slice(6, 10), slice(5, 11)), 3.0


def new_unet(latents: int = LATENT_CHANNELS, side: int = 16) -> UNet2DConditionModel:
    """Untrained UNet of 5.6 million parameters; attention at half and quarter resolution."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=side,
        in_channels=latents,
        out_channels=latents,
        block_out_channels=(64, 96, 128),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=HIDDEN,
        attention_head_dim=(2, 4, 4),
        norm_num_groups=16,
    )


def new_scheduler() -> DDIMScheduler:
    """Velocity prediction from pure noise: the last step has no signal at all.

    Lin et al., "Common diffusion noise schedules and sample steps are flawed" (2023).
    """
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        steps_offset=1,  # unused with trailing steps; the pipeline warns about any other value
    )


class Denoiser(nn.Module):
    """UNet and the fixed text encoder that it listens to."""

    def __init__(self, unet: UNet2DConditionModel, text: CLIPTextModel) -> None:
        super().__init__()
        self.unet = unet
        self.text = text.requires_grad_(requires_grad=False)

    @override
    def forward(self, noisy: Tensor, times: Tensor, ids: Tensor) -> Tensor:
        """Predicted velocity, shaped like `noisy`."""
        with torch.no_grad():
            states = self.text(ids).last_hidden_state
        made: Tensor = self.unet(noisy, times, encoder_hidden_states=states, return_dict=False)[0]
        return made


@dataclass(frozen=True, slots=True)
class Material:
    """What the denoiser is trained on."""

    cache: LatentCache
    tokenizer: CLIPTokenizer
    batch: int
    deviation: float
    half: bool = False


def place_weights(side: int) -> Tensor:
    """How much each latent position counts, (1, 1, side, side), mean 1: faces more, eyes and mouths most."""
    weights = torch.ones(1, 1, 16, 16)
    weights[..., *FACE] = FACE_WEIGHT
    weights[..., *EYES_AND_MOUTH] = EYES_AND_MOUTH_WEIGHT
    return nn.functional.interpolate(weights / weights.mean(), size=(side, side), mode="nearest")


def captions_for(cache: LatentCache, indices: list[int], rng: random.Random) -> list[str]:
    """Fresh captions for cached pictures; some are empty, for guidance."""
    return [
        "" if rng.random() < UNSAID_SHARE
        else caption(cache.look(index), rng, everything=rng.random() < 0.15)
        for index in indices
    ]  # fmt: skip


def velocity_losses_of(
    predict: Callable[[Tensor, Tensor], Tensor],
    material: Material,
    indices: list[int],
    generator: torch.Generator,
    noisier: float = 1.0,
) -> StepLosses:
    """Weighted squared error of the velocity that `predict` gives, at stratified noise levels.

    The levels' density rises with the level to the power of `noisier` - 1: 1 is uniform, 3 puts half of the rows
    where a fifth of the levels are, at which it is decided what will be drawn at all.
    """
    scheduler, count = new_scheduler(), len(indices)
    clean = material.cache.pick(indices) / material.deviation
    noise = torch.randn(clean.shape, generator=generator)
    levels = (torch.arange(count) + torch.rand(count, generator=generator)) / count
    times = (levels ** (1 / noisier) * 1000).long().clamp(max=999)
    noisy = scheduler.add_noise(clean, noise, times)
    wanted = scheduler.get_velocity(clean, noise, times)
    with autocast(enabled=material.half):
        made = predict(noisy, times)
    squared = (made.float() - wanted).square()
    loss = (squared * place_weights(clean.shape[-1])).mean()
    return {"loss": loss, "mse": squared.mean().detach()}


def train_denoiser(plan: Plan, model: Denoiser, material: Material, *, every: Any = None) -> Run:
    """Train the UNet, resuming what the folder holds."""
    outer = ("conv_in", "conv_out", "time_embedding")
    run = Run(plan, model, optimizers_for(model.unet, rate=plan.rate, decay=0.01, adam_names=outer))
    run.resume()

    def losses_of(step: int) -> StepLosses:
        rng, generator = draws(plan.seed + 5, step)
        indices = [rng.randrange(len(material.cache)) for _ in range(material.batch)]
        ids = token_ids(material.tokenizer, captions_for(material.cache, indices, rng))
        return velocity_losses_of(lambda noisy, times: model(noisy, times, ids), material, indices, generator)

    run.train(losses_of, every=every)
    return run
