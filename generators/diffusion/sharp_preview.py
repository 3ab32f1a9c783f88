"""Previews through a tiny autoencoder: sharper than the linear map, for some milliseconds. Knows no request."""

from pathlib import Path

import torch
from diffusers import AutoencoderTiny
from PIL import Image

from generators.diffusion.devices import Device

LATENTS = 32  # a side at most: 256 pixels, some kilobytes


class SharpPreview:
    """An `AutoencoderTiny` that decodes latents in the denoiser's scale."""

    def __init__(self, folder: Path, device: Device, *, channels: int) -> None:
        """Raises ValueError when it decodes latents of another number of `channels` than the checkpoint's."""
        self._network = AutoencoderTiny.from_pretrained(
            folder, dtype=getattr(torch, device.dtype), use_safetensors=True, local_files_only=True
        )
        own = self._network.config.latent_channels
        if own != channels:
            raise ValueError(
                f"The preview autoencoder in {folder} decodes {own} channels; this checkpoint has {channels}."
            )
        self._network.to(device.torch_name).eval().requires_grad_(requires_grad=False)

    @torch.no_grad()
    def __call__(self, estimate: torch.Tensor) -> Image.Image:
        """The picture that an estimate [1, channels, h, w] shows, at most 256 pixels a side."""
        weights = next(self._network.parameters())
        latents = estimate.to(weights.device, weights.dtype)
        height, width = latents.shape[-2:]
        scale = min(1.0, LATENTS / max(height, width))
        if scale < 1:
            size = (max(1, round(height * scale)), max(1, round(width * scale)))
            latents = torch.nn.functional.adaptive_avg_pool2d(latents, size)
        pixels = self._network.decode(latents, return_dict=False)[0][0]
        levels = ((pixels.float() / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
        return Image.fromarray(levels.permute(1, 2, 0).cpu().numpy())
