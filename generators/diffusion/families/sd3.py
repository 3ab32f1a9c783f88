"""Stable Diffusion 3 and 3.5: two CLIPs and a T5, a transformer over latents. Equal to the stock pipelines."""

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image

from generators.diffusion.adapters.attached import Attached
from generators.diffusion.asks import Ask
from generators.diffusion.families import flow
from generators.diffusion.families.family import State
from generators.diffusion.families.rows import guided
from generators.diffusion.families.text import truncated

T5_TOKENS = 256


class StableDiffusion3:
    """`StableDiffusion3Pipeline` and its image-to-image twin, as rows of a shared forward."""

    def encode(self, pipeline: Any, ask: Ask, attached: Attached) -> State:
        """See `Family`."""
        two = ask.guidance > 1
        positive, negative, pooled, negative_pooled = pipeline.encode_prompt(
            prompt=ask.prompt,
            prompt_2=None,
            prompt_3=None,
            negative_prompt=ask.negative_prompt,
            do_classifier_free_guidance=two,
            device=pipeline.transformer.device,
            max_sequence_length=T5_TOKENS,
        )
        scale, patch = pipeline.vae_scale_factor, pipeline.transformer.config.patch_size
        height, width = ask.height // scale, ask.width // scale
        dynamic = pipeline.scheduler.config.get("use_dynamic_shifting", None)
        tokens = (height // patch) * (width // patch)
        start = flow.Start(
            shape=(1, pipeline.transformer.config.in_channels, height, width),
            like=positive,
            mu=flow.shifted(pipeline.scheduler, tokens, 1.16) if dynamic else None,
            sigmas=None,
            encode=lambda pixels, generator: flow.encoded(pipeline.vae, pixels, generator),
        )
        inputs = {
            "rows": 2 if two else 1,
            "prompt": torch.cat([negative, positive]) if two else positive,
            "pooled": torch.cat([negative_pooled, pooled]) if two else pooled,
        }
        state = flow.begin(pipeline, ask, attached, inputs, start)
        state.share = (tuple(state.latents.shape), tuple(positive.shape[1:]))
        rest = _cut(pipeline, ask.prompt)
        if rest:
            state.notes["truncatedPrompt"] = rest
        return state

    def denoise(self, pipeline: Any, states: Sequence[State]) -> list[torch.Tensor]:
        """See `Family`; the stock pipeline too runs both rows in one forward."""
        return guided(states, flow.dressed(pipeline, states, _forward))

    def step(self, state: State, prediction: torch.Tensor, *, estimate: bool) -> torch.Tensor | None:
        """See `Family`."""
        return flow.stepped(state, prediction, estimate=estimate)

    def decode(self, pipeline: Any, latents: torch.Tensor, size: tuple[int, int]) -> Image.Image:
        """See `Family`; the latents already have the size."""
        del size
        return flow.decoded(pipeline, latents)

    def look(self, pipeline: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Family`."""
        return flow.look(pipeline)


def _forward(pipeline: Any, states: Sequence[State]) -> torch.Tensor:
    x = flow.latents(states)
    out: torch.Tensor = pipeline.transformer(
        hidden_states=x,
        timestep=flow.times(states, torch.float32),
        encoder_hidden_states=flow.texts(states, "prompt"),
        pooled_projections=flow.texts(states, "pooled"),
        return_dict=False,
    )[0]
    return out


def _cut(pipeline: Any, prompt: str) -> str:
    if pipeline.text_encoder_3 is None:
        return truncated(pipeline.tokenizer, prompt)
    return truncated(pipeline.tokenizer_3, prompt, T5_TOKENS)


FAMILY = StableDiffusion3()
