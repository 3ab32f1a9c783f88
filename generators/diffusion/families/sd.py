"""Stable Diffusion 1.x and 2.x: one CLIP text encoder, a UNet. Equal to the stock pipelines step by step."""

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


class StableDiffusion:
    """`StableDiffusionPipeline` and its image-to-image twin, as rows of a shared forward."""

    def encode(self, pipeline: Any, ask: Ask, attached: Attached) -> State:
        """See `Family`; a negative prompt of None and "" are the same here."""
        distilled = pipeline.unet.config.time_cond_proj_dim is not None
        guided = ask.guidance > 1 and not distilled
        with worn(pipeline.text_encoder, "text_encoder", [(1, attached.loras)]):
            positive, negative = pipeline.encode_prompt(
                ask.prompt, pipeline.unet.device, 1, guided, ask.negative_prompt
            )
        inputs = {"encoder_hidden_states": torch.cat([negative, positive]) if guided else positive}
        if distilled:
            inputs["timestep_cond"] = unet.guidance_embedding(pipeline, ask.guidance, positive)
        state = unet.begin(pipeline, ask, inputs, attached)
        rest = truncated(pipeline.tokenizer, ask.prompt)
        if rest:
            state.notes["truncatedPrompt"] = rest
        return state

    def denoise(self, pipeline: Any, states: Sequence[State]) -> list[torch.Tensor]:
        """See `Family`."""
        return unet.predicted(pipeline, states, ())

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


FAMILY = StableDiffusion()
