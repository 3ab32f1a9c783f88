"""SD and SDXL as something that learns: the stock pipeline's VAE and `encode_prompt`, noise by DDPM.

Size conditions as in Podell et al. 2023 (arXiv 2307.01952), 2.2.
"""

from typing import Any

import torch
from PIL import Image

from generators.diffusion.families.rows import sampled
from generators.diffusion.families.unet import to_latents
from generators.diffusion.pictures import fitted, opened
from generators.diffusion.trainer.lessons import Batch
from generators.diffusion.trainer.orders import Order

TEXT = "encoder_hidden_states"


class UNetPupil:
    """See Pupil; a condition is the UNet's inputs by name, one row each."""

    name: str = "unet"
    targets: tuple[str, ...] = ("to_q", "to_k", "to_v", "to_out.0")
    more_targets: tuple[str, ...] = ("conv1", "conv2")

    def __init__(self, pipeline: Any, order: Order, *, autocast: bool) -> None:
        from diffusers import DDPMScheduler

        self._pipeline = pipeline
        self._order = order
        self._autocast = autocast
        self._noises = DDPMScheduler.from_config(pipeline.scheduler.config)
        self.network = pipeline.unet

    def latents(self, picture: bytes) -> torch.Tensor:
        """See Pupil."""
        vae, side = self._pipeline.vae, self._order.side
        pixels = self._pipeline.image_processor.preprocess(fitted(opened(picture), side, side))
        return to_latents(vae, sampled(vae, pixels.to(vae.device, vae.dtype), None)).to(self.network.dtype)

    def conditions(self, prompt: str) -> dict[str, torch.Tensor]:
        """See Pupil."""
        device = self.network.device
        if self._order.family == "sd":
            return {TEXT: self._pipeline.encode_prompt(prompt, device, 1, False)[0]}
        embeds, _, pooled, _ = self._pipeline.encode_prompt(
            prompt=prompt, device=device, num_images_per_prompt=1, do_classifier_free_guidance=False
        )
        size = (self._order.side, self._order.side)
        ids = torch.tensor([[*size, 0, 0, *size]], dtype=embeds.dtype, device=device)
        return {TEXT: embeds, "text_embeds": pooled, "time_ids": ids}

    def losses(self, batch: Batch, noise: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        """See Pupil; every timestep equally often."""
        latents = batch.latents
        noise = noise.to(latents.device, latents.dtype)
        last = self._noises.config.num_train_timesteps
        timesteps = (share * last).long().clamp(0, last - 1).to(latents.device)
        noisy = self._noises.add_noise(latents, noise, timesteps)
        told = {
            name: torch.cat([condition[name] for condition in batch.conditions])
            for name in batch.conditions[0]
        }
        text = told.pop(TEXT)
        with torch.autocast(latents.device.type, torch.bfloat16, enabled=self._autocast):
            predicted: torch.Tensor = self.network(
                noisy, timesteps, text, added_cond_kwargs=told or None, return_dict=False
            )[0]
        wanted = self._target(latents, noise, timesteps)
        errors: torch.Tensor = (predicted.float() - wanted.float()).square()
        return errors.mean(dim=(1, 2, 3))

    def drawn(self, prompt: str, seed: int) -> torch.Tensor:
        """See Pupil."""
        made: torch.Tensor = self._made(prompt, seed, "latent")
        return made.to(self.network.dtype)

    def picture(self, prompt: str, seed: int) -> Image.Image:
        """See Pupil."""
        made: Image.Image = self._made(prompt, seed, "pil")[0]
        return made

    def _made(self, prompt: str, seed: int, output: str) -> Any:
        order = self._order
        return self._pipeline(
            prompt=prompt,
            height=order.side,
            width=order.side,
            num_inference_steps=order.sample_steps,
            guidance_scale=order.guidance,
            generator=torch.Generator("cpu").manual_seed(seed),
            output_type=output,
        ).images

    def _target(self, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        kind = self._noises.config.prediction_type
        if kind == "v_prediction":
            velocity: torch.Tensor = self._noises.get_velocity(latents, noise, timesteps)
            return velocity
        return latents if kind == "sample" else noise
