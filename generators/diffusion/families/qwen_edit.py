"""Qwen-Image-Edit (2509 and later): reads reference pictures twice, in its language model and beside the latents.

References are tokens of their own, so requests share a forward when their references have the same sizes. Without one
it draws from words alone. A reference's weight means nothing to the model. Sizes are the stock pipeline's own.
"""

from collections.abc import Sequence
from typing import Any

import torch
from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as stock
from PIL import Image
from typing_extensions import override

from generators.diffusion.adapters.attached import Attached
from generators.diffusion.asks import Ask
from generators.diffusion.families import flow
from generators.diffusion.families.family import State
from generators.diffusion.families.qwen_image import QwenImage
from generators.diffusion.families.rows import sampled
from generators.diffusion.pictures import opened


class QwenImageEdit(QwenImage):
    """`QwenImageEditPlusPipeline`."""

    @override
    def encode(self, pipeline: Any, ask: Ask, attached: Attached) -> State:
        """See `Family`."""
        state = super().encode(pipeline, ask, attached)
        if ask.references:
            latents = [_latents(pipeline, picture) for picture in _pictures(ask)]
            seen = torch.cat([flow.packed(one[:, :, 0]) for one in latents], dim=1)
            state.inputs["seen"] = torch.cat([seen.to(state.latents.dtype)] * state.rows)
            sizes = tuple((1, one.shape[-2] // 2, one.shape[-1] // 2) for one in latents)
            state.share = (*state.share, *sizes)
        return state

    @override
    def prompts(self, pipeline: Any, words: Sequence[str], ask: Ask) -> list[torch.Tensor]:
        shown = [_resized(pipeline, picture) for picture in _pictures(ask)] or None
        device = pipeline.transformer.device
        return [pipeline.encode_prompt(prompt=text, image=shown, device=device)[0] for text in words]

    @override
    def begins_with(self, pipeline: Any) -> flow.Encode | None:
        return None


def _pictures(ask: Ask) -> list[Image.Image]:
    return [opened(piece.data) for piece in ask.references]


def _resized(pipeline: Any, picture: Image.Image) -> Image.Image:
    """As the language model sees it."""
    width, height = stock.calculate_dimensions(stock.CONDITION_IMAGE_SIZE, picture.width / picture.height)
    resized: Image.Image = pipeline.image_processor.resize(picture, height, width)
    return resized


def _latents(pipeline: Any, picture: Image.Image) -> torch.Tensor:
    """As the transformer sees it: [1, channels, 1, height, width], the most likely latents."""
    width, height = stock.calculate_dimensions(stock.VAE_IMAGE_SIZE, picture.width / picture.height)
    vae = pipeline.vae
    pixels = pipeline.image_processor.preprocess(picture, height, width)
    drawn = sampled(vae, pixels.to(pipeline.transformer.device, vae.dtype)[:, :, None], None)
    shape = (1, vae.config.z_dim, 1, 1, 1)
    mean = torch.tensor(vae.config.latents_mean).view(shape).to(drawn.device, drawn.dtype)
    spread = torch.tensor(vae.config.latents_std).view(shape).to(drawn.device, drawn.dtype)
    return (
        drawn - mean
    ) / spread  # a product with 1 / spread would round otherwise than the stock pipeline does


FAMILY = QwenImageEdit()
