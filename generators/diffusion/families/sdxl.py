"""Stable Diffusion XL: two text encoders, size conditioning, a UNet. Equal to the stock pipelines step by step."""

import contextlib
from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image

from generators.diffusion.adapters.attached import Attached
from generators.diffusion.adapters.lora import worn
from generators.diffusion.asks import Ask
from generators.diffusion.families import unet
from generators.diffusion.families.family import State
from generators.diffusion.families.rows import advance
from generators.diffusion.families.text import truncated

ADDED = ("text_embeds", "time_ids")


class StableDiffusionXL:
    """`StableDiffusionXLPipeline` and its image-to-image twin, as rows of a shared forward."""

    def encode(self, pipeline: Any, ask: Ask, attached: Attached) -> State:
        """See `Family`; a negative prompt of None zeroes its embeds, "" encodes it (17-29 % apart)."""
        distilled = pipeline.unet.config.time_cond_proj_dim is not None
        guided = ask.guidance > 1 and not distilled
        with contextlib.ExitStack() as wearing:
            for name in ("text_encoder", "text_encoder_2"):
                if getattr(pipeline, name) is not None:
                    wearing.enter_context(worn(getattr(pipeline, name), name, [(1, attached.loras)]))
            positive, negative, pooled, negative_pooled = pipeline.encode_prompt(
                prompt=ask.prompt,
                device=pipeline.unet.device,
                num_images_per_prompt=1,
                do_classifier_free_guidance=guided,
                negative_prompt=ask.negative_prompt,
            )
        ids = _size_ids(ask, positive)
        inputs = {
            "encoder_hidden_states": torch.cat([negative, positive]) if guided else positive,
            "text_embeds": torch.cat([negative_pooled, pooled]) if guided else pooled,
            "time_ids": torch.cat([ids, ids]) if guided else ids,
        }
        if distilled:
            inputs["timestep_cond"] = unet.guidance_embedding(pipeline, ask.guidance, positive)
        state = unet.begin(pipeline, ask, inputs, attached)
        rest = truncated(pipeline.tokenizer or pipeline.tokenizer_2, ask.prompt)
        if rest:
            state.notes["truncatedPrompt"] = rest
        return state

    def denoise(self, pipeline: Any, states: Sequence[State]) -> list[torch.Tensor]:
        """See `Family`."""
        return unet.predicted(pipeline, states, ADDED)

    def step(self, state: State, prediction: torch.Tensor, *, estimate: bool) -> torch.Tensor | None:
        """See `Family`."""
        return advance(state, prediction, estimate=estimate)

    def decode(self, pipeline: Any, latents: torch.Tensor, size: tuple[int, int]) -> Image.Image:
        """See `Family`; the latents already have the size."""
        del size
        return unet.decoded(pipeline, latents)

    def look(self, pipeline: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Family`."""
        return unet.look(pipeline)


def _size_ids(ask: Ask, like: torch.Tensor) -> torch.Tensor:
    """Original size, crop corner and target size, each (height, width) (Podell et al. 2023, section 2.2)."""
    size = (ask.height, ask.width)
    return torch.tensor([[*size, 0, 0, *size]], dtype=like.dtype, device=like.device)


FAMILY = StableDiffusionXL()
